"""A recurrent layer read in both directions."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.layer import Layer
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object

_MERGES = {
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
    None: lambda a, b: (a, b),
}


class Bidirectional(Layer):
    """Runs a recurrent layer forward, a copy of it backward, and merges the outputs.

    Args:
        layer: `RNN` or a layer like it: with `go_backwards`, `return_sequences`,
            `return_state` and `stateful`.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs apart.
        weights: Initial weights of both layers, in one list.
        backward_layer: Layer for the other direction; None for a copy of `layer`.

    Call arguments:
        sequences: Tensor of shape `(batch, time, ...)`.
        initial_state: States of the forward layer, then those of the backward one.
        mask, training: Passed on.

    Returns:
        What `layer` returns, with merged outputs; states are the forward ones, then the
        backward ones.
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        if not hasattr(layer, "go_backwards"):
            raise ValueError(
                "`Bidirectional` wraps recurrent layers, which have `go_backwards`, "
                f"`return_sequences` and `return_state`. Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(
                "`backward_layer` need to be a `keras.layers.Layer` instance. "
                f"Received: {backward_layer}"
            )
        if merge_mode not in _MERGES:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of "
                '{"sum", "mul", "ave", "concat", None}'
            )
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        self.forward_layer = _renamed_copy(layer, "forward_")
        if backward_layer is None:
            self.backward_layer = _renamed_copy(
                layer, "backward_", go_backwards=not layer.go_backwards
            )
        else:
            self.backward_layer = backward_layer
        self._check_pair()
        if layer.return_sequences:
            # As in Keras: a masked step's output must not carry the state of the steps before.
            for direction in (self.forward_layer, self.backward_layer):
                if hasattr(direction, "zero_output_for_mask"):
                    direction.zero_output_for_mask = True
        self._initial_weights = weights
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_pair(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. "
                f"Received: forward_layer.go_backwards {forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            ours, theirs = getattr(forward, name), getattr(backward, name, None)
            if ours != theirs:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for "
                    f'attribute "{name}", got "{ours}" for forward layer and "{theirs}" for '
                    "backward layer"
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial_weights:
            half = len(self._initial_weights) // 2
            self.forward_layer.set_weights(self._initial_weights[:half])
            self.backward_layer.set_weights(self._initial_weights[half:])
        self.built = True

    def call(self, sequences, initial_state=None, mask=None, training=None):
        options = {"mask": mask, "training": training}
        options = {
            name: value
            for name, value in options.items()
            if value is not None and name in self.forward_layer._call_signature.parameters
        }
        if initial_state is None:
            forward = self.forward_layer(sequences, **options)
            backward = self.backward_layer(sequences, **options)
        else:
            half = len(initial_state) // 2
            forward = self.forward_layer(
                sequences, initial_state=list(initial_state[:half]), **options
            )
            backward = self.backward_layer(
                sequences, initial_state=list(initial_state[half:]), **options
            )
        states: tuple = ()
        if self.return_state:
            states = (*forward[1:], *backward[1:])
            forward, backward = forward[0], backward[0]
        if self.return_sequences:
            backward = ops.flip(backward, axis=1)
        output = _MERGES[self.merge_mode](forward, backward)
        if not self.return_state:
            return output
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        states: tuple = ()
        if self.return_state:
            shape, states = shape[0], (*shape[1:], *shape[1:])
        if self.merge_mode == "concat":
            shape = (*shape[:-1], None if shape[-1] is None else 2 * shape[-1])
        outputs = (shape, shape) if self.merge_mode is None else (shape,)
        if self.return_state or self.merge_mode is None:
            return (*outputs, *states)
        return shape

    def compute_mask(self, inputs, mask=None):
        if isinstance(mask, list | tuple):
            mask = mask[0]
        output = mask if self.return_sequences else None
        outputs = [output] * (2 if self.merge_mode is None else 1)
        if self.return_state:
            return outputs + [None] * (2 * len(self._state_sizes()))
        return outputs if self.merge_mode is None else output

    def _state_sizes(self):
        size = self.forward_layer.state_size
        return size if isinstance(size, list | tuple) else [size]

    @property
    def states(self):
        """The kept states of both layers, None if they keep none."""
        forward, backward = self.forward_layer.states, self.backward_layer.states
        return None if forward is None else (*forward, *backward)

    def reset_state(self):
        """Sets the kept states of stateful layers to zeros."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = deserialize_keras_object(config[name], custom_objects=custom_objects)
        return cls(**config)


def _renamed_copy(layer: Layer, prefix: str, **changes):
    """A new layer of the same config under another name."""
    config = layer.get_config()
    name = config["name"]
    if not name.startswith(prefix):
        name = prefix + name.removeprefix("forward_").removeprefix("backward_")
    return type(layer).from_config({**config, "name": name, **changes})
