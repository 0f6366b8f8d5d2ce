"""Over axes: sums, means, extremes, logic, cumulative sums, and their NaN-skipping kin."""

from __future__ import annotations

import builtins
import math
from typing import Any

from addax.backend.tensor import (
    cast,
    convert_to_tensor,
    dimension,
    scalar,
)
from addax.ops.door import (
    core,
    float_tensor,
    is_float,
    normalize_axes,
    normalize_axis,
    number_tensor,
    op,
    product,
    two_floats,
)

_sum, _mean = core("sum"), core("mean")


def _start(x: Any, initial: Any, result: Any, combine: str) -> Any:
    """The result combined with the `initial` value."""
    if initial is None:
        return result
    return core(combine)(result, cast(initial, result.dtype))


# Sums and products. Small integers and booleans are summed as int32.


def _summable(x: Any) -> Any:
    x = convert_to_tensor(x)
    return cast(x, "int32") if x.dtype in ("bool", "uint8") else x


@op
def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum over axes (all if `None`)."""
    x = _summable(x)
    return _sum(x, axes=normalize_axes(axis, x.ndim), keepdims=keepdims)


@op
def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean over axes (all if `None`); of integers, a float."""
    x = float_tensor(x)
    return _mean(x, axes=normalize_axes(axis, x.ndim), keepdims=keepdims)


@op
def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Product over axes (all if `None`)."""
    x = _summable(x) if dtype is None else cast(x, dtype)
    return core("prod")(x, axes=normalize_axes(axis, x.ndim), keepdims=keepdims)


@op
def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Largest element over axes (all if `None`); NaN if there is one.

    Raises:
        ValueError: If there are no elements and no `initial`.
    """
    return _extreme("max", x, axis, keepdims, initial)


@op
def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Smallest element over axes (all if `None`); NaN if there is one.

    Raises:
        ValueError: If there are no elements and no `initial`.
    """
    return _extreme("min", x, axis, keepdims, initial)


def _extreme(name: str, x: Any, axis: Any, keepdims: bool, initial: Any) -> Any:
    x = convert_to_tensor(x)
    axes = normalize_axes(axis, x.ndim)
    if x.dtype == "bool":
        result = core("any" if name == "max" else "all")(x, axes=axes, keepdims=keepdims)
        return (
            result
            if initial is None
            else _start(x, initial, result, f"logical_{'or' if name == 'max' else 'and'}")
        )
    if builtins.any(isinstance(x.dims[i], int) and x.dims[i] == 0 for i in axes):
        if initial is None:
            raise ValueError(
                f"Cannot compute the {name} of an empty tensor. Received: x.shape={x.shape}, "
                f"axis={axis}"
            )
        from addax.ops.creation import full

        shape = [
            (1 if i in axes else size) for i, size in enumerate(x.dims) if keepdims or i not in axes
        ]
        return full(shape, initial, x.dtype)
    result = core(name)(x, axes=axes, keepdims=keepdims)
    return _start(x, initial, result, "maximum" if name == "max" else "minimum")


@op
def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element over axes (all if `None`)."""
    return max(x, axis, keepdims)


@op
def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element over axes (all if `None`)."""
    return min(x, axis, keepdims)


@op
def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest minus smallest element over axes (all if `None`)."""
    x = convert_to_tensor(x)
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def _bool(x: Any) -> Any:
    x = convert_to_tensor(x)
    return x if x.dtype == "bool" else cast(x, "bool")


@op
def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether an element is true (not zero)."""
    x = _bool(x)
    return core("any")(x, axes=normalize_axes(axis, x.ndim), keepdims=keepdims)


@op
def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements are true (not zero)."""
    x = _bool(x)
    return core("all")(x, axes=normalize_axes(axis, x.ndim), keepdims=keepdims)


@op
def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether all elements are close in the sense of `isclose`."""
    from addax.ops.elementwise import isclose

    return all(isclose(x1, x2, rtol, atol, equal_nan))


@op
def count_nonzero(x: Any, axis: Any = None) -> Any:
    """How many elements are not zero, as int32."""
    x = cast(_bool(x), "int32")
    return _sum(x, axes=normalize_axes(axis, x.ndim), keepdims=False)


# Places of extremes


@op
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the first largest element along an axis (of the flat values if `None`), as int32."""
    return _place("argmax", x, axis, keepdims)


