"""Windows of images, signals and volumes reduced to their maximum or mean."""

from __future__ import annotations

from typing import Any

from addax.backend.config import standardize_data_format
from addax.backend.tensor import Dim, from_array
from addax.ops.convolution import (
    standardize_padding,
    standardize_tuple,
    to_channels_first,
    to_channels_last,
)
from addax.ops.door import core, float_tensor, op


def _pool(
    name: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Any:
    x = float_tensor(inputs)
    first = standardize_data_format(data_format) == "channels_first"
    n = x.ndim - 2
    if n not in (1, 2, 3):
        raise ValueError(
            f"`{name}` needs inputs of rank 3, 4 or 5 (batch, spatial axes, channels). Received: "
            f"inputs.shape={x.shape}"
        )
    size = standardize_tuple(pool_size, n, "pool_size")
    stride = size if strides is None else standardize_tuple(strides, n, "strides")
    padding = standardize_padding(padding)
    if first:
        x = to_channels_last(x)
    if padding == "valid":
        for length, window in zip(x.dims[1:-1], size):
            if isinstance(length, int) and length < window:
                raise ValueError(
                    "Computed output size would be negative. Received: "
                    f"`inputs.shape={x.shape}` and `pool_size={size}`"
                )
    result = core(name)(x, pool_size=size, strides=stride, padding=padding)
    y = result[0] if isinstance(result, tuple) else result
    return to_channels_first(y) if first else y


@op
def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Largest value of each window, NaN if it has one.

    Args:
        inputs: `(batch, …spatial, channels)`, or channels-first.
        pool_size: Window, one number or one per spatial axis.
        strides: Step of the window; its size if `None`.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one if `None`.
    """
    return _pool("max_pool", inputs, pool_size, strides, padding, data_format)


@op
def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Mean of each window; padding is not counted. Arguments as of `max_pool`."""
    return _pool("average_pool", inputs, pool_size, strides, padding, data_format)


def _adaptive(inputs: Any, output_size: Any, data_format: str | None, average: bool) -> Any:
    """Each output cell i of n reduces the inputs from floor(i·size/n) to ceil((i+1)·size/n)."""
    x = float_tensor(inputs)
    first = standardize_data_format(data_format) == "channels_first"
    counts = standardize_tuple(output_size, x.ndim - 2, "output_size")
    if first:
        x = to_channels_last(x)
    for axis, count in enumerate(counts, start=1):
        if isinstance(x.dims[axis], Dim) or x.dims[axis] == 0:
            raise ValueError(
                f"Adaptive pooling needs known sizes above 0. Received: inputs.shape={x.shape}"
            )
        x = _reduce_windows(x, axis, count, average)
    return to_channels_first(x) if first else x


def _reduce_windows(x: Any, axis: int, count: int, average: bool) -> Any:
    """`_adaptive` along one axis: the windows are gathered side by side, the short ones filled up
    with their last element, which a maximum does not mind and a mean leaves out."""
    import numpy as np

    from addax.ops.elementwise import where
    from addax.ops.indexing import take

    size = x.dims[axis]
    cells = np.arange(count, dtype="int64")
    starts, ends = cells * size // count, -(-(cells + 1) * size // count)
    places = starts[:, None] + np.arange(max(ends - starts))
    windows = take(x, np.minimum(places, ends[:, None] - 1).astype("int32"), axis=axis)
    if not average:
        return core("max")(windows, axes=[axis + 1], keepdims=False)
    behind = (1,) * (x.ndim - axis - 1)
    inside = (places < ends[:, None]).reshape(*places.shape, *behind)
    sums = core("sum")(where(inside, windows, 0.0), axes=[axis + 1], keepdims=False)
    return sums / from_array((ends - starts).reshape(count, *behind), x.dtype)


@op
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Means of windows that are chosen so that the spatial axes get the wanted sizes."""
    return _adaptive(inputs, output_size, data_format, average=True)


@op
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Maxima of windows that are chosen so that the spatial axes get the wanted sizes."""
    return _adaptive(inputs, output_size, data_format, average=False)
