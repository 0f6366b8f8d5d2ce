"""Activation functions: what stands between the linear layers."""

from __future__ import annotations

import math
from typing import Any

from addax.backend.tensor import cast, scalar
from addax.ops.door import core, float_tensor, normalize_axes, normalize_axis, number_tensor, op
from addax.ops.elementwise import where

_relu, _sigmoid, _tanh = core("relu"), core("sigmoid"), core("tanh")
_exp, _softplus, _abs = core("exp"), core("softplus"), core("abs")
_softmax, _log_softmax = core("softmax"), core("log_softmax")


@op
def relu(x: Any) -> Any:
    """`max(x, 0)`."""
    return _relu(number_tensor(x))


@op
def relu6(x: Any) -> Any:
    """`min(max(x, 0), 6)`."""
    x = number_tensor(x)
    return core("minimum")(_relu(x), scalar(6, x.dtype))


@op
def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`."""
    return _sigmoid(float_tensor(x))


@op
def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, 1 from 1, `(x + 1) / 2` between."""
    x = float_tensor(x)
    return _between((x + 1.0) * 0.5, 0.0, 1.0)


def _between(x: Any, low: float, high: float) -> Any:
    x = core("maximum")(x, scalar(low, x.dtype))
    return core("minimum")(x, scalar(high, x.dtype))


@op
def softplus(x: Any) -> Any:
    """`log(1 + exp(x))`."""
    return _softplus(float_tensor(x))


@op
def sparse_plus(x: Any) -> Any:
    """0 up to -1, x from 1, `(x + 1)² / 4` between."""
    x = float_tensor(x)
    middle = core("square")(x + 1.0) * 0.25
    return where(x <= -1.0, scalar(0.0, x.dtype), where(x >= 1.0, x, middle))


@op
def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`."""
    x = float_tensor(x)
    return x / (_abs(x) + 1.0)


@op
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards 0 by the threshold, 0 within it."""
    x = float_tensor(x)
    shrunk = where(x > threshold, x - threshold, x + threshold)
    return where(_abs(x) > threshold, shrunk, scalar(0.0, x.dtype))


@op
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` where its absolute value is above the threshold, else 0."""
    x = float_tensor(x)
    return where(_abs(x) > threshold, x, scalar(0.0, x.dtype))


@op
def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where it is above the threshold, else the default value."""
    x = number_tensor(x)
    return where(x > threshold, x, scalar(default_value, x.dtype))


@op
def silu(x: Any) -> Any:
    """`x * sigmoid(x)`."""
    x = float_tensor(x)
    return x * _sigmoid(x)


@op
def swish(x: Any) -> Any:
    """`x * sigmoid(x)`."""
    x = float_tensor(x)
    return x * _sigmoid(x)


@op
def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x² + b)) / 2`."""
    x = float_tensor(x)
    return (x + core("sqrt")(core("square")(x) + float(b))) * 0.5


@op
def log_sigmoid(x: Any) -> Any:
    """`log(sigmoid(x)) = -softplus(-x)`."""
    return core("negative")(_softplus(core("negative")(float_tensor(x))))


@op
def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x` where positive, else `negative_slope * x`."""
    x = float_tensor(x)
    return where(x > 0.0, x, x * negative_slope)


@op
def hard_sigmoid(x: Any) -> Any:
    """`relu6(x + 3) / 6`."""
    x = float_tensor(x)
    return _between(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)


@op
def hard_silu(x: Any) -> Any:
    """`x * relu6(x + 3) / 6`."""
    x = float_tensor(x)
    return x * hard_sigmoid(x)


@op
def hard_swish(x: Any) -> Any:
    """`x * relu6(x + 3) / 6`."""
    x = float_tensor(x)
    return x * hard_sigmoid(x)


@op
def hard_tanh(x: Any) -> Any:
    """`x` limited to [-1, 1]."""
    return _between(float_tensor(x), -1.0, 1.0)