@op
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the first smallest element along an axis (of the flat values if `None`), as
    int32."""
    return _place("argmin", x, axis, keepdims)


def _place(name: str, x: Any, axis: int | None, keepdims: bool) -> Any:
    from addax.ops.shaping import ravel, reshape

    x = number_tensor(x)
    if axis is not None:
        return core(name)(x, axis=normalize_axis(axis, x.ndim), keepdims=keepdims)
    result = core(name)(ravel(x), axis=0, keepdims=False)
    return reshape(result, [1] * x.ndim) if keepdims else result


# Spread


@op
def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean squared distance from the mean."""
    x = float_tensor(x)
    axes = normalize_axes(axis, x.ndim)
    centred = core("subtract")(x, _mean(x, axes=axes, keepdims=True))
    return _mean(core("square")(centred), axes=axes, keepdims=keepdims)


@op
def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Square root of the variance."""
    return core("sqrt")(var(x, axis, keepdims))


@op
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """Weighted mean over axes (all if `None`).

    Args:
        x: Tensor.
        axis: Axis, axes or `None`.
        weights: Tensor of the shape of `x`, or of the one axis.
    """
    x = float_tensor(x)
    if weights is None:
        return mean(x, axis)
    weights = convert_to_tensor(weights)
    axes = normalize_axes(axis, x.ndim)
    if weights.ndim != x.ndim and len(axes) == 1:
        from addax.ops.shaping import reshape

        weights = reshape(weights, [weights.dims[0] if i == axes[0] else 1 for i in range(x.ndim)])
    x, weights = two_floats(x, weights)
    from addax.ops.shaping import broadcast_to

    total = sum(broadcast_to(weights, x.dims), axis)
    return sum(x * weights, axis) / total


@op
def corrcoef(x: Any) -> Any:
    """Pearson correlation of the rows of a matrix with each other."""
    from addax.ops.elementwise import clip
    from addax.ops.products import matmul
    from addax.ops.shaping import at_least, expand_dims, transpose

    x = float_tensor(x)
    flat = x.ndim < 2
    x = at_least(x, 2)
    centred = x - mean(x, axis=1, keepdims=True)
    covariance = matmul(centred, transpose(centred))
    scale = core("sqrt")(sum(core("square")(centred), axis=1))
    result = covariance / expand_dims(scale, 0) / expand_dims(scale, 1)
    result = clip(result, -1.0, 1.0)
    return result[0, 0] if flat else result


@op
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along an axis, `n` times over.

    Raises:
        ValueError: If `n` is negative, or `a` a single number.
    """
    from addax.ops.shaping import part

    x = convert_to_tensor(a)
    if n < 0:
        raise ValueError(f"Order `n` must be non-negative. Received n={n}")
    if x.ndim == 0:
        raise ValueError("`diff` needs at least one axis.")
    place = normalize_axis(axis, x.ndim)
    for _ in range(n):
        length = x.dims[place]
        if isinstance(length, int) and length == 0:
            break
        later, earlier = part(x, place, 1, length), part(x, place, 0, length - 1)
        differ = core("not_equal") if x.dtype == "bool" else core("subtract")
        x = differ(later, earlier)
    return x


@op
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Integral along an axis by the trapezoidal rule."""
    from addax.ops.shaping import part, reshape

    y = float_tensor(y)
    place = normalize_axis(axis, y.ndim)
    length = y.dims[place]
    if x is None:
        gaps: Any = scalar(dx, y.dtype)
    else:
        gaps = diff(float_tensor(x), axis=-1)
        if gaps.ndim == 1:
            gaps = reshape(gaps, [gaps.dims[0] if i == place else 1 for i in range(y.ndim)])
    middle = (part(y, place, 1, length) + part(y, place, 0, length - 1)) * 0.5
    return sum(gaps * middle, axis=place)


# Cumulative


@op
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sum along an axis (of the flat values if `None`)."""
    return _running("cumsum", x, axis, dtype)


@op
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running product along an axis (of the flat values if `None`)."""
    return _running("cumprod", x, axis, dtype)


def _running(name: str, x: Any, axis: int | None, dtype: Any) -> Any:
    from addax.ops.shaping import ravel

    x = number_tensor(x) if dtype is None else cast(x, dtype)
    if axis is None:
        x, axis = ravel(x), 0
    place = normalize_axis(axis, x.ndim)
    return core(name)(x, axis=place, reverse=False, exclusive=False)


# Without NaN


def _without_nan(x: Any, replacement: float) -> Any:
    x = convert_to_tensor(x)
    if not is_float(x):
        return x
    return core("where")(core("isnan")(x), scalar(replacement, x.dtype), x)


def _all_nan(x: Any, axis: Any, keepdims: bool) -> Any:
    return core("all")(core("isnan")(x), axes=normalize_axes(axis, x.ndim), keepdims=keepdims)


@op
def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum that passes over NaN."""
    return sum(_without_nan(x, 0.0), axis, keepdims)


