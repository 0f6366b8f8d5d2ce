"""clone_model: the same architecture with new layers and new weights."""

from __future__ import annotations

from addax import tree
from addax.layers.core.input_layer import Input, InputLayer
from addax.layers.layer import Layer
from addax.models.functional import Functional
from addax.models.graph import is_input_tensor
from addax.models.sequential import Sequential


def clone_model(
    model,
    input_tensors=None,
    clone_function=None,
    call_function=None,
    recursive=False,
    **kwargs,
):
    """A model with the architecture of `model`, but new layers with newly initialized weights.

    Args:
        model: Functional, `Sequential`, or a subclassed model that has a config.
        input_tensors: `KerasTensor`s to begin the clone with, instead of new inputs.
        clone_function: Function `(layer) -> layer` that makes the clone of a layer; by its config
            if `None`.
        call_function: Function `(layer, *args, **kwargs)` that calls a clone in a functional
            model; the call itself if `None`.
        recursive: Whether layers inside nested models go through `clone_function` too.

    Raises:
        ValueError: If the arguments do not fit the kind of model.
    """
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {list(kwargs)}")
    if not isinstance(model, (Functional, Sequential)):
        if input_tensors is not None or clone_function is not None:
            raise ValueError(
                "Arguments `clone_function` and `input_tensors` are only supported for Sequential "
                f"models or Functional models. Received model of type '{type(model).__name__}'"
            )
        if call_function is not None:
            raise ValueError(
                "Argument `call_function` is only supported for Functional models. Received model "
                f"of type '{type(model).__name__}'"
            )
        return type(model).from_config(model.get_config())
    clone = _cloner(clone_function, call_function, recursive)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                "`call_function` argument is not supported with Sequential models. In a Sequential "
                "model, layers aren't called at model-construction time (they're merely listed)."
            )
        return _clone_sequential(model, clone, input_tensors)
    return _clone_functional(model, clone, input_tensors, call_function)


def _cloner(clone_function, call_function, recursive):
    def clone(layer):
        if recursive and isinstance(layer, (Functional, Sequential)):
            calls = call_function if isinstance(layer, Functional) else None
            return clone_model(
                layer, clone_function=clone_function, call_function=calls, recursive=True
            )
        if clone_function is not None:
            return clone_function(layer)
        return type(layer).from_config(layer.get_config())

    return clone


def _clone_sequential(model, clone, input_tensors):
    layers = [clone(layer) for layer in model.layers]
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ValueError(f"`clone_function` must return a layer. Received: {layer}")
    if input_tensors is not None:
        flat = tree.flatten(input_tensors)
        if len(flat) != 1 or not is_input_tensor(flat[0]):
            raise ValueError(
                "The `input_tensors` of a Sequential model must be the tensor of one `Input()`. "
                f"Received: {input_tensors}"
            )
        layers.insert(0, flat[0])
    elif model._sequence and isinstance(model._sequence[0], InputLayer):
        first = model._sequence[0]
        layers.insert(0, Input(batch_shape=first.batch_shape, dtype=first.dtype, name=first.name))
    return type(model)(layers, name=model.name, trainable=model.trainable)


def _clone_functional(model, clone, input_tensors, call_function):
    known = {}
    if input_tensors is None:
        for x in model.inputs:
            layer = x._keras_history.operation
            known[id(x)] = Input(
                batch_shape=x.shape,
                dtype=x.dtype,
                name=layer.name,
                optional=getattr(layer, "optional", False),
            )
    else:
        flat = tree.flatten(input_tensors)
        if len(flat) != len(model.inputs):
            raise ValueError(
                f"The model has {len(model.inputs)} inputs, but `input_tensors` are {len(flat)}."
            )
        for x, new in zip(model.inputs, flat, strict=True):
            known[id(x)] = new
    inputs = tree.pack_sequence_as(model.input, [known[id(x)] for x in model.inputs])
    clones = {}

    def call(operation, args, kwargs):
        if id(operation) not in clones:
            clones[id(operation)] = clone(operation)
        new = clones[id(operation)]
        return (
            new(*args, **kwargs) if call_function is None else call_function(new, *args, **kwargs)
        )

    outputs = model._graph.run([known[id(x)] for x in model.inputs], call)
    outputs = tree.pack_sequence_as(model.output, outputs)
    return Functional(inputs, outputs, name=model.name, trainable=model.trainable)
