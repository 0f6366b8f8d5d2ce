"""The maximum or the mean of windows over one, two and three spatial axes."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import (
    integer_tuple,
    standardize_data_format,
    standardize_padding,
)
from addax.layers.convolutional.shapes import join_shape, split_shape, window_size
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class BasePooling(Layer):
    """Base of the windowed poolings; subclasses set `rank` and the function `pool`."""

    rank: int

    def __init__(
        self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = integer_tuple(pool_size, self.rank, "pool_size")
        strides = self.pool_size if strides is None else strides
        self.strides = integer_tuple(strides, self.rank, "strides")
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._build_at_init()

    def call(self, inputs):
        return self.pool(
            inputs,
            self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape):
        batch, sizes, channels = split_shape(input_shape, self.data_format)
        spatial = tuple(
            window_size(n, p, s, self.padding)
            for n, p, s in zip(sizes, self.pool_size, self.strides, strict=True)
        )
        if any(n is not None and n <= 0 for n in spatial):
            raise ValueError(
                "Computed output size would be zero or negative. Received: "
                f"`inputs.shape={tuple(input_shape)}`, `pool_size={self.pool_size}`, "
                f"`strides={self.strides}`, `padding={self.padding}`."
            )
        return join_shape(batch, spatial, channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPooling(BasePooling):
    """The largest element of each window, channel by channel; NaN if one is NaN.

    Args:
        pool_size: Size of the window, one int or one per spatial axis.
        strides: Distance between windows; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" (default) or "channels_first".

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)`.

    Returns:
        Tensor of shape `(batch, *windows, channels)`.
    """

    def __init__(
        self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def pool(self, inputs, *args, **kwargs):
        return ops.max_pool(inputs, *args, **kwargs)


class AveragePooling(BasePooling):
    """The mean of each window, channel by channel; what lies outside the input is not counted.

    Args:
        pool_size: Size of the window, one int or one per spatial axis.
        strides: Distance between windows; None for `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last" (default) or "channels_first".

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)`.

    Returns:
        Tensor of shape `(batch, *windows, channels)`.
    """

    def __init__(
        self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def pool(self, inputs, *args, **kwargs):
        return ops.average_pool(inputs, *args, **kwargs)


class MaxPooling1D(MaxPooling):
    __doc__ = MaxPooling.__doc__
    rank = 1


class MaxPooling2D(MaxPooling):
    __doc__ = MaxPooling.__doc__
    rank = 2


class MaxPooling3D(MaxPooling):
    __doc__ = MaxPooling.__doc__
    rank = 3


class AveragePooling1D(AveragePooling):
    __doc__ = AveragePooling.__doc__
    rank = 1


class AveragePooling2D(AveragePooling):
    __doc__ = AveragePooling.__doc__
    rank = 2


class AveragePooling3D(AveragePooling):
    __doc__ = AveragePooling.__doc__
    rank = 3
