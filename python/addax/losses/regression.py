"""Losses on real-valued predictions. All functions give the mean over the last axis."""

from __future__ import annotations

import math
from typing import ClassVar

from addax import ops
from addax.backend.config import epsilon
from addax.losses.loss import squeeze_or_expand_to_same_rank
from addax.losses.wrapper import NamedLoss


def matched(y_true, y_pred):
    """Converts both to tensors of the predictions' dtype and of equal rank.

    Raises:
        ValueError: If there is one target per sample but several predictions. Broadcasting would
            pair the samples with the predictions as soon as there are equally many.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if len(true) == 1 and len(pred) > 1 and true[0] == pred[0] != pred[-1]:
        raise ValueError(
            f"Targets and predictions must have the same shape. Received: y_true.shape={true}, "
            f"y_pred.shape={pred}"
        )
    return y_true, y_pred


def mean_squared_error(y_true, y_pred):
    """`mean((y_true - y_pred)², axis=-1)`."""
    y_true, y_pred = matched(y_true, y_pred)
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def mean_absolute_error(y_true, y_pred):
    """`mean(|y_true - y_pred|, axis=-1)`."""
    y_true, y_pred = matched(y_true, y_pred)
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true, y_pred):
    """`100 * mean(|y_true - y_pred| / max(|y_true|, epsilon), axis=-1)`."""
    y_true, y_pred = matched(y_true, y_pred)
    scale = ops.maximum(ops.abs(y_true), epsilon())
    return 100.0 * ops.mean(ops.abs((y_true - y_pred) / scale), axis=-1)


def mean_squared_logarithmic_error(y_true, y_pred):
    """`mean((log(y_true + 1) - log(y_pred + 1))², axis=-1)`; values are at least epsilon."""
    y_true, y_pred = matched(y_true, y_pred)
    log_true = ops.log(ops.maximum(y_true, epsilon()) + 1.0)
    log_pred = ops.log(ops.maximum(y_pred, epsilon()) + 1.0)
    return ops.mean(ops.square(log_true - log_pred), axis=-1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """The negated cosine between targets and predictions along the axis: -1 is best."""
    y_true, y_pred = matched(y_true, y_pred)
    y_true = ops.normalize(y_true, axis=axis)
    y_pred = ops.normalize(y_pred, axis=axis)
    return -ops.sum(y_true * y_pred, axis=axis)


def huber(y_true, y_pred, delta=1.0):
    """Mean of `e²/2` where `|e| <= delta`, else of `delta * |e| - delta²/2` (Huber, 1964)."""
    y_true, y_pred = matched(y_true, y_pred)
    error = ops.abs(y_pred - y_true)
    quadratic = 0.5 * ops.square(error)
    linear = delta * error - 0.5 * delta * delta
    return ops.mean(ops.where(error <= delta, quadratic, linear), axis=-1)


def log_cosh(y_true, y_pred):
    """Mean of `log(cosh(e))`, as `|e| + log1p(exp(-2|e|)) - log(2)`, which cannot overflow."""
    y_true, y_pred = matched(y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(-2.0 * error) - math.log(2.0), axis=-1)


class MeanSquaredError(NamedLoss):
    """Mean of squared differences; see `mean_squared_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, name=name, reduction=reduction, dtype=dtype)


class MeanAbsoluteError(NamedLoss):
    """Mean of absolute differences; see `mean_absolute_error`."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, name=name, reduction=reduction, dtype=dtype)


class MeanAbsolutePercentageError(NamedLoss):
    """Mean of relative differences in percent; see `mean_absolute_percentage_error`."""

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None
    ):
        super().__init__(
            mean_absolute_percentage_error, name=name, reduction=reduction, dtype=dtype
        )


class MeanSquaredLogarithmicError(NamedLoss):
    """Mean of squared differences of logarithms; see `mean_squared_logarithmic_error`."""

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None
    ):
        super().__init__(
            mean_squared_logarithmic_error, name=name, reduction=reduction, dtype=dtype
        )


class CosineSimilarity(NamedLoss):
    """Negated cosine similarity; see `cosine_similarity`.

    Args:
        axis: Axis of the vectors' components.
        reduction, name, dtype: See `Loss`.
    """

    _left_out: ClassVar = {"axis": -1}

    def __init__(
        self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None
    ):
        super().__init__(cosine_similarity, name=name, reduction=reduction, dtype=dtype, axis=axis)


class Huber(NamedLoss):
    """Squared near zero, absolute beyond `delta`; see `huber`.

    Args:
        delta: Where the two meet.
        reduction, name, dtype: See `Loss`.
    """

    _left_out: ClassVar = {"delta": 1.0}

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(huber, name=name, reduction=reduction, dtype=dtype, delta=delta)


class LogCosh(NamedLoss):
    """Logarithm of the hyperbolic cosine of the difference; see `log_cosh`."""

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(log_cosh, name=name, reduction=reduction, dtype=dtype)
