"""Vectors made as long as 1."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.layer import Layer
from addax.layers.normalization.axes import axes_argument


class UnitNormalization(Layer):
    """Divides by the Euclidean norm: `y = x / sqrt(max(sum(x ** 2), 1e-12))`.

    Args:
        axis: Axis or axes of the sum.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axes_argument(
            axis,
            "Invalid value for `axis` argument: expected an int or a list/tuple of ints. "
            f"Received: axis={axis}",
        )
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs):
        axes = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        square = ops.sum(ops.square(inputs), axis=axes, keepdims=True)
        return inputs * ops.rsqrt(ops.maximum(square, 1e-12))

    def compute_output_shape(self, input_shape):
        for axis in self.axis if isinstance(self.axis, list) else [self.axis]:
            if not -len(input_shape) <= axis < len(input_shape):
                raise ValueError(
                    f"Axis {self.axis} is out of bounds for input shape {tuple(input_shape)}."
                )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
