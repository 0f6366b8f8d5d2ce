"""All axes but the batch made one."""

from __future__ import annotations

from math import prod
from typing import Any

from addax import ops
from addax.backend import KerasTensor
from addax.layers.arguments import standardize_data_format
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class Flatten(Layer):
    """Reshapes `(batch, a, b, ...)` to `(batch, a * b * ...)`; `(batch,)` to `(batch, 1)`.

    Args:
        data_format: With "channels_first" the channels are moved to the end first, so that the
            result is that of "channels_last".
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 1:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        shape = ops.shape(inputs)
        return ops.reshape(inputs, (shape[0], prod(shape[1:])))

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else prod(rest))

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}
