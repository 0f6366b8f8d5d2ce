"""Losses that compare areas: Dice and Tversky."""

from __future__ import annotations

from addax import ops
from addax.backend.config import epsilon
from addax.losses.wrapper import NamedLoss


def dice(y_true, y_pred, axis=None):
    """`1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))` over the axes (`None`: all)."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    common = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1.0 - 2.0 * common / (total + epsilon())


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """`1 - TP / (TP + alpha * (true only) + beta * (predicted only))` over the axes.

    Salehi et al., 2017, arXiv:1706.05721, eq. 3; as in Keras, alpha weighs what is missed.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.cast(y_true, y_pred.dtype)
    common = ops.sum(y_true * y_pred, axis=axis)
    true_only = ops.sum((1.0 - y_pred) * y_true, axis=axis)
    predicted_only = ops.sum(y_pred * (1.0 - y_true), axis=axis)
    return 1.0 - common / (common + alpha * true_only + beta * predicted_only + epsilon())


class Dice(NamedLoss):
    """One minus the Dice coefficient; see `dice`.

    Args:
        reduction, name, dtype: See `Loss`.
        axis: Axes to sum over; by default all, and the loss is a scalar before its reduction.
    """

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(dice, name=name, reduction=reduction, dtype=dtype, axis=axis)


class Tversky(NamedLoss):
    """One minus the Tversky index; see `tversky`.

    Args:
        alpha: Weight of what the prediction misses.
        beta: Weight of what it adds.
        reduction, name, dtype: See `Loss`.
        axis: Axes to sum over; by default all.
    """

    def __init__(
        self,
        alpha=0.5,
        beta=0.5,
        reduction="sum_over_batch_size",
        name="tversky",
        axis=None,
        dtype=None,
    ):
        super().__init__(
            tversky,
            name=name,
            reduction=reduction,
            dtype=dtype,
            alpha=alpha,
            beta=beta,
            axis=axis,
        )
