"""Tensors from nothing: constants, ranges, grids, identity and triangular matrices, windows."""

from __future__ import annotations

import math
from typing import Any

from addax.backend.config import floatx
from addax.backend.dtypes import FLOAT_TYPES, promote, standardize_dtype
from addax.backend.tensor import Dim, cast, convert_to_tensor, dimension, scalar
from addax.ops.door import as_dims, core, normalize_axis, op, two_floats, value_like

_full = core("full")
_iota = core("iota")


def _constant(shape: Any, value: float | int | bool, dtype: str) -> Any:
    return _full(shape=as_dims(shape), value=value, dtype=dtype)


@op
def zeros(shape: Any, dtype: Any = None) -> Any:
    """Zeros, of `floatx()` unless said otherwise."""
    return _constant(shape, 0, standardize_dtype(dtype))


@op
def ones(shape: Any, dtype: Any = None) -> Any:
    """Ones, of `floatx()` unless said otherwise."""
    return _constant(shape, 1, standardize_dtype(dtype))


@op
def empty(shape: Any, dtype: Any = None) -> Any:
    """Zeros: memory is never left undefined."""
    return _constant(shape, 0, standardize_dtype(dtype))


@op
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value everywhere; the dtype is the value's unless given (`floatx()` for Python
    floats)."""
    from addax.ops.shaping import broadcast_to

    value = convert_to_tensor(fill_value, dtype)
    if isinstance(fill_value, (bool, int, float)):
        kind = value.dtype
        number = bool(fill_value) if kind == "bool" else fill_value
        return _constant(shape, number, kind)
    return broadcast_to(value, shape)


@op
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of the shape and dtype of `x`."""
    x = convert_to_tensor(x)
    return _constant(x.dims, 0, standardize_dtype(dtype or x.dtype))


@op
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones of the shape and dtype of `x`."""
    x = convert_to_tensor(x)
    return _constant(x.dims, 1, standardize_dtype(dtype or x.dtype))


@op
def empty_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of the shape and dtype of `x`."""
    return zeros_like(x, dtype)


@op
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value in the shape of `x`, and its dtype unless given."""
    x = convert_to_tensor(x)
    return full(x.dims, fill_value, dtype or x.dtype)


def iota(length: Any, dtype: str) -> Any:
    """0, 1, 2, … (`length` is an int or a Dim)."""
    return _iota(shape=[length], axis=0, dtype=dtype)


@op
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """`start`, `start + step`, … below `stop`; `0, 1, …` below `start` if that is alone.

    The length must be known: the arguments are numbers, concrete tensors, or dimensions (with a
        step of 1).
    """
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    start, stop, step = (_number(v) for v in (start, stop, step))
    if dtype is None:
        weak = ["float" if isinstance(v, float) else "int" for v in (start, stop, step)]
        dtype = promote(*weak)
    dtype = standardize_dtype(dtype)
    if isinstance(start, Dim) or isinstance(stop, Dim) or isinstance(step, Dim):
        if isinstance(step, Dim) or step != 1:
            raise ValueError("`arange` up to an unknown dimension needs a step of 1.")
        return _affine(stop - start, start, 1, dtype)
    if step == 0:
        raise ValueError("`arange` needs a step other than 0.")
    length = max(0, math.ceil((stop - start) / step))
    return _affine(length, start, step, dtype)


def _number(x: Any) -> Any:
    if isinstance(x, (int, float, Dim)):
        return x
    return x.item()


def _affine(length: Any, start: Any, step: Any, dtype: str) -> Any:
    """`start + i * step`, counted in the widest type of the kind and rounded once."""
    if dtype in FLOAT_TYPES and (start, step) != (0, 1):
        wide = "float64"
    elif dtype in ("float16", "bfloat16"):
        wide = "float32"
    else:
        wide = "int32" if dtype == "bool" else dtype
    x = iota(length, wide)
    if isinstance(step, Dim) or step != 1:
        x = core("multiply")(x, scalar(step, wide))
    if isinstance(start, Dim) or start != 0:
        x = core("add")(
            x, dimension(start, wide) if isinstance(start, Dim) else scalar(start, wide)
        )
    return cast(x, dtype)


@op
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` evenly spaced values from `start` to `stop`, on a new axis.

    Raises:
        ValueError: If `num` is negative.
    """
    if num < 0:
        raise ValueError(f"`num` must be a non-negative integer. Received: num={num}")
    start, stop = two_floats(start, stop)
    dtype = standardize_dtype(dtype or start.dtype)
    start, stop = cast(start, "float64"), cast(stop, "float64")
    gaps = num - 1 if endpoint else num
    step = (stop - start) / gaps if gaps > 0 else (stop - start) * math.nan
    positions = iota(num, "float64")
    from addax.ops.elementwise import where
    from addax.ops.shaping import expand_dims, moveaxis

    rank = max(start.ndim, stop.ndim)
    from addax.ops.shaping import reshape

    positions = reshape(positions, [num] + [1] * rank)
    values = expand_dims(start, 0) + positions * expand_dims(stop - start if gaps < 1 else step, 0)
    if endpoint and num > 1:  # exactly `stop`, as in NumPy
        values = where(positions == num - 1, expand_dims(stop, 0), values)
    if axis != 0:
        values = moveaxis(values, 0, axis)
    return (cast(values, dtype), cast(step, dtype)) if retstep else cast(values, dtype)


