"""Normalizations: batch, layer, root mean square, and vectors to length 1."""

from __future__ import annotations

from typing import Any

from addax.backend.config import epsilon as default_epsilon
from addax.backend.tensor import cast, convert_to_tensor, scalar
from addax.ops.door import core, float_tensor, normalize_axes, normalize_axis, op
from addax.ops.reductions import moments

__all__ = [
    "batch_normalization",
    "layer_normalization",
    "moments",
    "normalize",
    "rms_normalization",
]


def _along(parameter: Any, x: Any, axes: list[int]) -> Any:
    """A parameter of the given axes in a shape that broadcasts against `x`."""
    from addax.ops.shaping import reshape

    parameter = cast(convert_to_tensor(parameter), x.dtype)
    if parameter.ndim == 0 or axes == list(range(x.ndim - parameter.ndim, x.ndim)):
        return parameter
    if parameter.ndim != len(axes):
        raise ValueError(
            f"A parameter must have one axis for each of the axes {axes}. Received: shape "
            f"{parameter.shape}"
        )
    sizes = iter(parameter.dims)
    return reshape(parameter, [next(sizes) if i in axes else 1 for i in range(x.ndim)])


@op
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """`scale * (x - mean) / sqrt(variance + epsilon) + offset` along one axis (Ioffe & Szegedy,
    2015, arXiv:1502.03167).

    Raises:
        ValueError: If a parameter is not a vector of the axis's length.
    """
    x = float_tensor(x)
    place = normalize_axis(axis, x.ndim)
    for name, value in (
        ("mean", mean),
        ("variance", variance),
        ("offset", offset),
        ("scale", scale),
    ):
        if value is not None:
            shape = convert_to_tensor(value).shape
            if len(shape) != 1 or (x.shape[place] is not None and shape[0] != x.shape[place]):
                raise ValueError(
                    f"`{name}` must be a vector of length `x.shape[axis]`. Expected: "
                    f"({x.shape[place]},). Received: {shape}"
                )
    factor = core("rsqrt")(cast(convert_to_tensor(variance), x.dtype) + epsilon)
    if scale is not None:
        factor = factor * cast(convert_to_tensor(scale), x.dtype)
    result = (x - _along(mean, x, [place])) * _along(factor, x, [place])
    return result if offset is None else result + _along(offset, x, [place])


def _fused(x: Any, axes: list[int], *parameters: Any) -> bool:
    """Whether the core normalizes this at once: over the last axes, in its own dtypes."""
    last = list(range(x.ndim - len(axes), x.ndim))
    sizes = [convert_to_tensor(p).ndim for p in parameters if p is not None]
    return axes == last and x.dtype in ("float32", "float64") and set(sizes) <= {len(axes)}


def _parameter(value: Any, x: Any, axes: list[int], default: int) -> Any:
    """The parameter in x's dtype; a constant where there is none."""
    if value is None:
        return core("full")(shape=[x.dims[a] for a in axes], value=default, dtype=x.dtype)
    return cast(convert_to_tensor(value), x.dtype)


@op
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance over `axis` (Ba
    et al., 2016, arXiv:1607.06450)."""
    x = float_tensor(x)
    axes = sorted(normalize_axes(axis, x.ndim))
    least = default_epsilon() if epsilon is None else epsilon
    if _fused(x, axes, gamma, beta):
        scale, shift = _parameter(gamma, x, axes, 1), _parameter(beta, x, axes, 0)
        return core("layer_normalization")(x, scale, shift, epsilon=least)[0]
    mean, variance = moments(x, axes, keepdims=True)
    result = (x - mean) * core("rsqrt")(variance + least)
    if gamma is not None:
        result = result * _along(gamma, x, axes)
    return result if beta is None else result + _along(beta, x, axes)


@op
def rms_normalization(x: Any, scale: Any = 1, axis: Any = -1, epsilon: float | None = None) -> Any:
    """`scale * x / sqrt(mean(x²) + epsilon)`, the mean over `axis` (Zhang & Sennrich, 2019,
    arXiv:1910.07467)."""
    x = float_tensor(x)
    axes = sorted(normalize_axes(axis, x.ndim))
    least = default_epsilon() if epsilon is None else epsilon
    if _fused(x, axes, scale):
        return core("rms_normalization")(x, _parameter(scale, x, axes, 1), epsilon=least)[0]
    squares = core("mean")(core("square")(x), axes=axes, keepdims=True)
    return x * core("rsqrt")(squares + least) * _along(scale, x, axes)


def normalize_batch(
    x: Any, axis: int, gamma: Any, beta: Any, epsilon: float
) -> tuple[Any, Any, Any]:
    """`batch_normalization` by the statistics of x itself, which are returned too: result, mean
    and (biased) variance."""
    place = normalize_axis(axis, x.ndim)
    if place == x.ndim - 1 and x.ndim > 1 and x.dtype in ("float32", "float64"):
        scale, shift = _parameter(gamma, x, [place], 1), _parameter(beta, x, [place], 0)
        return core("batch_normalization")(x, scale, shift, epsilon=epsilon)
    mean, variance = moments(x, axes=[a for a in range(x.ndim) if a != place])
    result = batch_normalization(x, mean, variance, axis, offset=beta, scale=gamma, epsilon=epsilon)
    return result, mean, variance


def normalize_groups(x: Any, groups: int, axis: int, gamma: Any, beta: Any, epsilon: float) -> Any:
    """x with mean 0 and variance 1 in each of `groups` groups of the channels of each sample, then
    scaled and shifted per channel."""
    from addax.ops.shaping import reshape

    place = normalize_axis(axis, x.ndim)
    if place == x.ndim - 1 and x.ndim > 1 and x.dtype in ("float32", "float64"):
        scale, shift = _parameter(gamma, x, [place], 1), _parameter(beta, x, [place], 0)
        return core("group_normalization")(x, scale, shift, groups=groups, epsilon=epsilon)[0]
    dims = list(x.dims)
    grouped = reshape(x, [*dims[:place], groups, dims[place] // groups, *dims[place + 1 :]])
    axes = [a for a in range(1, grouped.ndim) if a != place]
    mean, variance = moments(grouped, axes, keepdims=True)
    result = reshape((grouped - mean) * core("rsqrt")(variance + epsilon), dims)
    if gamma is not None:
        result = result * _along(gamma, x, [place])
    return result if beta is None else result + _along(beta, x, [place])


@op
def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> Any:
    """`x` divided by its norm over `axis`, which is taken as at least `epsilon`.

    Raises:
        ValueError: If `order` is less than 1.
    """
    from addax.ops.linalg import norm

    if not isinstance(order, (int, float)) or not order >= 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    x = float_tensor(x)
    least = default_epsilon() if epsilon is None else epsilon
    axes = normalize_axes(axis, x.ndim)
    if order == 2:
        # rsqrt of the clipped sum of squares: the gradient at 0 is finite.
        squares = core("sum")(core("square")(x), axes=axes, keepdims=True)
        return x * core("rsqrt")(core("maximum")(squares, scalar(least * least, x.dtype)))
    size = norm(x, order, axes, keepdims=True)
    return x / core("maximum")(size, scalar(least, x.dtype))
