"""Area under a curve that a threshold draws."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.config import epsilon
from addax.metrics.confusion import (
    _ThresholdedMetric,
    add_counts,
    even_thresholds,
    parse_thresholds,
    ratio,
)

_CURVES = {"pr": "PR", "roc": "ROC", "prgain": "PRGAIN"}
_METHODS = {
    "interpolation": "interpolation",
    "majoring": "majoring",
    "minoring": "minoring",
}


class AUC(_ThresholdedMetric):
    """Area under the ROC, precision-recall or precision-recall-gain curve, by a Riemann sum.

    Args:
        num_thresholds: Number of thresholds, spread evenly over [0, 1].
        curve: `"ROC"` (true over false positive rate), `"PR"` (Davis & Goadrich, 2006) or
            `"PRGAIN"` (Flach & Kull, 2015).
        summation_method: `"interpolation"` (mid-points; for PR that of Davis & Goadrich),
            `"minoring"` or `"majoring"`.
        name, dtype: See `Metric`.
        thresholds: Thresholds in [0, 1] to use instead; 0 and 1 are added.
        multi_label: Whether to make one curve per label (the last axis) and take their mean.
        num_labels: Number of labels, if variables are to be made at once.
        label_weights: Weights of labels: of their areas with `multi_label`, else of their counts.
        from_logits: Whether predictions are logits.

    Raises:
        ValueError: If an argument is out of range or unknown.
    """

    _counted = _ThresholdedMetric._names

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        curve = getattr(curve, "value", curve)
        if not isinstance(curve, str) or curve.lower() not in _CURVES:
            raise ValueError(
                f'Invalid AUC curve value: "{curve}". Expected values are ["PR", "ROC", "PRGAIN"]'
            )
        summation_method = getattr(summation_method, "value", summation_method)
        if not isinstance(summation_method, str) or summation_method.lower() not in _METHODS:
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". '
                'Expected values are ["interpolation", "majoring", "minoring"]'
            )
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        self.curve = _CURVES[curve.lower()]
        self.summation_method = _METHODS[summation_method.lower()]
        self._set_thresholds(num_thresholds, thresholds)
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self._from_logits = from_logits
        if multi_label and label_weights is not None and num_labels is not None:
            self._check_label_weights(num_labels)
        self._built = False
        if multi_label and num_labels:
            self._build((None, num_labels))
        elif not multi_label:
            if num_labels is not None:
                raise ValueError("`num_labels` is needed only when `multi_label` is True.")
            self._build(None)

    def _set_thresholds(self, count, given) -> None:
        self._given_thresholds = given is not None
        if given is not None:
            inner = sorted(parse_thresholds(given))
            self.num_thresholds = len(inner) + 2
            levels = [0.0, *inner, 1.0]
            even = even_thresholds(self.num_thresholds)
            self._even = all(abs(a - b) <= epsilon() for a, b in zip(levels, even, strict=True))
        else:
            if count <= 1:
                raise ValueError(
                    "Argument `num_thresholds` must be an integer > 1. "
                    f"Received: num_thresholds={count}"
                )
            self.num_thresholds = count
            inner = even_thresholds(count)[1:-1]
            self._even = count >= 3
        # The ends lie beyond [0, 1], so that the curve reaches (0, 0) and (1, 1).
        self._thresholds = [0.0 - epsilon(), *inner, 1.0 + epsilon()]

    @property
    def thresholds(self) -> list[float]:
        return list(self._thresholds)

    def _build(self, shape) -> None:
        counts_shape: tuple[int, ...] = (self.num_thresholds,)
        if self.multi_label:
            if len(shape) != 2:
                raise ValueError(
                    "`y_pred` must have rank 2 when `multi_label=True`. "
                    f"Found rank {len(shape)}. Full shape received for `y_pred`: {tuple(shape)}"
                )
            counts_shape = (self.num_thresholds, shape[1])
            if self.label_weights is not None:
                self._check_label_weights(shape[1])
        self._add_counts(counts_shape)
        self._built = True

    def _check_label_weights(self, labels: int) -> None:
        if len(self.label_weights) != labels:
            raise ValueError(
                f"`label_weights` must have one weight for each of the {labels} labels. "
                f"Received: {len(self.label_weights)} weights."
            )
        if any(weight < 0 for weight in self.label_weights):
            raise ValueError("All values of `label_weights` must be non-negative.")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        if not self._built:
            self._build(y_pred.shape)
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        add_counts(
            self._counts,
            y_true,
            y_pred,
            self._thresholds,
            sample_weight=sample_weight,
            per_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
            clip=self._even,
        )

    def result(self):
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._over_labels(self._interpolated_pr_areas())
        x, y = self._curve_points()
        left, right = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = (left + right) / 2.0
        elif self.summation_method == "minoring":
            heights = ops.minimum(left, right)
        else:
            heights = ops.maximum(left, right)
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _curve_points(self):
        tp, fp = self.true_positives, self.false_positives
        tn, fn = self.true_negatives, self.false_negatives
        recall = ratio(tp, fn)
        if self.curve == "ROC":
            return ratio(fp, tn), recall
        if self.curve == "PR":
            return recall, ratio(tp, fp)
        odds = ops.divide_no_nan(ops.add(tp, fn), ops.add(tn, fp))
        nothing_found = ops.equal(tp, 0.0)
        recall_gain = 1.0 - odds * ops.divide_no_nan(fn, tp)
        recall_gain = ops.where(nothing_found, 0.0, recall_gain)
        precision_gain = 1.0 - odds * ops.divide_no_nan(fp, tp)
        precision_gain = ops.where(nothing_found, 1.0, precision_gain)
        return ops.maximum(recall_gain, 0.0), precision_gain

    def _interpolated_pr_areas(self):
        """Areas between thresholds with TP linear in TP + FP (Davis & Goadrich, 2006, section 4).

        On a segment `TP = slope * P + intercept`, and precision is `TP / P`, so the area over
        recall is `slope * (dTP + intercept * log(P_high / P_low)) / (all positives)`.
        """
        tp = ops.convert_to_tensor(self.true_positives)
        fn = ops.convert_to_tensor(self.false_negatives)
        p = ops.add(tp, self.false_positives)
        d_tp = tp[:-1] - tp[1:]
        d_p = p[:-1] - p[1:]
        slope = ops.divide_no_nan(d_tp, ops.maximum(d_p, 0.0))
        intercept = tp[1:] - slope * p[1:]
        both = ops.logical_and(ops.greater(p[:-1], 0.0), ops.greater(p[1:], 0.0))
        growth = ops.where(
            both, ops.divide_no_nan(p[:-1], ops.maximum(p[1:], 0.0)), ops.ones_like(d_p)
        )
        areas = slope * (d_tp + intercept * ops.log(growth))
        return ops.divide_no_nan(areas, ops.maximum(tp[1:] + fn[1:], 0.0))

    def _over_labels(self, areas):
        if not self.multi_label:
            return ops.sum(areas)
        by_label = ops.sum(areas, axis=0)
        if self.label_weights is None:
            return ops.mean(by_label)
        weights = ops.convert_to_tensor(self.label_weights, dtype=by_label.dtype)
        return ops.divide_no_nan(ops.sum(by_label * weights), ops.sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        if self._given_thresholds:
            config["thresholds"] = self.thresholds[1:-1]
        return config
