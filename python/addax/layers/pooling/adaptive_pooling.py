"""Pooling to a given number of windows, whose sizes follow from the inputs'."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import as_integer, integer_tuple, standardize_data_format
from addax.layers.convolutional.shapes import join_shape, split_shape
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class BaseAdaptivePooling(Layer):
    """Base of the adaptive poolings; subclasses set `rank` and say with what in `call`."""

    rank: int

    def __init__(self, output_size, data_format=None, **kwargs):
        if as_integer(output_size) is None and not isinstance(output_size, list | tuple):
            raise TypeError(
                f"`output_size` must be an integer or tuple of {self.rank} integers. "
                f"Received: {output_size} of type {type(output_size)}"
            )
        super().__init__(**kwargs)
        self.output_size = integer_tuple(output_size, self.rank, "output_size")
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._build_at_init()

    def compute_output_shape(self, input_shape):
        batch, _, channels = split_shape(input_shape, self.data_format)
        return join_shape(batch, self.output_size, channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        options = {"output_size": self.output_size, "data_format": self.data_format}
        return {**super().get_config(), **options}


class AdaptiveAveragePooling(BaseAdaptivePooling):
    """The mean of each of `output_size` windows that cover the input evenly.

    Along an axis of length n, window i of m reaches from `floor(i * n / m)` to
    `ceil((i + 1) * n / m)`, as in PyTorch.

    Args:
        output_size: Number of windows, one int or one per spatial axis.
        data_format: "channels_last" (default) or "channels_first".

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)` with known spatial sizes.

    Returns:
        Tensor of shape `(batch, *output_size, channels)`.

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple.
        ValueError: If it does not have an integer above 0 for each spatial axis, or when a spatial
            size of the inputs is not known or 0.
    """

    def call(self, inputs):
        return ops.adaptive_average_pool(inputs, self.output_size, data_format=self.data_format)


class AdaptiveMaxPooling(BaseAdaptivePooling):
    """The largest element of each of `output_size` windows that cover the input evenly.

    Along an axis of length n, window i of m reaches from `floor(i * n / m)` to
    `ceil((i + 1) * n / m)`, as in PyTorch.

    Args:
        output_size: Number of windows, one int or one per spatial axis.
        data_format: "channels_last" (default) or "channels_first".

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)` with known spatial sizes.

    Returns:
        Tensor of shape `(batch, *output_size, channels)`.

    Raises:
        TypeError: If `output_size` is neither an integer nor a tuple.
        ValueError: If it does not have an integer above 0 for each spatial axis, or when a spatial
            size of the inputs is not known or 0.
    """

    def call(self, inputs):
        return ops.adaptive_max_pool(inputs, self.output_size, data_format=self.data_format)


class AdaptiveAveragePooling1D(AdaptiveAveragePooling):
    __doc__ = AdaptiveAveragePooling.__doc__
    rank = 1


class AdaptiveAveragePooling2D(AdaptiveAveragePooling):
    __doc__ = AdaptiveAveragePooling.__doc__
    rank = 2


class AdaptiveAveragePooling3D(AdaptiveAveragePooling):
    __doc__ = AdaptiveAveragePooling.__doc__
    rank = 3


class AdaptiveMaxPooling1D(AdaptiveMaxPooling):
    __doc__ = AdaptiveMaxPooling.__doc__
    rank = 1


class AdaptiveMaxPooling2D(AdaptiveMaxPooling):
    __doc__ = AdaptiveMaxPooling.__doc__
    rank = 2


class AdaptiveMaxPooling3D(AdaptiveMaxPooling):
    __doc__ = AdaptiveMaxPooling.__doc__
    rank = 3
