"""Inputs in other units."""

from __future__ import annotations

from typing import Any

from addax import backend, ops
from addax.layers.layer import Layer
from addax.saving.serialization import serialize_keras_object


class Rescaling(Layer):
    """`y = x * scale + offset`, in the compute dtype whatever the inputs' dtype.

    Args:
        scale: Number, or one number per channel.
        offset: Number, or one number per channel.
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        for name, value in (("scale", scale), ("offset", offset)):
            if isinstance(value, str):
                raise ValueError(f"`{name}` must be a number or numbers. Received: {name}={value}")
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        return x * self._per_channel(self.scale, x) + self._per_channel(self.offset, x)

    def _per_channel(self, value, x):
        value = ops.cast(ops.convert_to_tensor(value), x.dtype)
        if len(value.shape) and backend.image_data_format() == "channels_first":
            return ops.reshape(value, (-1,) + (1,) * (len(x.shape) - 2))
        return value

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": serialize_keras_object(self.scale),
            "offset": serialize_keras_object(self.offset),
        }
