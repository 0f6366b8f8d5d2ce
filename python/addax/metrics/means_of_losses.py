"""Losses as metrics: the running means of their values per sample."""

from __future__ import annotations

from typing import ClassVar

from addax import ops
from addax.losses import probabilistic, regression
from addax.losses.hinge import categorical_hinge, hinge, squared_hinge
from addax.metrics.reduction import Mean, NamedMeanMetric


class _MeanLoss(NamedMeanMetric):
    _better = "down"


class MeanSquaredError(_MeanLoss):
    """Running mean of `losses.mean_squared_error`."""

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(regression.mean_squared_error, name=name, dtype=dtype)


class MeanAbsoluteError(_MeanLoss):
    """Running mean of `losses.mean_absolute_error`."""

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(regression.mean_absolute_error, name=name, dtype=dtype)


class MeanAbsolutePercentageError(_MeanLoss):
    """Running mean of `losses.mean_absolute_percentage_error`."""

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(regression.mean_absolute_percentage_error, name=name, dtype=dtype)


class MeanSquaredLogarithmicError(_MeanLoss):
    """Running mean of `losses.mean_squared_logarithmic_error`."""

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(regression.mean_squared_logarithmic_error, name=name, dtype=dtype)


class LogCoshError(_MeanLoss):
    """Running mean of `losses.log_cosh`."""

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(regression.log_cosh, name=name, dtype=dtype)


class RootMeanSquaredError(Mean):
    """Square root of the mean over all elements of squared differences."""

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = regression.matched(
            ops.convert_to_tensor(y_true, dtype=self.dtype),
            ops.convert_to_tensor(y_pred, dtype=self.dtype),
        )
        super().update_state(ops.square(y_pred - y_true), sample_weight=sample_weight)

    def result(self):
        return ops.sqrt(super().result())


def cosine_similarity(y_true, y_pred, axis=-1):
    """The cosine of the angle between targets and predictions: 1 is best (the loss is negated)."""
    return -regression.cosine_similarity(y_true, y_pred, axis=axis)


class CosineSimilarity(NamedMeanMetric):
    """Running mean of `cosine_similarity`: 1 for equal directions."""

    _left_out: ClassVar = {"axis": -1}

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(cosine_similarity, name=name, dtype=dtype, axis=axis)


class Hinge(_MeanLoss):
    """Running mean of `losses.hinge`."""

    def __init__(self, name="hinge", dtype=None):
        super().__init__(hinge, name=name, dtype=dtype)


class SquaredHinge(_MeanLoss):
    """Running mean of `losses.squared_hinge`."""

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, name=name, dtype=dtype)


class CategoricalHinge(_MeanLoss):
    """Running mean of `losses.categorical_hinge`."""

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, name=name, dtype=dtype)


class KLDivergence(_MeanLoss):
    """Running mean of `losses.kl_divergence`."""

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(probabilistic.kl_divergence, name=name, dtype=dtype)


class Poisson(_MeanLoss):
    """Running mean of `losses.poisson`."""

    def __init__(self, name="poisson", dtype=None):
        super().__init__(probabilistic.poisson, name=name, dtype=dtype)


class BinaryCrossentropy(_MeanLoss):
    """Running mean of `losses.binary_crossentropy`."""

    def __init__(
        self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0
    ):
        super().__init__(
            probabilistic.binary_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


class CategoricalCrossentropy(_MeanLoss):
    """Running mean of `losses.categorical_crossentropy`."""

    def __init__(
        self,
        name="categorical_crossentropy",
        dtype=None,
        from_logits=False,
        label_smoothing=0,
        axis=-1,
    ):
        super().__init__(
            probabilistic.categorical_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(_MeanLoss):
    """Running mean of `losses.sparse_categorical_crossentropy`."""

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        super().__init__(
            probabilistic.sparse_categorical_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