@op
def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Product that passes over NaN."""
    return prod(_without_nan(x, 1.0), axis, keepdims)


@op
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sum that passes over NaN."""
    return cumsum(_without_nan(x, 0.0), axis, dtype)


@op
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running product that passes over NaN."""
    return cumprod(_without_nan(x, 1.0), axis, dtype)


def _nan_extreme(x: Any, axis: Any, keepdims: bool, name: str) -> Any:
    x = convert_to_tensor(x)
    function = max if name == "max" else min
    if not is_float(x):
        return function(x, axis, keepdims)
    absent = -math.inf if name == "max" else math.inf
    result = function(_without_nan(x, absent), axis, keepdims)
    return core("where")(_all_nan(x, axis, keepdims), scalar(math.nan, x.dtype), result)


@op
def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Largest element that is not NaN; NaN if there is none."""
    return _nan_extreme(x, axis, keepdims, "max")


@op
def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Smallest element that is not NaN; NaN if there is none."""
    return _nan_extreme(x, axis, keepdims, "min")


@op
def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the largest element that is not NaN; -1 if there is none."""
    return _nan_place(x, axis, keepdims, "argmax", -math.inf)


@op
def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Index of the smallest element that is not NaN; -1 if there is none."""
    return _nan_place(x, axis, keepdims, "argmin", math.inf)


def _nan_place(x: Any, axis: int | None, keepdims: bool, name: str, absent: float) -> Any:
    x = convert_to_tensor(x)
    place = _place(name, _without_nan(x, absent), axis, keepdims)
    if not is_float(x):
        return place
    return core("where")(_all_nan(x, axis, keepdims), scalar(-1, "int32"), place)


def _counted(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements are not NaN, in the dtype of `x`."""
    present = cast(core("logical_not")(core("isnan")(x)), x.dtype)
    return sum(present, axis, keepdims)


@op
def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Mean of what is not NaN."""
    x = float_tensor(x)
    return nansum(x, axis, keepdims) / _counted(x, axis, keepdims)


@op
def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Variance of what is not NaN."""
    x = float_tensor(x)
    centred = core("square")(x - nanmean(x, axis, keepdims=True))
    return nansum(centred, axis, keepdims) / _counted(x, axis, keepdims)


@op
def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Standard deviation of what is not NaN."""
    return core("sqrt")(nanvar(x, axis, keepdims))


# Order statistics

_METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@op
def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Middle element in order, mean of the two middle ones of an even number."""
    return quantile(x, 0.5, axis, "midpoint", keepdims)


@op
def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The values below which `q` percent of the elements lie."""
    q = float_tensor(q)
    return quantile(x, q / 100.0, axis, method, keepdims)


@op
def quantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """The values below which the fractions `q` of the elements lie.

    Args:
        x: Tensor.
        q: Number or vector in [0, 1]; a vector adds a leading axis to the result.
        axis: Axis, axes, or `None` for all.
        method: "linear", "lower", "higher", "midpoint" or "nearest", as NumPy's.
        keepdims: Whether the axes stay with length 1.

    Raises:
        ValueError: If the method is unknown, or `q` has more than one axis.
    """
    ordered, length, shape = _sorted_over(x, axis, keepdims, nan_last=False)
    result = _at_fraction(ordered, q, dimension(length, "float64"), method)
    from addax.ops.shaping import reshape

    lead = list(result.dims[: result.ndim - (ordered.ndim - 1)])
    return reshape(result, lead + shape)


@op
def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Median of what is not NaN."""
    return nanquantile(x, 0.5, axis, "midpoint", keepdims)


@op
def nanpercentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Percentiles of what is not NaN."""
    return nanquantile(x, float_tensor(q) / 100.0, axis, method, keepdims)


@op
def nanquantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Quantiles of what is not NaN."""
    ordered, _, shape = _sorted_over(x, axis, keepdims, nan_last=True)
    present = cast(core("logical_not")(core("isnan")(ordered)), "float64")
    count = sum(present, axis=-1)
    result = _at_fraction(ordered, q, count, method)
    from addax.ops.shaping import reshape

    lead = list(result.dims[: result.ndim - (ordered.ndim - 1)])
    return reshape(result, lead + shape)


