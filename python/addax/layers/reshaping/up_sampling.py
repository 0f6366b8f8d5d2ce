"""Sequences, images and volumes made larger by whole factors."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import (
    integer_tuple,
    positive_integer,
    standardize_data_format,
)
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


class UpSampling1D(Layer):
    """Repeats each step of `(batch, time, features)` `size` times.

    Args:
        size: The factor, a positive integer.
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = positive_integer(
            size, f"Argument `size` should be a positive integer. Received: size={size}"
        )
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs):
        return ops.repeat(inputs, self.size, axis=1)

    def compute_output_shape(self, input_shape):
        time = None if input_shape[1] is None else input_shape[1] * self.size
        return (input_shape[0], time, input_shape[2])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


class _UpSampling(Layer):
    """Multiplies each spatial axis by its entry of `size`."""

    rank: int

    def __init__(self, size, data_format, **kwargs):
        size = integer_tuple(size, self.rank, "size")
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.size = size
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _first_axis(self) -> int:
        return 2 if self.data_format == "channels_first" else 1

    def _repeat(self, inputs):
        for axis, factor in enumerate(self.size, self._first_axis):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        for axis, factor in enumerate(self.size, self._first_axis):
            shape[axis] = None if shape[axis] is None else shape[axis] * factor
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "data_format": self.data_format}


class UpSampling2D(_UpSampling):
    """Enlarges images `(batch, rows, columns, channels)` by whole factors.

    Args:
        size: One int or two (rows, columns).
        data_format: "channels_last" (default) or "channels_first".
        interpolation: "nearest" (repeats pixels), "bilinear", or what `ops.image.resize` knows.
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        name = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if name not in _INTERPOLATIONS:
            raise ValueError(
                f"`interpolation` argument should be one of {_INTERPOLATIONS}. "
                f"Received: interpolation={interpolation}"
            )
        super().__init__(size, data_format, **kwargs)
        self.interpolation = name

    def call(self, inputs):
        last = self.data_format == "channels_last"
        # Repeating is what nearest means for whole factors: for integers, and where it is faster.
        if self.interpolation == "nearest" and not (last and "float" in inputs.dtype):
            return self._repeat(inputs)
        shape = ops.shape(inputs)
        axes = enumerate(self.size, self._first_axis)
        size = tuple(shape[axis] * factor for axis, factor in axes)
        return ops.image.resize(
            inputs, size, interpolation=self.interpolation, data_format=self.data_format
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interpolation": self.interpolation}


class UpSampling3D(_UpSampling):
    """Repeats the elements of volumes `(batch, a, b, c, channels)` along the spatial axes.

    Args:
        size: One int or three.
        data_format: "channels_last" (default) or "channels_first".
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(size, data_format, **kwargs)

    def call(self, inputs):
        return self._repeat(inputs)
