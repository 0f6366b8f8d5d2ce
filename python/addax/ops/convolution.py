"""Convolutions over 1, 2 or 3 spatial axes. The core computes channels-last; channels-first
goes through transposes."""

from __future__ import annotations

from typing import Any

from addax.backend.config import standardize_data_format
from addax.backend.tensor import Dim, convert_to_tensor
from addax.ops.door import core, op, two_floats
from addax.ops.shaping import transpose


def standardize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """A number for each spatial axis from one number or `n`.

    Raises:
        ValueError: If there are not `n`, or one is not a positive whole number.
    """
    kind = "non-negative" if allow_zero else "positive"
    least = 0 if allow_zero else 1
    if isinstance(value, int):
        values: tuple = (value,) * n
    else:
        try:
            values = tuple(value)
        except TypeError:
            values = ()
        if len(values) == 1 and n > 1:
            values *= n
    fits = len(values) == n and all(isinstance(v, int) for v in values)
    if not fits or any(v < least for v in values):
        raise ValueError(
            f"`{name}` must be a {kind} integer or a tuple of {n} {kind} integers. Received: "
            f"{name}={value}"
        )
    return values


def standardize_padding(padding: str) -> str:
    name = str(padding).lower()
    if name not in ("valid", "same"):
        raise ValueError(
            f"The `padding` argument must be one of {{'valid', 'same'}}. Received: "
            f"padding={padding}"
        )
    return name


def to_channels_last(x: Any) -> Any:
    return transpose(x, [0, *range(2, x.ndim), 1])


def to_channels_first(x: Any) -> Any:
    return transpose(x, [0, x.ndim - 1, *range(1, x.ndim - 1)])


def _spatial(x: Any, kernel: Any, kind: str) -> int:
    n = x.ndim - 2
    if n not in (1, 2, 3):
        raise ValueError(
            f"`{kind}` needs inputs of rank 3, 4 or 5 (batch, spatial axes, channels). Received: "
            f"inputs.shape={x.shape}"
        )
    if kernel.ndim != n + 2:
        raise ValueError(
            f"`kernel` must have rank {n + 2} for inputs of shape {x.shape}. Received: "
            f"kernel.shape={kernel.shape}"
        )
    return n


def _arguments(
    n: int, strides: Any, padding: str, dilation_rate: Any
) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    stride = standardize_tuple(strides, n, "strides")
    dilation = standardize_tuple(dilation_rate, n, "dilation_rate")
    if max(stride) > 1 and max(dilation) > 1:
        raise ValueError(
            "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
            f"Received: strides={strides} and dilation_rate={dilation_rate}"
        )
    return stride, standardize_padding(padding), dilation


def _check_output(x: Any, kernel: Any, strides: Any, padding: str, dilation: Any) -> None:
    """Raises where a spatial axis would vanish."""
    if padding == "same":
        return
    for axis, (k, d) in enumerate(zip(kernel.shape, dilation)):
        size = x.dims[1 + axis]
        if isinstance(size, int) and size < (k - 1) * d + 1:
            raise ValueError(
                "Computed output size would be negative. Received "
                f"`inputs shape={x.shape}`, `kernel shape={kernel.shape}`, "
                f"`dilation_rate={dilation}`."
            )


@op
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution (cross-correlation) of images, signals or volumes.

    Args:
        inputs: `(batch, …spatial, channels)`, or `(batch, channels, …spatial)` if channels-first.
        kernel: `(…size, channels / groups, filters)`. Fewer kernel channels than input channels
            mean a grouped convolution.
        strides: Step of the window, one number or one per spatial axis.
        padding: "valid", or "same": the output has `ceil(size / stride)`, what is odd is padded at
            the end.
        data_format: "channels_last" or "channels_first"; the configured one if `None`.
        dilation_rate: Distance of the kernel's elements.

    Raises:
        ValueError: If shapes or arguments do not fit.
    """
    x, kernel = two_floats(inputs, kernel)
    first = standardize_data_format(data_format) == "channels_first"
    n = _spatial(x, kernel, "conv")
    strides, padding, dilation = _arguments(n, strides, padding, dilation_rate)
    if first:
        x = to_channels_last(x)
    channels, per_group = x.dims[-1], kernel.shape[-2]
    if isinstance(channels, Dim):
        raise ValueError(f"The number of channels must be known. Received: inputs.shape={x.shape}")
    if channels % per_group:
        raise ValueError(
            "The number of input channels must be evenly divisible by kernel's in_channels. "
            f"Received input channels {channels} and kernel in_channels {per_group}. "
        )
    groups = channels // per_group
    if kernel.shape[-1] % groups:
        raise ValueError(
            f"The number of filters must be divisible by the number of groups. Received: "
            f"{kernel.shape[-1]} filters, {groups} groups"
        )
    _check_output(x, kernel, strides, padding, dilation)
    y = core("conv")(
        x, kernel, strides=strides, padding=padding, pads=[], dilation=dilation, groups=groups
    )
    return to_channels_first(y) if first else y


@op
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution of each channel with filters of its own.

    Args:
        inputs: `(batch, …spatial, channels)`, or channels-first.
        kernel: `(…size, channels, multiplier)`; output channel `c * multiplier + m`.
        strides, padding, data_format, dilation_rate: As of `conv`.
    """
    x, kernel = two_floats(inputs, kernel)
    first = standardize_data_format(data_format) == "channels_first"
    n = _spatial(x, kernel, "depthwise_conv")
    strides, padding, dilation = _arguments(n, strides, padding, dilation_rate)
    if first:
        x = to_channels_last(x)
    if x.dims[-1] != kernel.shape[-2]:
        raise ValueError(
            f"`kernel` must have as many channels as the inputs. Received: "
            f"inputs.shape={x.shape}, kernel.shape={kernel.shape}"
        )
    _check_output(x, kernel, strides, padding, dilation)
    y = core("depthwise_conv")(
        x, kernel, strides=strides, padding=padding, pads=[], dilation=dilation
    )
    return to_channels_first(y) if first else y