@op
def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`."""
    x = float_tensor(x)
    return x - _tanh(x)


def _expm1_below(x: Any) -> Any:
    """`exp(x) - 1` for negative x, 0 for others: never a large number where it is not used."""
    return core("expm1")(core("minimum")(x, scalar(0.0, x.dtype)))


@op
def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    x = float_tensor(x)
    return where(x > 0.0, x, _expm1_below(x) * alpha)


@op
def selu(x: Any) -> Any:
    """Scaled ELU whose constants keep mean 0 and variance 1 (Klambauer et al., 2017,
    arXiv:1706.02515, eq. 14)."""
    x = float_tensor(x)
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return where(x > 0.0, x, _expm1_below(x) * alpha) * scale


@op
def celu(x: Any, alpha: float = 1.0) -> Any:
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`."""
    x = float_tensor(x)
    return _relu(x) + _expm1_below(x / alpha) * alpha


@op
def gelu(x: Any, approximate: bool = True) -> Any:
    """`x * P(X <= x)` for a standard normal X, or its tanh approximation (Hendrycks & Gimpel,
    2016, arXiv:1606.08415)."""
    x = float_tensor(x)
    if approximate:
        inner = (x + core("square")(x) * x * 0.044715) * math.sqrt(2.0 / math.pi)
        return x * 0.5 * (_tanh(inner) + 1.0)
    return core("gelu")(x)


@op
def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`."""
    x = float_tensor(x)
    return x * _tanh(_softplus(x))


@op
def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second.

    Raises:
        ValueError: If the axis's length is odd.
    """
    from addax.ops.shaping import split

    x = float_tensor(x)
    length = x.dims[normalize_axis(axis, x.ndim)]
    if isinstance(length, int) and length % 2:
        raise ValueError(
            f"axis size must be divisible by 2. Received: x.shape={x.shape} with axis={axis}"
        )
    values, gate = split(x, 2, axis)
    return values * _sigmoid(gate)


def _over_axes(run: Any, x: Any, axis: Any) -> Any:
    """A function of one axis applied to one, several joined, or all (`None`) axes."""
    from addax.ops.door import product
    from addax.ops.shaping import reshape, transpose

    if isinstance(axis, int):
        return run(x, axis=normalize_axis(axis, x.ndim))
    axes = normalize_axes(axis, x.ndim)
    rest = [i for i in range(x.ndim) if i not in axes]
    order = rest + axes
    moved = transpose(x, order)
    flat = reshape(moved, [x.dims[i] for i in rest] + [product(x.dims[i] for i in axes)])
    result = reshape(run(flat, axis=flat.ndim - 1), moved.dims)
    back = [order.index(i) for i in range(x.ndim)]
    return transpose(result, back)


@op
def softmax(x: Any, axis: Any = -1) -> Any:
    """`exp(x) / sum(exp(x))` over an axis, several, or all (`None`)."""
    return _over_axes(_softmax, float_tensor(x), axis)


@op
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """`x - log(sum(exp(x)))` over an axis, several, or all (`None`)."""
    return _over_axes(_log_softmax, float_tensor(x), axis)


@op
def sparsemax(x: Any, axis: int = -1) -> Any:
    """Projection onto the probability simplex, with zeros for small values (Martins &
    Astudillo, 2016, arXiv:1602.02068)."""
    from addax.ops.creation import iota
    from addax.ops.reductions import cumsum, sum
    from addax.ops.shaping import flip, moveaxis, reshape
    from addax.ops.sorting import sort

    x = moveaxis(float_tensor(x), axis, -1)
    size = x.dims[-1]
    falling = flip(sort(x, -1), -1)
    rank = reshape(iota(size, x.dtype) + 1.0, [size])
    total = cumsum(falling, -1)
    inside = cast(falling * rank + 1.0 > total, x.dtype)
    count = sum(inside, -1, keepdims=True)
    tau = (sum(falling * inside, -1, keepdims=True) - 1.0) / count
    return moveaxis(_relu(x - tau), -1, axis)
