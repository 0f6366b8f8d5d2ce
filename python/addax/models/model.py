"""Model: a layer that can be trained, saved and summarized."""

from __future__ import annotations

import inspect
from typing import Any

from addax import tree
from addax.backend.keras_tensor import KerasTensor
from addax.backend.masking import get_keras_mask, set_keras_mask
from addax.layers.layer import Layer, map_shapes
from addax.trainers.trainer import Trainer


class Model(Trainer, Layer):
    """A graph of layers between inputs and outputs, or a subclass with a `call` of its own.

    `Model(inputs, outputs)` makes a functional model from symbolic tensors. A subclass makes its
    layers in `__init__` and uses them in `call(inputs, training=None, mask=None)`.

    Args:
        inputs: `KerasTensor`s, alone or in lists, tuples and dicts.
        outputs: The same.
        name: Name of the model.

    Raises:
        ValueError: If the outputs cannot be computed from the inputs.
    """

    # What training keeps on the model, and what only refers to layers that are listed elsewhere.
    _untracked = Layer._untracked | {
        "_compile_config",
        "_compile_loss",
        "_compile_metrics",
        "_compiled_trainable",
        "_functional_model",
        "_loss_tracker",
        "_optimizer",
        "_quick_predict",
        "history",
        "loss",
        "optimizer",
    }

    def __new__(cls, *args, **kwargs):
        if cls is Model and _are_inputs_and_outputs(args, kwargs):
            from addax.models.functional import Functional

            return Functional.__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        Trainer.__init__(self)
        from addax.models.functional import Functional

        if _are_inputs_and_outputs(args, kwargs) and not isinstance(self, Functional):
            # class Net(Model) whose constructor hands inputs and outputs up is functional too.
            _become_functional(type(self))
            Functional.__init__(self, *args, **kwargs)
        else:
            Layer.__init__(self, *args, **kwargs)

    def call(self, *args, **kwargs):
        raise NotImplementedError(
            f"Model {type(self).__name__} does not have a `call()` method implemented."
        )

    def build(self, input_shape):
        """Makes the weights by calling the model on symbolic inputs of this shape.

        Args:
            input_shape: Shape of the input with its batch axis, nested as the inputs are.

        Raises:
            ValueError: If `call` fails on them.
        """
        if self.built or not self._has_unbuilt_sublayers():
            return
        from addax.backend.symbolic import compute_output_spec

        inputs = map_shapes(lambda shape: KerasTensor(shape, dtype=self.input_dtype), input_shape)
        try:
            compute_output_spec(self.call, inputs)
        except Exception as error:
            raise ValueError(
                f"Model '{self.name}' could not be built by calling it on inputs of shape "
                f"{input_shape}. If it takes other inputs, build it by calling it on real data "
                f"instead. Error encountered: {error}"
            ) from error

    build._is_default = True  # type: ignore[attr-defined]

    @property
    def layers(self) -> list[Layer]:
        """The model's layers, not those inside them."""
        return self._flatten_layers(include_self=False, recursive=False)

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    @property
    def input_layers(self) -> list[Layer]:
        """The layers that the inputs enter by; none if the model has no graph."""
        return []

    @property
    def output_layers(self) -> list[Layer]:
        """The layers that give the outputs; none if the model has no graph."""
        return []

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that index of `layers`.

        Raises:
            ValueError: If there is none, or not exactly one of the two is given.
        """
        if index is not None and name is not None:
            raise ValueError(
                f"Provide only a layer name or a layer index. Received: index={index}, name={name}."
            )
        layers = self.layers
        if index is not None:
            if len(layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(layers)} layers."
                )
            return layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}."
        )

    @property
    def weights(self):
        """All weights: each layer's trainable ones, then its others.

        Raises:
            ValueError: If there are none because the model is not built.
        """
        weights = self._collect_weights()
        if not weights and not self.built:
            raise ValueError(
                f"Weights for model '{self.name}' have not yet been created: the model is unbuilt. "
                "Weights are created when the model is first called on inputs or `build()` is "
                "called with an `input_shape`."
            )
        return weights

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints a table of the layers: name, type, output shape, number of parameters.

        Args:
            line_length: Width of the table; that of the terminal, within bounds, if `None`.
            positions: Where the columns end, in parts of the width.
            print_fn: Function called once with the whole text instead of printing it.
            expand_nested: Whether layers of nested models are listed.
            show_trainable: Whether there is a column that says which layers train.
            layer_range: Pair of names (or regular expressions): first and last layer to list.

        Raises:
            ValueError: If `layer_range` names no layer.
        """
        from addax.models.summary import print_summary

        print_summary(
            self,
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )

    # Copies

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self.compiled:
            self._compiled_trainable = self._trainable_by_layer()

    # Files

    def save(self, filepath, overwrite=True, **kwargs):
        """Saves the model with its weights, compile configuration and optimizer state.

        Args:
            filepath: A folder (for Python, C++ and TensorFlow.js), or a file ending in `.keras`,
                `.h5` or `.safetensors`.
            overwrite: Whether what is there is replaced without asking.
            kwargs: Options of `addax.saving.save_model`.
        """
        from addax import saving

        return saving.save_model(self, filepath, overwrite=overwrite, **kwargs)

    def save_weights(self, filepath, overwrite=True, **kwargs):
        """Saves the weights alone."""
        from addax import saving

        return saving.save_weights(self, filepath, overwrite=overwrite, **kwargs)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Loads weights that `save_weights` or `save` wrote."""
        from addax import saving

        return saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs) -> str:
        """The configuration as JSON, for `models.model_from_json`; `kwargs` go to `json.dumps`."""
        import json

        from addax.saving.serialization import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)

    # Configuration

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None):
        """Makes a model from what `get_config` returned.

        Raises:
            TypeError: If the constructor refuses the config.
        """
        from addax.models.functional import Functional, takes_inputs_and_outputs
        from addax.models.functional_config import functional_from_config, is_functional_config

        if is_functional_config(config) and (
            cls in (Model, Functional) or takes_inputs_and_outputs(cls)
        ):
            return functional_from_config(cls, config, custom_objects)
        return super().from_config(config)

    # Symbolic calls

    def _call_symbolically(self, args, kwargs, arguments):
        from addax.ops.call_errors import call_with_argument_info

        if "training" in kwargs and not self._call_signature.has_training:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        # Masks come with the outputs: they are set by the layers inside.
        return call_with_argument_info(self, self.symbolic_call, args, kwargs)

    def symbolic_call(self, *args, **kwargs):
        from addax.ops.node import Node

        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, call_args=args, call_kwargs=kwargs, outputs=outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """`KerasTensor`s like the outputs for inputs like these, with their masks."""
        if not getattr(type(self).compute_output_shape, "_is_default", False):
            return super().compute_output_spec(*args, **kwargs)
        return self._trace(self.call, args, kwargs)

    def _trace(self, function, args, kwargs):
        """Runs `function` on symbolic values, with the masks of its arguments and outputs."""
        from addax.backend.symbolic import compute_output_spec

        masked = [
            (x, mask)
            for x in tree.flatten((args, kwargs))
            if (mask := get_keras_mask(x)) is not None
        ]

        def run(args, kwargs, masked):
            for x, mask in masked:
                set_keras_mask(x, mask)
            outputs = function(*args, **kwargs)
            return outputs, [get_keras_mask(x) for x in tree.flatten(outputs)]

        outputs, masks = compute_output_spec(run, args, kwargs, masked)
        for x, mask in zip(tree.flatten(outputs), masks, strict=True):
            if mask is not None:
                set_keras_mask(x, mask)
        return outputs

    def _pass_masks_on(self, arguments, outputs, compute_mask) -> None:
        """The layers inside have put masks on the outputs already."""
        if not getattr(type(self).compute_mask, "_is_default", False):
            super()._pass_masks_on(arguments, outputs, compute_mask)

    def _lock_state(self) -> None:
        """Models may get further layers and metrics when they are built."""


def model_from_json(json_string: str, custom_objects=None):
    """The model of a JSON configuration; weights are new.

    Raises:
        ValueError: If it is not the configuration of a model.
    """
    import json

    from addax.saving.serialization import deserialize_keras_object

    model = deserialize_keras_object(json.loads(json_string), custom_objects=custom_objects)
    if not isinstance(model, Model):
        raise ValueError(f"The JSON does not describe a model, but {model!r}.")
    return model


def _are_inputs_and_outputs(args: tuple, kwargs: dict) -> bool:
    return (
        len(args) == 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
    )


def _become_functional(cls: type) -> None:
    """Puts `Functional` in the place of `Model` among the bases of a user's class."""
    from addax.models.functional import Functional

    if cls is Model or issubclass(cls, Functional):
        return
    for base in cls.__bases__:
        if inspect.isclass(base) and issubclass(base, Model) and base is not Model:
            _become_functional(base)
    cls.__bases__ = tuple(Functional if base is Model else base for base in cls.__bases__)