@op
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """A depthwise convolution, then a convolution of size 1 that mixes the channels."""
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


def conv_transpose_sizes(
    size: Any, kernel: int, stride: int, padding: str, output_padding: int | None, dilation: int
) -> tuple[Any, int, int]:
    """(output size, padding before, padding after) of a transposed convolution along one axis.

    The paddings are those of the convolution whose gradient it is, so the output is
    `(size - 1) * stride + reach - before - after + what the stride leaves over`. The sizes are
    Keras's.
    """
    reach = (kernel - 1) * dilation + 1
    if padding == "valid":
        extra = max(reach, stride) if output_padding is None else reach + output_padding
        before = 0
    else:
        if output_padding is None:
            extra, total = stride, reach + stride - 2
        else:
            extra = reach % 2 + output_padding
            total = reach + reach % 2 - 2 + output_padding
        before = reach - 1 - min(total // 2 + total % 2, reach - 1)
    return (size - 1) * stride + extra, before, max(reach - before - extra, 0)


@op
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Transposed convolution: the gradient of a convolution with respect to its inputs.

    Args:
        inputs: `(batch, …spatial, channels)`, or channels-first.
        kernel: `(…size, filters, channels)`.
        strides: Factor by which the spatial axes grow.
        padding: "valid" or "same".
        output_padding: What is added to the output's size, below the stride; `None`: "same" gives
            `size * stride`, "valid" `(size - 1) * stride + max(kernel reach, stride)`.
        data_format: "channels_last" or "channels_first"; the configured one if `None`.
        dilation_rate: Distance of the kernel's elements.

    Raises:
        ValueError: If shapes or arguments do not fit.
    """
    x, kernel = two_floats(inputs, kernel)
    first = standardize_data_format(data_format) == "channels_first"
    n = _spatial(x, kernel, "conv_transpose")
    strides, padding, dilation = _arguments(n, strides, padding, dilation_rate)
    added = (
        (None,) * n
        if output_padding is None
        else standardize_tuple(output_padding, n, "output_padding", allow_zero=True)
    )
    if any(a is not None and a >= s for a, s in zip(added, strides)):
        raise ValueError(
            f"Stride must be greater than output padding. Received: strides={strides}, "
            f"output_padding={output_padding}"
        )
    if first:
        x = to_channels_last(x)
    if x.dims[-1] != kernel.shape[-1]:
        raise ValueError(
            f"The last axis of `kernel` must be the inputs' channels. Received: "
            f"inputs.shape={x.shape}, kernel.shape={kernel.shape}"
        )
    shape, pads = [x.dims[0]], []
    for axis in range(n):
        size, before, after = conv_transpose_sizes(
            x.dims[1 + axis],
            kernel.shape[axis],
            strides[axis],
            padding,
            added[axis],
            dilation[axis],
        )
        shape.append(size)
        pads += [before, after]
    shape.append(kernel.shape[-2])
    y = core("conv_data_gradient")(
        x,
        kernel,
        shape=shape,
        strides=strides,
        padding="explicit",
        pads=pads,
        dilation=dilation,
        groups=1,
    )
    return to_channels_first(y) if first else y


@op
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Windows of channels-first images as columns: `(batch, c, h, w)` → `(batch, c * kh * kw, L)`.

    Args:
        x: Images.
        kernel_size: Window, a number or (height, width).
        dilation: Distance of the pixels taken.
        padding: Zeros around the images.
        stride: Step of the window.
    """
    from addax.ops.shaping import pad, reshape, stack

    x = convert_to_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"Images must have rank 4. Received: x.shape={x.shape}")
    window = standardize_tuple(kernel_size, 2, "kernel_size")
    step = standardize_tuple(stride, 2, "stride")
    spread = standardize_tuple(dilation, 2, "dilation")
    margin = standardize_tuple(padding, 2, "padding", allow_zero=True)
    x = pad(x, ((0, 0), (0, 0), (margin[0],) * 2, (margin[1],) * 2))
    counts = [
        (size - (k - 1) * d - 1) // s + 1 for size, k, d, s in zip(x.dims[2:], window, spread, step)
    ]
    pieces = []
    for i in range(window[0]):
        for j in range(window[1]):
            key = tuple(
                slice(p * d, p * d + (n - 1) * s + 1, s)
                for p, d, n, s in zip((i, j), spread, counts, step)
            )
            pieces.append(x[(slice(None), slice(None), *key)])
    columns = stack(pieces, 2)
    batch, channels, places = columns.dims[:3]
    return reshape(columns, (batch, channels * places, counts[0] * counts[1]))
