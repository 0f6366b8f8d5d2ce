"""Correlations of targets and predictions."""

from __future__ import annotations

from addax import ops
from addax.backend.config import epsilon
from addax.losses.regression import matched
from addax.metrics.reduction import NamedMeanMetric


def pearson_correlation(y_true, y_pred, axis=-1):
    """`mean(standardized y_true * standardized y_pred, axis)`, in [-1, 1]."""
    y_true, y_pred = matched(y_true, y_pred)
    y_true = y_true - ops.mean(y_true, axis=axis, keepdims=True)
    y_pred = y_pred - ops.mean(y_pred, axis=axis, keepdims=True)
    y_true = y_true / ops.std(y_true, axis=axis, keepdims=True)
    y_pred = y_pred / ops.std(y_pred, axis=axis, keepdims=True)
    return ops.mean(y_true * y_pred, axis=axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    """`2 * cov / (var_true + var_pred + (mean_true - mean_pred)²)` (Lin, 1989), along the axis."""
    y_true, y_pred = matched(y_true, y_pred)
    mean_true = ops.mean(y_true, axis=axis, keepdims=True)
    mean_pred = ops.mean(y_pred, axis=axis, keepdims=True)
    spread = ops.var(y_true, axis=axis, keepdims=True) + ops.var(y_pred, axis=axis, keepdims=True)
    # Deviations of both are taken from the predictions' mean, as in Keras: their sum is the same.
    products = (y_true - mean_pred) * (y_pred - mean_pred)
    return ops.mean(
        2.0 * products / (spread + ops.square(mean_true - mean_pred) + epsilon()), axis=axis
    )


class PearsonCorrelation(NamedMeanMetric):
    """Running mean of `pearson_correlation`.

    Args:
        name, dtype: See `Metric`.
        axis: Axis of the variables that correlate.
    """

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(NamedMeanMetric):
    """Running mean of `concordance_correlation`.

    Args:
        name, dtype: See `Metric`.
        axis: Axis of the variables that correlate.
    """

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis
