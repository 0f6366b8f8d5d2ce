"""Borders cut from sequences, images and volumes."""

from __future__ import annotations

from typing import Any

from addax.layers.arguments import integer_pairs, integer_tuple, standardize_data_format
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class _Cropping(Layer):
    """Cuts `cropping`, a pair (before, after) for each spatial axis."""

    rank: int
    cropping: tuple

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
        self._check(tuple(inputs.shape), "inputs.shape")
        window = (slice(before, -after or None) for before, after in self._all_axes())
        return inputs[tuple(window)]

    def compute_output_shape(self, input_shape):
        self._check(tuple(input_shape), "input_shape")
        pairs = zip(input_shape, self._all_axes(), strict=True)
        return tuple(n if n is None else n - before - after for n, (before, after) in pairs)

    def _check(self, shape, name):
        for size, (before, after) in zip(shape, self._all_axes(), strict=True):
            if size is not None and before + after >= size and before + after > 0:
                raise ValueError(
                    f"{self._too_large} Received: {name}={shape}, cropping={self.cropping}"
                )

    _too_large = (
        "Values in `cropping` argument should be smaller than the corresponding spatial "
        "dimension of the input."
    )

    def get_config(self) -> dict[str, Any]:
        cropping = {"cropping": self.cropping, "data_format": self.data_format}
        return {**super().get_config(), **cropping}


class Cropping1D(_Cropping):
    """Cuts steps from both ends of sequences `(batch, time, features)`.

    Args:
        cropping: How many steps at both ends, or a pair (begin, end).
    """

    rank = 1
    _too_large = "`cropping` parameter of `Cropping1D` layer must be smaller than the input length."

    def __init__(self, cropping=(1, 1), **kwargs):
        pair = integer_tuple(cropping, 2, "cropping", allow_zero=True)
        super().__init__((pair,), "channels_last", **kwargs)
        self.cropping = pair

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]
        return config


class Cropping2D(_Cropping):
    """Cuts rows and columns from images `(batch, rows, columns, channels)`.

    Args:
        cropping: One int, two ints (rows, columns) or two pairs ((top, bottom), (left, right)).
        data_format: "channels_last" (default) or "channels_first".
    """

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        pairs = integer_pairs(cropping, self.rank, "cropping")
        super().__init__(pairs, data_format, **kwargs)
        self.cropping = pairs


class Cropping3D(_Cropping):
    """Cuts the three spatial axes of `(batch, a, b, c, channels)`.

    Args:
        cropping: One int, three ints or three pairs.
        data_format: "channels_last" (default) or "channels_first".
    """

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        pairs = integer_pairs(cropping, self.rank, "cropping")
        super().__init__(pairs, data_format, **kwargs)
        self.cropping = pairs