def _sorted_over(x: Any, axis: Any, keepdims: bool, nan_last: bool) -> tuple[Any, Any, list]:
    """The values sorted along one last axis that joins `axis`; its length; the shape of one
    quantile."""
    from addax.ops.shaping import reshape, transpose

    x = float_tensor(x)
    axes = normalize_axes(axis, x.ndim)
    rest = [i for i in range(x.ndim) if i not in axes]
    length = product(x.dims[i] for i in axes)
    flat = reshape(transpose(x, rest + axes), [x.dims[i] for i in rest] + [length])
    ordered = core("sort")(flat, axis=flat.ndim - 1)
    if not nan_last:  # a NaN anywhere makes the result NaN, as in NumPy
        spoilt = core("any")(core("isnan")(flat), axes=[flat.ndim - 1], keepdims=True)
        ordered = core("where")(spoilt, scalar(math.nan, flat.dtype), ordered)
    if keepdims:
        shape = [1 if i in axes else size for i, size in enumerate(x.dims)]
    else:
        shape = [x.dims[i] for i in rest]
    return ordered, length, shape


def _at_fraction(ordered: Any, q: Any, count: Any, method: str) -> Any:
    """Elements of the last axis at the fractions `q` of `count` values (a number, or one per
    row)."""
    from addax.ops.shaping import broadcast_to, expand_dims, moveaxis, reshape

    if method not in _METHODS:
        raise ValueError(f"Invalid method: {method}. Expected one of {_METHODS}")
    q = cast(convert_to_tensor(q), "float64")
    if q.ndim > 1:
        raise ValueError(f"`q` must be a number or a vector. Received: q.shape={q.shape}")
    if not q.symbolic and bool(any((q < 0.0) | (q > 1.0))):
        raise ValueError(f"Quantiles must be in the range [0, 1]. Received: q={q.numpy().tolist()}")
    fractions = reshape(q, [q.dims[0] if q.ndim else 1])
    rows = list(ordered.dims[:-1])
    if count.ndim:
        count = expand_dims(count, -1)
    position = fractions * (count - 1.0)
    position = core("maximum")(position, scalar(0.0, "float64"))
    position = broadcast_to(position, [*rows, fractions.dims[0]])

    def pick(places: Any) -> Any:
        places = (
            core("minimum")(cast(places, "int32"), cast(count - 1.0, "int32"))
            if count.ndim
            else cast(places, "int32")
        )
        places = core("maximum")(places, scalar(0, "int32"))
        return core("take_along_axis")(ordered, places, axis=ordered.ndim - 1)

    below, above = core("floor")(position), core("ceil")(position)
    if method == "nearest":
        result = pick(core("round")(position))
    elif method == "lower":
        result = pick(below)
    elif method == "higher":
        result = pick(above)
    else:
        low, high = pick(below), pick(above)
        if method == "midpoint":
            half = cast(core("not_equal")(below, above), low.dtype) * 0.5
        else:
            half = cast(position - below, low.dtype)
        # Equal neighbours are taken as they are: infinities have no difference.
        step = core("where")(core("equal")(low, high), scalar(0.0, low.dtype), high - low)
        result = low + step * half
    if q.ndim == 0:
        return reshape(result, rows)
    return moveaxis(result, -1, 0)


@op
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`log(sum(exp(x)))` over axes (all if `None`), without overflow."""
    x = float_tensor(x)
    return core("logsumexp")(x, axes=normalize_axes(axis, x.ndim), keepdims=keepdims)


@op
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple:
    """Mean and variance over axes.

    Args:
        x: Tensor.
        axes: Axis or axes.
        keepdims: Whether the axes stay with length 1.
        synchronized: Kept for Keras's signature; there is one replica.
    """
    from addax.ops.shaping import reshape

    x = float_tensor(x)
    places = normalize_axes(axes, x.ndim)
    centre = _mean(x, axes=places, keepdims=True)
    spread = core("square")(core("subtract")(x, centre))
    variance = _mean(spread, axes=places, keepdims=keepdims)
    if not keepdims:
        centre = reshape(centre, [size for i, size in enumerate(x.dims) if i not in places])
    return centre, variance
