"""Output sizes of convolutions and pooling windows, as in Keras (and TensorFlow)."""

from __future__ import annotations

from collections.abc import Sequence


def window_size(
    size: int | None, kernel: int, stride: int, padding: str, dilation: int = 1
) -> int | None:
    """Number of windows along one axis of length `size`; None stays None.

    "same" and "causal" give `ceil(size / stride)`, "valid" the windows that fit.
    """
    if size is None:
        return None
    if padding in ("same", "causal"):
        return -(-size // stride)
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def transposed_size(
    size: int | None,
    kernel: int,
    stride: int,
    padding: str,
    output_padding: int | None,
    dilation: int = 1,
) -> int | None:
    """Output length of a transposed convolution along one axis of length `size`.

    Without `output_padding`: `size * stride` for "same", and for "valid" what the kernel
    overlaps beyond that. With it: the inverse of `window_size` plus `output_padding`.
    """
    if size is None:
        return None
    reach = dilation * (kernel - 1) + 1
    if output_padding is None:
        return size * stride + (max(reach - stride, 0) if padding == "valid" else 0)
    trimmed = 2 * (reach // 2) if padding == "same" else 0
    return (size - 1) * stride + reach - trimmed + output_padding


def split_shape(shape: Sequence, data_format: str) -> tuple[int | None, tuple, int | None]:
    """Returns (batch, spatial sizes, channels) of a shape in the given data format."""
    if data_format == "channels_last":
        return shape[0], tuple(shape[1:-1]), shape[-1]
    return shape[0], tuple(shape[2:]), shape[1]


def join_shape(batch, spatial: Sequence, channels, data_format: str) -> tuple:
    """The inverse of `split_shape`."""
    if data_format == "channels_last":
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


def conv_output_shape(
    input_shape: Sequence,
    kernel_shape: Sequence[int],
    strides: Sequence[int],
    padding: str,
    data_format: str,
    dilation_rate: Sequence[int],
    filters: int,
) -> tuple:
    """Shape of a convolution's outputs; ValueError if an axis would have no element."""
    batch, sizes, _ = split_shape(input_shape, data_format)
    spatial = tuple(
        window_size(n, k, s, padding, d)
        for n, k, s, d in zip(sizes, kernel_shape, strides, dilation_rate, strict=False)
    )
    if any(n is not None and n <= 0 for n in spatial):
        raise ValueError(
            "Computed output size would be zero or negative. Received "
            f"`inputs shape={tuple(input_shape)}`, `kernel shape={tuple(kernel_shape)}`, "
            f"`dilation_rate={list(dilation_rate)}`, `strides={tuple(strides)}`, "
            f"`padding={padding}`."
        )
    return join_shape(batch, spatial, filters, data_format)
