"""Functional: a model that is a graph of calls between symbolic inputs and outputs."""

from __future__ import annotations

import inspect
from typing import Any

from addax import tree
from addax.backend.keras_tensor import KerasTensor, is_keras_tensor
from addax.backend.masking import get_keras_mask, set_keras_mask
from addax.backend.tensor import Tensor, cast, convert_to_tensor, is_tensor
from addax.layers.call_context import training_scope
from addax.layers.input_spec import InputSpec, assert_input_compatibility
from addax.layers.layer import Layer
from addax.layers.tracking import Tracked
from addax.models.graph import Graph, copy_between, is_input_tensor
from addax.models.model import Model
from addax.ops.call_errors import describe_argument


class Functional(Model):
    """The graph of layers between `inputs` and `outputs`.

    Args:
        inputs: `KerasTensor`s, alone or in lists, tuples and dicts. Any symbolic tensor may be an
            input, not only those of `Input()`.
        outputs: The same, computed from the inputs.
        name: Name of the model.

    Raises:
        ValueError: If something else is given, or the outputs need more than the inputs.
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        trainable = kwargs.pop("trainable", None)
        kwargs.pop("dtype", None)  # Keras writes it; each layer has its own
        _check_tensors(inputs, "inputs")
        _check_tensors(outputs, "outputs")
        super().__init__(name=name, **kwargs)
        flat_inputs, flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
        if len({id(x) for x in flat_inputs}) != len(flat_inputs):
            raise ValueError(f"All `inputs` of a model must be different. Received: {inputs}")
        if not all(is_input_tensor(x) for x in flat_inputs):
            flat_inputs, flat_outputs = copy_between(flat_inputs, flat_outputs)
            inputs = tree.pack_sequence_as(inputs, flat_inputs)
            outputs = tree.pack_sequence_as(outputs, flat_outputs)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self._graph = Graph(flat_inputs, flat_outputs)
        self._allow_non_tensor_positional_args = True
        self._supports_masking = True
        self.input_spec = _input_specs(inputs)
        self._path = self.name
        self.built = True
        if trainable is not None and not trainable:
            self.trainable = False

    def build(self, input_shape=None):
        """Nothing: the layers of a functional model are built when they are connected."""
        self.built = True

    @property
    def layers(self) -> list[Layer]:
        """The layers of the graph, those farthest from the outputs first."""
        return [op for op in self._graph.operations if isinstance(op, Layer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    @property
    def operations(self) -> list:
        """The layers and operations of the graph."""
        return list(self._graph.operations)

    def _tracked(self) -> Tracked:
        found = Tracked()
        graph = self.__dict__.get("_graph")
        if graph is not None:
            for operation in graph.operations:
                found.add(operation)
        return found.add_attributes(self)

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        from addax.models.graph_state import GraphState

        structures = [self._inputs_struct, self._outputs_struct]
        state = super().__getstate__()
        for name in ("_inputs_struct", "_outputs_struct"):
            state.pop(name)
        return {**state, "_graph": GraphState(self._graph.nodes, structures)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._inputs_struct, self._outputs_struct = state["_graph"].restore()
        inputs, outputs = tree.flatten(self._inputs_struct), tree.flatten(self._outputs_struct)
        super().__setstate__({**state, "_graph": Graph(inputs, outputs)})

    # Inputs and outputs

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, in a flat list."""
        return self._graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in a flat list."""
        return self._graph.outputs

    @property
    def input(self):
        """The symbolic inputs, nested as they were given."""
        return self._inputs_struct

    @property
    def output(self):
        """The symbolic outputs, nested as they were given."""
        return self._outputs_struct

    @property
    def input_shape(self):
        """Shape of the input; a list of them if there are several."""
        return _shapes(self.inputs)

    @property
    def output_shape(self):
        """Shape of the output; a list of them if there are several."""
        return _shapes(self.outputs)

    @property
    def input_layers(self) -> list[Layer]:
        """The layers that the inputs enter by."""
        return [x._keras_history.operation for x in self.inputs]

    @property
    def output_layers(self) -> list[Layer]:
        """The layers (or operations) that give the outputs."""
        return [x._keras_history.operation for x in self.outputs]

    @property
    def input_names(self) -> list[str]:
        return [layer.name for layer in self.input_layers]

    @property
    def output_names(self) -> list[str]:
        return [layer.name for layer in self.output_layers]

    # Calling

    def call(self, inputs, training=None, mask=None):
        """Runs the graph.

        Args:
            inputs: Tensors or arrays, nested as the model's inputs; or a dict by input name.
            training: Whether layers behave as in training; that of the enclosing call if `None`.
            mask: Masks of the inputs.

        Returns:
            Tensors, nested as the model's outputs; a list or tuple of one gives its tensor alone.

        Raises:
            ValueError: If number, names or shapes of the inputs do not fit.
        """
        values = self._standardize(inputs)
        if mask is not None:
            for x, m in zip(values, tree.flatten(mask), strict=False):
                if m is not None:
                    set_keras_mask(x, m)
        with training_scope(training):
            results = self._graph.run(values)
        return _unwrapped(tree.pack_sequence_as(self._outputs_struct, results))

    def compute_output_spec(self, inputs, training=None, mask=None):
        """`KerasTensor`s like the outputs for inputs like these, with their masks."""
        values = self._select(inputs)
        if all(
            is_keras_tensor(x) and _same_spec(x, own)
            for x, own in zip(values, self.inputs, strict=True)
        ):
            return _unwrapped(tree.map_structure(_copy_with_mask, self._outputs_struct))
        return self._trace(lambda x: self.call(x, training=training, mask=mask), (inputs,), {})

    def compute_output_shape(self, input_shape):
        """Shapes of the outputs for shapes of the inputs."""
        from addax.layers.layer import map_shapes

        shapes = iter(self.inputs)
        inputs = map_shapes(lambda s: KerasTensor(s, dtype=next(shapes).dtype), input_shape)
        return tree.map_structure(lambda x: x.shape, self.compute_output_spec(inputs))

    def _convert_argument(self, x, positional: bool = False):
        """Arrays and lists of numbers as tensors; the graph's inputs decide dtypes."""
        if positional and isinstance(x, dict):
            struct = self._inputs_struct
            known = struct if isinstance(struct, dict) else self.input_names
            if isinstance(struct, dict) or not _holds_dict(struct):
                x = {key: value for key, value in x.items() if key in known}
        return as_tensors(x, positional)

    def _check_input_spec(self, arguments: dict[str, Any]) -> None:
        if arguments:
            values = self._select(next(iter(arguments.values())))
            assert_input_compatibility(self.input_spec, values, self)

    def _standardize(self, inputs) -> list:
        """The inputs in a flat list, as tensors of the declared dtypes and ranks."""
        values = self._select(inputs)
        return [_fit(x, own) for x, own in zip(values, self.inputs, strict=True)]

    def _select(self, inputs) -> list:
        """The inputs in a flat list, found by name where they are given in a dict."""
        struct = self._inputs_struct
        if isinstance(struct, dict):
            if not isinstance(inputs, dict) and len(struct) == 1 == len(tree.flatten(inputs)):
                return tree.flatten(inputs)  # nothing can be mistaken
            if not isinstance(inputs, dict):
                raise ValueError(
                    f'Layer "{self.name}" expects {len(struct)} named input(s) with keys '
                    f"{list(struct)}, but it received {len(tree.flatten(inputs))} input tensors. "
                    "Pass inputs as a dict, e.g. "
                    f"`layer({{{', '.join(f'{key!r}: ...' for key in struct)}}})`."
                )
            self._require(inputs, list(struct))
            inputs = {key: inputs.get(key) for key in struct}
        elif isinstance(inputs, dict) and not _holds_dict(struct):
            self._require(inputs, self.input_names)
            return [inputs.get(name) for name in self.input_names]
        values = tree.flatten(inputs)
        if len(values) != len(self.inputs):
            raise ValueError(
                f'Layer "{self.name}" expects {len(self.inputs)} input(s), but it received '
                f"{len(values)} input tensors. Inputs received: {describe_argument(inputs)}"
            )
        return values

    def _require(self, inputs: dict, names: list[str]) -> None:
        optional = {layer.name for layer in self.input_layers if getattr(layer, "optional", False)}
        for name in names:
            if name not in inputs and name not in optional:
                raise ValueError(
                    f'Missing data for input "{name}". You passed a data dictionary with keys '
                    f"{list(inputs)}. Expected the following keys: {names}"
                )

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """The graph: layers with their calls, inputs and outputs by reference.

        A subclass with a constructor of its own gets the arguments it was made with instead.
        """
        if not takes_inputs_and_outputs(type(self)):
            return Layer.get_config(self)
        from addax.models.functional_config import functional_config

        return functional_config(self)

    get_config._is_default = True  # type: ignore[attr-defined]


