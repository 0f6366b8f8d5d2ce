"""The maximum or the mean over all spatial axes."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import standardize_data_format
from addax.layers.convolutional.shapes import join_shape, split_shape
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class BaseGlobalPooling(Layer):
    """Reduces the spatial axes; subclasses set `rank` and say with what in `call`."""

    rank: int

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._build_at_init()

    @property
    def _spatial_axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape):
        batch, _, channels = split_shape(input_shape, self.data_format)
        spatial = (1,) * self.rank if self.keepdims else ()
        return join_shape(batch, spatial, channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        options = {"data_format": self.data_format, "keepdims": self.keepdims}
        return {**super().get_config(), **options}


class GlobalMaxPooling(BaseGlobalPooling):
    """The largest element of each channel.

    Args:
        data_format: "channels_last" (default) or "channels_first".
        keepdims: Whether the spatial axes stay, with length 1.

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)`.

    Returns:
        Tensor of shape `(batch, channels)`, or `(batch, 1, ..., channels)` with `keepdims`.
    """

    def call(self, inputs):
        return ops.max(inputs, axis=self._spatial_axes, keepdims=self.keepdims)


class GlobalAveragePooling(BaseGlobalPooling):
    """The mean of each channel.

    Args:
        data_format: "channels_last" (default) or "channels_first".
        keepdims: Whether the spatial axes stay, with length 1.

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)`.

    Returns:
        Tensor of shape `(batch, channels)`, or `(batch, 1, ..., channels)` with `keepdims`.
    """

    def call(self, inputs):
        return ops.mean(inputs, axis=self._spatial_axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(GlobalMaxPooling):
    __doc__ = GlobalMaxPooling.__doc__
    rank = 1


class GlobalMaxPooling2D(GlobalMaxPooling):
    __doc__ = GlobalMaxPooling.__doc__
    rank = 2


class GlobalMaxPooling3D(GlobalMaxPooling):
    __doc__ = GlobalMaxPooling.__doc__
    rank = 3


class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean over time of `(batch, time, features)`; masked steps do not count.

    Args:
        data_format: "channels_last" (default) or "channels_first".
        keepdims: Whether the time axis stays, with length 1.

    Call arguments:
        inputs: Tensor of shape `(batch, time, features)`.
        mask: Optional boolean tensor of shape `(batch, time)`, True for the steps that count.
    """

    rank = 1

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format=data_format, keepdims=keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        (axis,) = self._spatial_axes
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), 3 - axis)
        total = ops.sum(inputs * weights, axis=axis, keepdims=self.keepdims)
        return total / ops.sum(weights, axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalAveragePooling2D(GlobalAveragePooling):
    __doc__ = GlobalAveragePooling.__doc__
    rank = 2


class GlobalAveragePooling3D(GlobalAveragePooling):
    __doc__ = GlobalAveragePooling.__doc__
    rank = 3