@op
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`base` to the power of `linspace(start, stop)`."""
    start, stop = two_floats(start, stop)
    dtype = standardize_dtype(dtype or start.dtype)
    exponents = linspace(start, stop, num, endpoint, dtype="float64", axis=axis)
    return cast(core("power")(scalar(float(base), "float64"), exponents), dtype)


@op
def geomspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` values from `start` to `stop` with a constant ratio; both have one sign."""
    start, stop = two_floats(start, stop)
    dtype = standardize_dtype(dtype or start.dtype)
    start, stop = cast(start, "float64"), cast(stop, "float64")
    sign = core("sign")(start)
    logs = [core("log")(core("abs")(x)) for x in (start, stop)]
    values = core("exp")(linspace(*logs, num, endpoint, axis=axis))
    from addax.ops.shaping import expand_dims

    return cast(expand_dims(sign, axis) * values, dtype)


@op
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones on the k-th diagonal of an `N` × `M` matrix, zeros elsewhere."""
    dtype = standardize_dtype(dtype)
    columns = N if M is None else M
    return cast(_diagonal_is(N, columns, k, "equal"), dtype)


@op
def identity(n: Any, dtype: Any = None) -> Any:
    """The `n` × `n` identity matrix."""
    return eye(n, dtype=dtype)


def _diagonal_is(rows: Any, columns: Any, k: int, comparison: str) -> Any:
    """Whether `column - row` compares so with `k`, for each element."""
    i = _iota(shape=[rows, 1], axis=0, dtype="int32")
    j = _iota(shape=[1, columns], axis=1, dtype="int32")
    return core(comparison)(core("subtract")(j, i), scalar(k, "int32"))


@op
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Ones at and below the k-th diagonal, zeros above."""
    columns = N if M is None else M
    return cast(_diagonal_is(N, columns, k, "less_equal"), standardize_dtype(dtype))


@op
def tril(x: Any, k: int = 0) -> Any:
    """The matrices with zeros above the k-th diagonal."""
    x = convert_to_tensor(x)
    keep = _diagonal_is(x.dims[-2], x.dims[-1], k, "less_equal")
    return core("where")(keep, x, scalar(0, x.dtype))


@op
def triu(x: Any, k: int = 0) -> Any:
    """The matrices with zeros below the k-th diagonal."""
    x = convert_to_tensor(x)
    keep = _diagonal_is(x.dims[-2], x.dims[-1], k, "greater_equal")
    return core("where")(keep, x, scalar(0, x.dtype))


@op
def diag(x: Any, k: int = 0) -> Any:
    """A matrix with `x` on its k-th diagonal, or the k-th diagonal of a matrix.

    Raises:
        ValueError: If the rank is neither 1 nor 2.
    """
    x = convert_to_tensor(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"`x` must be 1-D or 2-D. Received: x.shape={x.shape}")
    return diagflat(x, k)


@op
def diagflat(x: Any, k: int = 0) -> Any:
    """A matrix with the flattened `x` on its k-th diagonal."""
    from addax.ops.shaping import pad, ravel, reshape

    x = ravel(x)
    size = x.dims[0]
    square = core("where")(
        _diagonal_is(size, size, 0, "equal"), reshape(x, (size, 1)), scalar(0, x.dtype)
    )
    if k == 0:
        return square
    above, before = (0, k) if k > 0 else (-k, 0)
    return pad(square, ((above, before), (before, above)))


