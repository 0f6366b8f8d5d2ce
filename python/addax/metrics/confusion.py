"""Counts of true and false positives and negatives at thresholds, and the ratios made of them."""

from __future__ import annotations

from typing import Any, ClassVar

from addax import ops
from addax.losses.loss import squeeze_or_expand_to_same_rank
from addax.metrics.metric import Metric

# Below every prediction: with `top_k`, what is not among the best counts as a no.
LOWEST = -1e10


def parse_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """Returns the thresholds as a list.

    Raises:
        ValueError: If one is not in [0, 1].
    """
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, (list, tuple)) else [thresholds]
    wrong = [t for t in found if t is None or t < 0 or t > 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return found


def add_counts(
    counts: dict[str, Any],
    y_true,
    y_pred,
    thresholds: list[float],
    top_k=None,
    class_id=None,
    sample_weight=None,
    per_label=False,
    label_weights=None,
    clip=False,
) -> None:
    """Adds a batch to the counts of a confusion matrix at each threshold.

    Args:
        counts: Variables of shape `(thresholds,)`, or `(thresholds, labels)` with `per_label`,
            under the keys `"tp"`, `"fp"`, `"tn"`, `"fn"` as wanted.
        y_true: Targets; what is not zero is a yes.
        y_pred: Predictions; a yes where greater than the threshold.
        thresholds: Numbers.
        top_k: Only the k greatest predictions of a sample can be a yes.
        class_id: Only this class counts.
        sample_weight: Weights that broadcast to the predictions, or one per sample.
        per_label: Whether to keep labels (the last axis) apart.
        label_weights: Weights of the labels.
        clip: Whether predictions are first moved into [0, 1].
    """
    dtype = next(iter(counts.values())).dtype
    y_true = ops.cast(ops.convert_to_tensor(y_true), dtype)
    y_pred = ops.cast(ops.convert_to_tensor(y_pred), dtype)
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    if top_k is not None:
        y_pred = _only_top_k(y_pred, top_k)
    if class_id is not None:
        if len(y_pred.shape) == 1:
            raise ValueError(
                "When class_id is provided, y_pred must be a 2D array with shape (num_samples, "
                f"num_classes), found shape: {y_pred.shape}"
            )
        y_true = y_true[..., class_id : class_id + 1]
        y_pred = y_pred[..., class_id : class_id + 1]
    if clip:
        y_pred = ops.clip(y_pred, 0.0, 1.0)
    is_true = ops.cast(ops.not_equal(y_true, 0), dtype)
    weights = _weights(sample_weight, label_weights, y_pred)
    true_weight = is_true if weights is None else is_true * weights
    false_weight = 1.0 - is_true if weights is None else (1.0 - is_true) * weights
    levels = ops.convert_to_tensor(thresholds, dtype=dtype)
    if per_label:
        said_yes = ops.greater(ops.expand_dims(y_pred, 0), ops.reshape(levels, (-1, 1, 1)))
        said_yes = ops.cast(said_yes, dtype)
        batch = {
            "tp": ops.sum(said_yes * ops.expand_dims(true_weight, 0), axis=1),
            "fp": ops.sum(said_yes * ops.expand_dims(false_weight, 0), axis=1),
        }
        totals = ops.sum(true_weight, axis=0), ops.sum(false_weight, axis=0)
    else:
        said_yes = ops.greater(ops.reshape(y_pred, (1, -1)), ops.reshape(levels, (-1, 1)))
        said_yes = ops.cast(said_yes, dtype)
        batch = {
            "tp": ops.sum(said_yes * ops.reshape(true_weight, (1, -1)), axis=1),
            "fp": ops.sum(said_yes * ops.reshape(false_weight, (1, -1)), axis=1),
        }
        totals = ops.sum(true_weight), ops.sum(false_weight)
    if "fn" in counts:
        batch["fn"] = totals[0] - batch["tp"]
    if "tn" in counts:
        batch["tn"] = totals[1] - batch["fp"]
    for key, variable in counts.items():
        variable.assign_add(batch[key])


def _only_top_k(y_pred, k: int):
    _, best = ops.top_k(y_pred, k)
    chosen = ops.sum(ops.one_hot(best, y_pred.shape[-1], dtype=y_pred.dtype), axis=-2)
    return ops.where(ops.greater(chosen, 0.0), y_pred, LOWEST)


def _weights(sample_weight, label_weights, y_pred):
    weights = None
    if sample_weight is not None:
        weights = ops.cast(ops.convert_to_tensor(sample_weight), y_pred.dtype)
        while len(weights.shape) > len(y_pred.shape) and weights.shape[-1] == 1:
            weights = ops.squeeze(weights, axis=-1)
        while 1 <= len(weights.shape) < len(y_pred.shape):
            weights = ops.expand_dims(weights, axis=-1)
    if label_weights is not None:
        label_weights = ops.cast(ops.convert_to_tensor(label_weights), y_pred.dtype)
        weights = label_weights if weights is None else weights * label_weights
    return None if weights is None else ops.broadcast_to(weights, ops.shape(y_pred))


def ratio(part, rest):
    """`part / (part + rest)`, 0 where both are 0."""
    return ops.divide_no_nan(part, ops.add(part, rest))


class _ThresholdedMetric(Metric):
    """A metric that adds up some of the four counts at thresholds.

    `_counted` says which, with the names of the variables.
    """

    _counted: ClassVar[dict[str, str]] = {}
    _names: ClassVar[dict[str, str]] = {
        "tp": "true_positives",
        "fp": "false_positives",
        "tn": "true_negatives",
        "fn": "false_negatives",
    }

    def _add_counts(self, shape) -> None:
        for name in self._counted.values():
            setattr(self, name, self.add_variable(shape=shape, initializer="zeros", name=name))

    @property
    def _counts(self) -> dict[str, Any]:
        return {key: getattr(self, name) for key, name in self._counted.items()}

    def reset_state(self):
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))