def takes_inputs_and_outputs(cls: type) -> bool:
    """Whether a class's constructor has the parameters that `Functional` has."""
    constructor = cls.__init__  # type: ignore[misc]
    if constructor in (Functional.__init__, Model.__init__):
        return True
    own = list(inspect.signature(constructor).parameters.values())[1:]
    names = [p.name for p in own]
    if names[:3] == ["inputs", "outputs", "name"]:
        return all(p.default is not p.empty or p.kind is p.VAR_KEYWORD for p in own[3:])
    return [p.kind for p in own] == [
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    ]


def _check_tensors(value, what: str) -> None:
    for x in tree.flatten(value):
        if not is_keras_tensor(x):
            raise ValueError(
                f"All `{what}` values must be KerasTensors. Received: {what}={value} including "
                f"invalid value {x} of type {type(x)}"
            )
        if getattr(x, "_keras_history", None) is None:
            raise ValueError(
                f"All `{what}` values must come from `Input()` or a layer. Received: {x}"
            )
    if not tree.flatten(value):
        raise ValueError(f"A model needs at least one of `{what}`. Received: {what}={value}")


def _input_specs(inputs):
    """What the inputs must look like; the batch axis is free."""
    flat = tree.flatten(inputs)
    by_name = isinstance(inputs, dict) and len(flat) == len(inputs)
    simple = is_keras_tensor(inputs) or (
        isinstance(inputs, (list, tuple)) and len(flat) == len(inputs)
    )
    # Flattening a dict sorts its keys.
    names = sorted(inputs) if by_name else [x._keras_history.operation.name for x in flat]
    return [
        InputSpec(
            shape=(None, *x.shape[1:]),
            allow_last_axis_squeeze=True,
            name=name if by_name or simple else None,
            optional=getattr(x._keras_history.operation, "optional", False),
        )
        if x.shape
        else InputSpec(name=name if by_name or simple else None)
        for x, name in zip(flat, names, strict=True)
    ]