@op
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of two axes, which becomes the last axis. Their lengths must be known.

    Raises:
        ValueError: If the rank is below 2, or the axes are one.
    """
    from addax.ops.shaping import moveaxis, reshape

    x = convert_to_tensor(x)
    if x.ndim < 2:
        raise ValueError(
            f"`diagonal` requires an array of at least two dimensions. Received: x.shape={x.shape}"
        )
    first, second = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    if first == second:
        raise ValueError(f"axis1 and axis2 cannot be the same. Received: {axis1} and {axis2}")
    x = moveaxis(x, (first, second), (-2, -1))
    rows, columns = x.dims[-2], x.dims[-1]
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        raise ValueError(f"`diagonal` needs matrices of known size. Received: x.shape={x.shape}")
    start = offset if offset >= 0 else -offset * columns
    length = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    positions = iota(length, "int32") * (columns + 1) + start
    flat = reshape(x, (*x.dims[:-2], rows * columns))
    return core("gather")(flat, positions, axis=x.ndim - 2)


@op
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of the diagonal of two axes."""
    from addax.ops.reductions import sum

    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@op
def meshgrid(*x: Any, indexing: str = "xy") -> list:
    """Coordinate grids of 1-D coordinates.

    Raises:
        ValueError: If `indexing` is neither "xy" nor "ij".
    """
    from addax.ops.shaping import broadcast_to, ravel, reshape

    if indexing not in ("xy", "ij"):
        raise ValueError(f"Valid values for `indexing` are 'xy' and 'ij', but received {indexing}.")
    axes = [ravel(a) for a in x]
    order = list(range(len(axes)))
    if indexing == "xy" and len(axes) > 1:
        order[0], order[1] = 1, 0
    shape: list = [None] * len(axes)
    for axis, a in zip(order, axes):
        shape[axis] = a.dims[0]
    grids = []
    for axis, a in zip(order, axes):
        own = [shape[i] if i == axis else 1 for i in range(len(axes))]
        grids.append(broadcast_to(reshape(a, own), shape))
    return grids


@op
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """Powers of each element of a vector as the rows of a matrix."""
    from addax.ops.shaping import expand_dims

    x = convert_to_tensor(x)
    if x.ndim != 1:
        raise ValueError(f"Input tensor must be 1-D. Received: shape={x.shape}")
    columns = x.dims[0] if N is None else N
    powers = iota(columns, "int32")
    if not increasing:
        powers = powers * -1 + value_like(columns - 1, powers)
    return expand_dims(x, 1) ** cast(powers, x.dtype)


# Windows, as NumPy defines them


def _window(x: Any, formula: Any) -> Any:
    length = int(_number(x))
    dtype = floatx()
    if length < 2:
        return ones([max(length, 0)], dtype)
    n = iota(length, "float64")
    return cast(formula(n, float(length - 1)), dtype)


@op
def bartlett(x: Any) -> Any:
    """Triangular window of `x` points."""
    from addax.ops.elementwise import absolute

    return _window(x, lambda n, m: 1.0 - absolute(n * (2.0 / m) - 1.0))


@op
def hanning(x: Any) -> Any:
    """Raised cosine window of `x` points."""
    from addax.ops.elementwise import cos

    return _window(x, lambda n, m: 0.5 - 0.5 * cos(n * (2.0 * math.pi / m)))


@op
def hamming(x: Any) -> Any:
    """Raised cosine window of `x` points that does not reach 0."""
    from addax.ops.elementwise import cos

    return _window(x, lambda n, m: 0.54 - 0.46 * cos(n * (2.0 * math.pi / m)))


@op
def blackman(x: Any) -> Any:
    """Window of `x` points from the first three terms of a cosine sum."""
    from addax.ops.elementwise import cos

    def formula(n: Any, m: float) -> Any:
        return 0.42 - 0.5 * cos(n * (2 * math.pi / m)) + 0.08 * cos(n * (4 * math.pi / m))

    return _window(x, formula)


@op
def kaiser(x: Any, beta: float) -> Any:
    """Window of `x` points from a Bessel function; `beta` is its shape."""
    from addax.ops.elementwise import i0, sqrt

    beta = float(_number(beta))

    def formula(n: Any, m: float) -> Any:
        r = n * (2.0 / m) - 1.0
        return i0(beta * sqrt(1.0 - r * r)) / i0(scalar(beta, "float64"))

    return _window(x, formula)


@op
def array(x: Any, dtype: Any = None) -> Any:
    """A tensor of the values."""
    return convert_to_tensor(x, dtype)


@op
def copy(x: Any) -> Any:
    """A tensor with the same values."""
    return core("identity")(convert_to_tensor(x))