class _ConditionCount(_ThresholdedMetric):
    """One of the four counts.

    Args:
        thresholds: A number or a list of numbers in [0, 1]; by default 0.5.
        name, dtype: See `Metric`.
    """

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_thresholds(thresholds)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        add_counts(self._counts, y_true, y_pred, self.thresholds, sample_weight=sample_weight)

    def result(self):
        value = ops.convert_to_tensor(self.accumulator)
        return value[0] if len(self.thresholds) == 1 else value

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_ConditionCount):
    """Weighted count of a yes that was right."""

    _counted = {"tp": "accumulator"}


class FalsePositives(_ConditionCount):
    """Weighted count of a yes that was wrong."""

    _counted = {"fp": "accumulator"}


class TrueNegatives(_ConditionCount):
    """Weighted count of a no that was right."""

    _counted = {"tn": "accumulator"}


class FalseNegatives(_ConditionCount):
    """Weighted count of a no that was wrong."""

    _counted = {"fn": "accumulator"}


class _PrecisionOrRecall(_ThresholdedMetric):
    """True positives over true positives and one kind of errors.

    Args:
        thresholds: A number or a list of numbers in [0, 1]; by default 0.5, or none with `top_k`.
        top_k: Only the k greatest predictions of a sample can be a yes.
        class_id: Only this class counts.
        name, dtype: See `Metric`.
    """

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.init_thresholds = thresholds
        self.top_k = top_k
        self.class_id = class_id
        self.thresholds = parse_thresholds(thresholds, 0.5 if top_k is None else LOWEST)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        add_counts(
            self._counts,
            y_true,
            y_pred,
            self.thresholds,
            top_k=self.top_k,
            class_id=self.class_id,
            sample_weight=sample_weight,
        )

    def result(self):
        found, errors = self._counts.values()
        value = ratio(found, errors)
        return value[0] if len(self.thresholds) == 1 else value

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_PrecisionOrRecall):
    """Which part of the yeses was right: `TP / (TP + FP)`."""

    _counted = {"tp": "true_positives", "fp": "false_positives"}


class Recall(_PrecisionOrRecall):
    """Which part of what is true was found: `TP / (TP + FN)`."""

    _counted = {"tp": "true_positives", "fn": "false_negatives"}


def even_thresholds(count: int) -> list[float]:
    """`count` thresholds from 0 to 1; one alone is 0.5."""
    return [0.5] if count == 1 else [i / (count - 1) for i in range(count)]


class _BestUnderConstraint(_ThresholdedMetric):
    """The best value of one ratio among the thresholds where another one is at least `value`.

    A subclass has `_ratios()`: the ratio under the constraint and the one wanted, per threshold.
    """

    _counted = _ThresholdedMetric._names
    _argument: ClassVar[str]

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        if value < 0 or value > 1:
            raise ValueError(
                f"Argument `{self._argument}` must be in the range [0, 1]. "
                f"Received: {self._argument}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 0. "
                f"Received: num_thresholds={num_thresholds}"
            )
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.thresholds = even_thresholds(num_thresholds)
        self._add_counts((len(self.thresholds),))

    def update_state(self, y_true, y_pred, sample_weight=None):
        add_counts(
            self._counts,
            y_true,
            y_pred,
            self.thresholds,
            class_id=self.class_id,
            sample_weight=sample_weight,
            clip=self.num_thresholds >= 3,
        )

    def result(self):
        constrained, wanted = self._ratios()
        feasible = ops.greater_equal(constrained, self.value)
        return ops.max(ops.where(feasible, wanted, ops.zeros_like(wanted)))

    def _sensitivity(self):
        return ratio(self.true_positives, self.false_negatives)

    def _specificity(self):
        return ratio(self.true_negatives, self.false_positives)

    def _precision(self):
        return ratio(self.true_positives, self.false_positives)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self._argument: self.value,
        }


class SensitivityAtSpecificity(_BestUnderConstraint):
    """The best `TP / (TP + FN)` where `TN / (TN + FP)` is at least `specificity`."""

    _argument = "specificity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name=name, dtype=dtype)
        self.specificity = specificity

    def _ratios(self):
        return self._specificity(), self._sensitivity()


class SpecificityAtSensitivity(_BestUnderConstraint):
    """The best `TN / (TN + FP)` where `TP / (TP + FN)` is at least `sensitivity`."""

    _argument = "sensitivity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name=name, dtype=dtype)
        self.sensitivity = sensitivity

    def _ratios(self):
        return self._sensitivity(), self._specificity()


class PrecisionAtRecall(_BestUnderConstraint):
    """The best `TP / (TP + FP)` where `TP / (TP + FN)` is at least `recall`."""

    _argument = "recall"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name=name, dtype=dtype)
        self.recall = recall

    def _ratios(self):
        return self._sensitivity(), self._precision()


class RecallAtPrecision(_BestUnderConstraint):
    """The best `TP / (TP + FN)` where `TP / (TP + FP)` is at least `precision`."""

    _argument = "precision"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name=name, dtype=dtype)
        self.precision = precision

    def _ratios(self):
        return self._precision(), self._sensitivity()
