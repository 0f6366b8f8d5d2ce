"""Sequential: a model that is a stack of layers."""

from __future__ import annotations

from typing import Any

from addax import tree
from addax.backend.dtypes import is_float_dtype
from addax.backend.keras_tensor import KerasTensor
from addax.backend.names import name_scope
from addax.layers.core.input_layer import InputLayer
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer, is_shape
from addax.models.functional import Functional, as_tensors
from addax.models.model import Model


class Sequential(Model):
    """A stack of layers, each of which takes what the one before it gives.

    With an `Input` as the first entry, or `input_shape=` on the first layer, it is built at once.
    Otherwise it is built when it is first called, or by `build(input_shape)`.

    Args:
        layers: The layers, first to last.
        trainable: Whether training changes the weights.
        name: Name of the model.

    Raises:
        ValueError: If an entry is no layer, or two have one name.
    """

    _untracked = Model._untracked | {"_tensors"}

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        # Layers, an InputLayer first where the input shape is known.
        self._sequence: list[Layer] = []
        # Symbolic output of each of them, as far as the stack is connected.
        self._tensors: list[KerasTensor] = []
        self._functional_model: Functional | None = None
        self._called_with_dtype: str | None = None
        self._allow_non_tensor_positional_args = True
        self._supports_masking = True
        if layers is not None:
            if not isinstance(layers, (list, tuple)):
                layers = [layers]
            for layer in layers:
                self.add(layer, rebuild=False)
            self._connect()

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        from addax.models.graph_state import GraphState, nodes_of

        graph = GraphState(nodes_of(self._tensors), [self._tensors])
        return {**super().__getstate__(), "_tensors": graph, "_functional_model": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        (tensors,) = state["_tensors"].restore()
        super().__setstate__({**state, "_tensors": tensors})

    # The stack

    def add(self, layer, rebuild: bool = True) -> None:
        """Puts a layer (or an `Input`) on top of the stack.

        Raises:
            ValueError: If it is no layer, has the name of another, or does not fit on top of the
                last one.
        """
        history = getattr(layer, "_keras_history", None)
        if history is not None and isinstance(history.operation, InputLayer):
            layer = history.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                f"Received: {layer} (of type {type(layer)})"
            )
        if any(other.name == layer.name for other in self._sequence):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._sequence:
            self._refuse_second_input(layer)
        before, was_built = list(self._sequence), self.built
        self._forget_programs()
        shape = layer._declared_input_shape
        if not self._sequence and shape is not None and not isinstance(layer, InputLayer):
            dtype = getattr(layer, "_declared_input_dtype", None) or layer.compute_dtype
            self._sequence.append(InputLayer(batch_shape=shape, dtype=dtype))
        self._sequence.append(layer)
        if not self._trainable:
            layer.trainable = False
        if rebuild:
            try:
                self._connect()
            except Exception:
                self._sequence, self.built = before, was_built
                del self._tensors[len(before) :]
                raise

    def _refuse_second_input(self, layer: InputLayer) -> None:
        first = self._sequence[0]
        if isinstance(first, InputLayer):
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{first.batch_shape}. You cannot add a different Input layer to it."
            )
        raise ValueError(
            f"Sequential model '{self.name}' has layers already: an Input (here '{layer.name}') "
            "must be the first."
        )

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer off the stack and returns it.

        Raises:
            IndexError: If there is none.
        """
        if not self.layers:
            raise IndexError("There are no layers in the model.")
        layer = self._sequence.pop()
        del self._tensors[len(self._sequence) :]
        self._functional_model = None
        self._forget_programs()
        self.built = bool(self.layers) and bool(self._tensors)
        return layer

    def _connect(self) -> None:
        """Calls the layers that are not connected yet, if the input shape is known."""
        sequence = self._sequence
        if not sequence:
            return
        if not self._tensors and not isinstance(sequence[0], InputLayer):
            first = sequence[0]
            known = isinstance(first, Sequential) and first._has_graph()
            if len(sequence) > 1 and (known or isinstance(first, Functional)):
                inputs = first.inputs  # type: ignore[attr-defined]
                if len(inputs) == 1:
                    self._connect_from(inputs[0].shape, inputs[0].dtype)
            return
        if not self._tensors:
            self._tensors = [sequence[0].output]
        self._functional_model = None
        self.built = False
        with name_scope(self.name, caller=self):
            self._path = self.name if self._path is None else self._path
            for layer in sequence[len(self._tensors) :]:
                x = layer(self._tensors[-1])
                if not isinstance(x, KerasTensor):
                    raise ValueError(
                        "All layers in a Sequential model should have a single output tensor. For "
                        "multi-output layers, use the functional API. Layer "
                        f"'{layer.name}' gives {len(tree.flatten(x))} outputs."
                    )
                self._tensors.append(x)
        if len(sequence) > 1:
            shape = self._tensors[0].shape
            self._build_shapes = {"input_shape": shape}
            self.input_spec = [
                InputSpec(
                    shape=(None, *shape[1:]),
                    allow_last_axis_squeeze=True,
                    name=sequence[0].name,
                )
            ]
            self.built = True

    def _connect_from(self, batch_shape, dtype: str) -> None:
        """Connects the stack to an input of that shape."""
        layer = InputLayer(batch_shape=batch_shape, dtype=dtype)
        self._sequence.insert(0, layer)
        try:
            self._connect()
        except Exception:
            self._sequence.remove(layer)
            self._tensors = []
            raise

    def build(self, input_shape=None):
        """Makes the weights for inputs of that shape.

        Args:
            input_shape: Shape of the input with its batch axis.

        Raises:
            ValueError: If the model has another input shape already, has no layers, or its layers
                do not fit.
        """
        if not self.layers:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. "
                "Call `model.add(layer)`."
            )
        if isinstance(self._sequence[0], InputLayer):
            own = self._sequence[0].batch_shape
            if input_shape is not None and is_shape(input_shape) and tuple(input_shape) != own:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input "
                    f"shape {own}. You cannot build it with input_shape {tuple(input_shape)}"
                )
            self._connect()
            return
        if input_shape is None:
            raise ValueError("You must provide an `input_shape` argument.")
        if not is_shape(input_shape):
            # Several inputs: there is no graph, the layers are called one after the other.
            return
        dtype = self._called_with_dtype or self._sequence[0].compute_dtype
        self._connect_from(tuple(input_shape), dtype)

    def _maybe_build(self, arguments, args, kwargs) -> None:
        first = next(iter(arguments.values()), None)
        dtype = getattr(first, "dtype", None)
        # Token ids stay integers, though the first layer computes in floats.
        self._called_with_dtype = None if dtype is None or is_float_dtype(dtype) else str(dtype)
        super()._maybe_build(arguments, args, kwargs)

    @property
    def layers(self) -> list[Layer]:
        """The layers of the stack; an `Input` is none of them."""
        if self._sequence and isinstance(self._sequence[0], InputLayer):
            return self._sequence[1:]
        return list(self._sequence)

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. "
            "Use `add()` and `pop()` to change the layers in this model."
        )

    # The graph

    def _has_graph(self) -> bool:
        return len(self._tensors) > 1 and len(self._tensors) == len(self._sequence)

    @property
    def _functional(self) -> Functional | None:
        """The stack as a functional model; `None` before it is built."""
        if self._functional_model is None and self._has_graph():
            self._functional_model = Functional(self._tensors[0], self._tensors[-1], name=self.name)
        return self._functional_model

    def _require_graph(self, what: str) -> Functional:
        functional = self._functional
        if functional is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined {what} yet.")
        return functional

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, in a list."""
        return self._require_graph("inputs").inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, in a list."""
        return self._require_graph("outputs").outputs

    @property
    def input(self) -> KerasTensor:
        """The symbolic input."""
        return self._require_graph("input").input

    @property
    def output(self) -> KerasTensor:
        """The symbolic output."""
        return self._require_graph("output").output

    @property
    def input_shape(self):
        """Shape of the input."""
        return self._require_graph("input shape").input_shape

    @property
    def output_shape(self):
        """Shape of the output."""
        return self._require_graph("output shape").output_shape

    @property
    def input_layers(self) -> list[Layer]:
        """The layer that the input enters by; none before the model is built."""
        return [self._sequence[0]] if self._has_graph() else []

    @property
    def output_layers(self) -> list[Layer]:
        """The last layer; none before the model is built."""
        return [self._sequence[-1]] if self._has_graph() else []

    @property
    def input_names(self) -> list[str]:
        return [layer.name for layer in self.input_layers]

    @property
    def output_names(self) -> list[str]:
        return [layer.name for layer in self.output_layers]

    # Calling

    def call(self, inputs, training=None, mask=None):
        """Runs the layers one after the other.

        Args:
            inputs: Tensor or array.
            training: Whether layers behave as in training; that of the enclosing call if `None`.
            mask: Mask of the inputs.

        Returns:
            What the last layer gives.
        """
        functional = self._functional
        if functional is not None:
            return functional.call(inputs, training=training, mask=mask)
        from addax.layers.call_context import training_scope

        x = inputs
        with training_scope(training):
            for layer in self.layers:
                x = layer(x) if mask is None else layer(x, mask=mask)
                mask = None
        return x

    def compute_output_spec(self, inputs, training=None, mask=None):
        """`KerasTensor`s like the outputs for inputs like these, with their masks."""
        functional = self._functional
        if functional is not None:
            return functional.compute_output_spec(inputs, training=training, mask=mask)
        return self._trace(lambda x: self.call(x, training=training, mask=mask), (inputs,), {})

    def compute_output_shape(self, input_shape):
        """Shape of the output for a shape of the input."""
        functional = self._functional
        if functional is not None:
            return functional.compute_output_shape(input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def _convert_argument(self, x, positional: bool = False):
        return as_tensors(x, positional)

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """The layers, first to last, and the input shape if it is known."""
        from addax.saving.serialization import serialize_keras_object

        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self._dtype_policy),
            "layers": [serialize_keras_object(layer) for layer in self._sequence],
        }
        if self._has_graph():
            config["build_input_shape"] = self._tensors[0].shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Makes a model from what `get_config`, Keras 2 or TensorFlow.js wrote."""
        from addax.saving.registration import CustomObjectScope
        from addax.saving.serialization import deserialize_keras_object

        if isinstance(config, list):  # the oldest files hold the bare list
            config = {"layers": config}
        if not isinstance(config.get("layers"), list):
            raise ValueError("The config of a Sequential model must have a list of `layers`.")
        model = cls(name=config.get("name"))
        policy = config.get("dtype")
        if policy is not None:
            from addax import dtype_policies

            model._dtype_policy = dtype_policies.get(policy)
        with CustomObjectScope(custom_objects):
            for entry in config["layers"]:
                layer = deserialize_keras_object(entry)
                model.add(layer, rebuild=False)
            model._connect()
            shape = config.get("build_input_shape")
            if shape and not model.built and model.layers and is_shape(shape):
                model.build(tuple(shape))
        if config.get("trainable") is False:
            model.trainable = False
        return model
