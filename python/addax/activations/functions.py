"""The activation functions with Keras's arguments; their formulas are in `addax.ops`."""

from __future__ import annotations

from typing import Any

from addax import ops


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """`max(x, 0)`, or with a slope below a threshold and an upper bound.

    Args:
        x: Tensor.
        negative_slope: Slope below the threshold: `negative_slope * (x - threshold)`.
        max_value: Upper bound.
        threshold: Where the function starts to be the identity.
    """
    if negative_slope == 0.0 and max_value is None and threshold == 0:
        return ops.relu(x)
    if negative_slope == 0.0 and threshold == 0 and max_value == 6:
        return ops.relu6(x)
    if negative_slope != 0.0 and max_value is None and threshold == 0:
        return ops.leaky_relu(x, negative_slope)
    above = x if max_value is None else ops.minimum(x, max_value)
    below = negative_slope * (x - threshold)
    return ops.where(ops.greater_equal(x, threshold), above, below)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x` where positive, else `negative_slope * x`."""
    return ops.leaky_relu(x, negative_slope)


def relu6(x: Any) -> Any:
    """`min(max(x, 0), 6)`."""
    return ops.relu6(x)


def _with_logits(output: Any, logits: Any, activation: str) -> Any:
    """Leaves the input on the output: cross-entropies are exact and quicker on it."""
    if ops.is_tensor(output):
        output._keras_logits = ops.convert_to_tensor(logits, dtype=output.dtype)
        output._keras_logits_of = activation
    return output


def softmax(x: Any, axis: Any = -1) -> Any:
    """`exp(x) / sum(exp(x))` over an axis."""
    output = ops.softmax(x, axis)
    return _with_logits(output, x, "softmax") if axis in (-1, len(output.shape) - 1) else output


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """`x - log(sum(exp(x)))` over an axis."""
    return ops.log_softmax(x, axis)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """Projection onto the probability simplex, with zeros for small values."""
    return ops.sparsemax(x, axis)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    return ops.elu(x, alpha)


def selu(x: Any) -> Any:
    """Scaled ELU that keeps mean 0 and variance 1."""
    return ops.selu(x)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`."""
    return ops.celu(x, alpha)


def gelu(x: Any, approximate: bool = False) -> Any:
    """`x * P(X <= x)` for a standard normal X, or its tanh approximation."""
    return ops.gelu(x, approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second."""
    return ops.glu(x, axis)


def softplus(x: Any) -> Any:
    """`log(1 + exp(x))`."""
    return ops.softplus(x)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, x from 1, `(x + 1)² / 4` between."""
    return ops.sparse_plus(x)


def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`."""
    return ops.softsign(x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards 0 by the threshold, 0 within it."""
    return ops.soft_shrink(x, threshold)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` where its absolute value is above the threshold, else 0."""
    return ops.hard_shrink(x, threshold)


def threshold(x: Any, threshold_value: float, default_value: float) -> Any:
    """`x` where it is above the threshold, else the default value."""
    return ops.threshold(x, threshold_value, default_value)


def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`."""
    return _with_logits(ops.sigmoid(x), x, "sigmoid")


def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, 1 from 1, `(x + 1) / 2` between."""
    return ops.sparse_sigmoid(x)


def log_sigmoid(x: Any) -> Any:
    """`log(sigmoid(x))`."""
    return ops.log_sigmoid(x)


def hard_sigmoid(x: Any) -> Any:
    """`relu6(x + 3) / 6`."""
    return ops.hard_sigmoid(x)


def silu(x: Any) -> Any:
    """`x * sigmoid(x)`; also called swish."""
    return ops.silu(x)


def hard_silu(x: Any) -> Any:
    """`x * relu6(x + 3) / 6`; also called hard swish."""
    return ops.hard_silu(x)


def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x² + b)) / 2`."""
    return ops.squareplus(x, b)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return ops.tanh(x)


def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`."""
    return ops.tanh_shrink(x)


def hard_tanh(x: Any) -> Any:
    """`x` limited to [-1, 1]."""
    return ops.hard_tanh(x)


def exponential(x: Any) -> Any:
    """e to the power of x."""
    return ops.exp(x)


def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`."""
    return ops.mish(x)


def linear(x: Any) -> Any:
    """`x`."""
    return x