def _unwrapped(outputs):
    """`[x]` and `(x,)` as `x`: `Model([a], [b])` gives a tensor, as in Keras."""
    if isinstance(outputs, (list, tuple)) and len(outputs) == 1 and not tree.is_nested(outputs[0]):
        return outputs[0]
    return outputs


def _holds_dict(struct) -> bool:
    if isinstance(struct, dict):
        return True
    return isinstance(struct, (list, tuple)) and any(_holds_dict(x) for x in struct)


def as_tensors(x, positional: bool):
    """Arrays in a nest as tensors of their own dtypes; a list of numbers as one tensor."""
    if positional and isinstance(x, (list, tuple)):
        leaves = tree.flatten(x)
        if leaves and all(isinstance(leaf, (int, float)) for leaf in leaves):
            return convert_to_tensor(x)
    if tree.is_nested(x):
        return tree.map_structure(_as_tensor, x)
    return _as_tensor(x)


def _as_tensor(x):
    if x is None or is_keras_tensor(x) or type(x) is Tensor:
        return x
    if hasattr(x, "shape") or hasattr(x, "__array__") or hasattr(x, "__addax_tensor__"):
        return convert_to_tensor(x)
    return x


def _fit(x, own: KerasTensor):
    """`x` as a tensor of the dtype and rank of the symbolic input `own`."""
    if x is None:
        return None
    mask = get_keras_mask(x)
    if not is_tensor(x):
        x = convert_to_tensor(x, dtype=own.dtype)
    elif x.dtype != own.dtype:
        x = cast(x, own.dtype)
    rank, wanted = len(x.shape), len(own.shape)
    if rank != wanted:
        from addax import ops

        if rank == wanted + 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, axis=-1)
        elif rank == wanted - 1 and own.shape[-1] == 1:
            x = ops.expand_dims(x, axis=-1)
        else:
            raise ValueError(
                f"Invalid input shape for input with name '{own.name}'. Expected shape "
                f"{own.shape}, but input has incompatible shape {tuple(x.shape)}"
            )
    if mask is not None and get_keras_mask(x) is None:
        set_keras_mask(x, mask)
    return x


def _same_spec(x: KerasTensor, own: KerasTensor) -> bool:
    return x.shape == own.shape and x.dtype == own.dtype and get_keras_mask(x) is None


def _copy_with_mask(x: KerasTensor) -> KerasTensor:
    copy = KerasTensor(x.shape, dtype=x.dtype)
    mask = get_keras_mask(x)
    if mask is not None:
        set_keras_mask(copy, mask)
    return copy


def _shapes(tensors: list[KerasTensor]):
    shapes = [x.shape for x in tensors]
    return shapes[0] if len(shapes) == 1 else shapes
