"""Functions of `keras.ops` with no counterpart in NumPy: segments, top-k, special functions."""

from __future__ import annotations

from typing import Any

from addax.backend.tensor import scalar
from addax.ops.door import core, float_tensor, op
from addax.ops.elementwise import rsqrt
from addax.ops.linalg import logdet, norm, qr, solve
from addax.ops.reductions import logsumexp
from addax.ops.segments import segment_max, segment_min, segment_prod, segment_sum
from addax.ops.sorting import in_top_k, top_k

__all__ = [
    "cdist",
    "erf",
    "erfc",
    "erfinv",
    "extract_sequences",
    "in_top_k",
    "logdet",
    "logsumexp",
    "norm",
    "qr",
    "rsqrt",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "solve",
    "top_k",
]


@op
def erf(x: Any) -> Any:
    """Error function `2/√π ∫₀ˣ exp(-t²) dt`."""
    return core("erf")(float_tensor(x))


@op
def erfc(x: Any) -> Any:
    """`1 - erf(x)`."""
    x = float_tensor(x)
    return core("subtract")(scalar(1.0, x.dtype), core("erf")(x))


@op
def erfinv(x: Any) -> Any:
    """Inverse of the error function, for arguments in (-1, 1)."""
    return core("erfinv")(float_tensor(x))


@op
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Windows of the last axis: `(…, windows, sequence_length)`, one every `sequence_stride`
    places."""
    from addax.ops.creation import iota
    from addax.ops.shaping import expand_dims

    x = float_tensor(x)
    length = x.dims[-1]
    windows = (length - sequence_length) // sequence_stride + 1
    starts = expand_dims(iota(windows, "int32") * sequence_stride, 1)
    places = starts + expand_dims(iota(sequence_length, "int32"), 0)
    return core("gather")(x, places, axis=x.ndim - 1)


@op
def cdist(x: Any, y: Any) -> Any:
    """Euclidean distances of the rows of two matrices: `(…, n, d)`, `(…, m, d)` → `(…, n, m)`."""
    from addax.ops.door import two_floats
    from addax.ops.shaping import expand_dims

    x, y = two_floats(x, y)
    difference = expand_dims(x, -2) - expand_dims(y, -3)
    squared = core("square")(difference)
    total = core("sum")(squared, axes=[squared.ndim - 1], keepdims=False)
    return core("sqrt")(total)
