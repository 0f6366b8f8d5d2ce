"""Normalization by the root mean square."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.layer import Layer
from addax.layers.normalization.axes import (
    axes_argument,
    known_sizes,
    normalize_axes,
    wide_dtype,
)


class RMSNormalization(Layer):
    """Divides by the root mean square: `y = scale * x / sqrt(mean(x ** 2) + epsilon)`.

    Zhang and Sennrich, 2019, arXiv:1910.07467, eq. 4.

    Args:
        axis: Axis or axes of the mean.
        epsilon: Added to the mean square.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., features)`, floating point.
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = axes_argument(
            axis,
            "Expected an int or a list/tuple of ints for the argument 'axis', but received: "
            f"{axis!r}",
        )
        self.epsilon = epsilon
        self.supports_masking = True

    def build(self, input_shape):
        self._axes = normalize_axes(self.axis, len(input_shape), self.name)
        shape = known_sizes(input_shape, self._axes, self.name)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")
        self.built = True

    def call(self, x):
        wide = ops.cast(x, wide_dtype(x.dtype))
        outputs = ops.rms_normalization(wide, self.scale, self._axes, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        normalize_axes(self.axis, len(input_shape), self.name)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
