"""An activation function as a layer."""

from __future__ import annotations

from typing import Any

from addax import activations
from addax.layers.layer import Layer


class Activation(Layer):
    """Applies an activation function to each element.

    Args:
        activation: Name of a function in `activations`, or a callable.
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)
        self._build_at_init()

    def call(self, inputs):
        return self.activation(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        activation = activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}
