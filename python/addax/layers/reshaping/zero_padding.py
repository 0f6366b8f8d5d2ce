"""Zeros put around sequences, images and volumes."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import integer_pairs, integer_tuple, standardize_data_format
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class _ZeroPadding(Layer):
    """Pads the spatial axes by `padding`, a pair (before, after) for each."""

    rank: int
    padding: tuple

    def __init__(self, pairs, data_format, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self._pairs = pairs
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _all_axes(self):
        """A pair for each axis, (0, 0) for batch and channels."""
        spatial = list(self._pairs)
        if self.data_format == "channels_first":
            return [(0, 0), (0, 0), *spatial]
        return [(0, 0), *spatial, (0, 0)]

    def call(self, inputs):
        return ops.pad(inputs, self._all_axes())

    def compute_output_shape(self, input_shape):
        pairs = zip(input_shape, self._all_axes(), strict=True)
        return tuple(n if n is None else n + before + after for n, (before, after) in pairs)

    def get_config(self) -> dict[str, Any]:
        padding = {"padding": self.padding, "data_format": self.data_format}
        return {**super().get_config(), **padding}


class ZeroPadding1D(_ZeroPadding):
    """Pads the time axis of `(batch, time, features)` with zeros.

    Args:
        padding: How many steps at both ends, or a pair (begin, end).
        data_format: "channels_last" (default) or "channels_first".
    """

    rank = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        pair = integer_tuple(padding, 2, "padding", allow_zero=True)
        super().__init__((pair,), data_format, **kwargs)
        self.padding = pair


class ZeroPadding2D(_ZeroPadding):
    """Pads the rows and columns of images `(batch, rows, columns, channels)` with zeros.

    Args:
        padding: One int, two ints (rows, columns) or two pairs ((top, bottom), (left, right)).
        data_format: "channels_last" (default) or "channels_first".
    """

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        pairs = integer_pairs(padding, self.rank, "padding")
        super().__init__(pairs, data_format, **kwargs)
        self.padding = pairs


class ZeroPadding3D(_ZeroPadding):
    """Pads the three spatial axes of `(batch, a, b, c, channels)` with zeros.

    Args:
        padding: One int, three ints or three pairs.
        data_format: "channels_last" (default) or "channels_first".
    """

    rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        pairs = integer_pairs(padding, self.rank, "padding")
        super().__init__(pairs, data_format, **kwargs)
        self.padding = pairs
