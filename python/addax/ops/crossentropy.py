"""Cross-entropies of predictions and targets. Probabilities are clipped to [epsilon, 1 -
epsilon], as in Keras."""

from __future__ import annotations

import math
from typing import Any

from addax.backend.config import epsilon
from addax.backend.tensor import cast, convert_to_tensor, scalar
from addax.ops.door import core, float_tensor, known_size, normalize_axis, op, two_floats


def _clipped(probabilities: Any) -> Any:
    dtype = probabilities.dtype
    low, high = scalar(epsilon(), dtype), scalar(1.0 - epsilon(), dtype)
    return core("minimum")(core("maximum")(probabilities, low), high)


def _same_shape(target: Any, output: Any) -> None:
    if target.ndim != output.ndim:
        raise ValueError(
            "Arguments `target` and `output` must have the same rank (ndim). Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    for a, b in zip(target.shape, output.shape):
        if a is not None and b is not None and a != b:
            raise ValueError(
                "Arguments `target` and `output` must have the same shape. "
                f"Received: target.shape={target.shape}, output.shape={output.shape}"
            )


def _log_of_shares(output: Any, axis: int) -> Any:
    """Logarithm of the outputs scaled to the sum 1 along an axis."""
    total = core("sum")(output, axes=[axis], keepdims=True)
    return core("log")(_clipped(core("divide")(output, total)))


@op
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """`-sum(target * log(output))` along an axis.

    Args:
        target: Probabilities of the classes (one-hot).
        output: Predicted probabilities, of the same shape, which are scaled to sum 1; or logits.
        from_logits: Whether `output` are logits.
        axis: The axis of the classes.

    Raises:
        ValueError: If the shapes differ or are empty.
    """
    output = float_tensor(output)
    target = cast(convert_to_tensor(target), output.dtype)
    if target.ndim < 1:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    _same_shape(target, output)
    place = normalize_axis(axis, output.ndim)
    if from_logits and place == output.ndim - 1:
        return core("softmax_cross_entropy")(output, target)
    if from_logits:
        logs = core("log_softmax")(output, axis=place)
    else:
        logs = _log_of_shares(output, place)
    return core("negative")(
        core("sum")(core("multiply")(target, logs), axes=[place], keepdims=False)
    )


@op
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """`-log(output[target])` along an axis.

    Args:
        target: Class indices, of the shape of `output` without the axis (or with a last axis of
            length 1).
        output: Predicted probabilities, which are scaled to sum 1; or logits.
        from_logits: Whether `output` are logits.
        axis: The axis of the classes.

    Raises:
        ValueError: If the shapes do not fit.
        IndexError: If an index is no class.
    """
    from addax.ops.shaping import moveaxis, squeeze

    output = float_tensor(output)
    target = convert_to_tensor(target)
    if target.dtype != "int64":
        target = cast(target, "int32")
    if target.ndim == output.ndim and known_size(target.dims[-1]) == 1:
        target = squeeze(target, -1)
    if output.ndim < 1:
        raise ValueError(
            f"Argument `output` must be at least rank 1. Received: output.shape={output.shape}"
        )
    place = normalize_axis(axis, output.ndim)
    rest = [size for i, size in enumerate(output.shape) if i != place]
    if target.ndim != output.ndim - 1:
        raise ValueError(
            "Argument `output` must have rank (ndim) `target.ndim - 1`. Received: "
            f"target.shape={target.shape}, output.shape={output.shape}"
        )
    for a, b in zip(target.shape, rest):
        if a is not None and b is not None and a != b:
            raise ValueError(
                "Arguments `target` and `output` must have the same shape up until the last "
                "dimension: "
                f"target.shape={target.shape}, output.shape={output.shape}"
            )
    output = moveaxis(output, place, -1)
    if not from_logits:
        # Logarithms of probabilities are logits, and this operation checks the indices.
        output = _log_of_shares(output, output.ndim - 1)
    return core("sparse_softmax_cross_entropy")(output, target)


@op
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """`-(target * log(output) + (1 - target) * log(1 - output))`, element by element.

    Args:
        target: Probabilities (0 or 1).
        output: Predicted probabilities, or logits, of the same shape.
        from_logits: Whether `output` are logits.

    Raises:
        ValueError: If the shapes differ.
    """
    output = float_tensor(output)
    target = cast(convert_to_tensor(target), output.dtype)
    _same_shape(target, output)
    if from_logits:
        return core("sigmoid_cross_entropy")(output, target)
    output = _clipped(output)
    one = scalar(1.0, output.dtype)
    log = core("log")
    hit = core("multiply")(target, log(output))
    miss = core("multiply")(core("subtract")(one, target), log(core("subtract")(one, output)))
    return core("negative")(core("add")(hit, miss))


@op
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Peak signal-to-noise ratio in decibels: `10 log10(max_val² / mean((x1 - x2)²))`.

    Raises:
        ValueError: If the shapes differ.
    """
    x1, x2 = two_floats(x1, x2)
    if tuple(x1.shape) != tuple(x2.shape):
        raise ValueError(f"Input shapes {x1.shape} and {x2.shape} must match for PSNR calculation.")
    error = core("mean")(core("square")(x1 - x2), axes=list(range(x1.ndim)), keepdims=False)
    return (core("log")(error) * -1.0 + 2.0 * math.log(max_val)) * (10.0 / math.log(10.0))
