"""F-beta scores: harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.config import epsilon
from addax.metrics.metric import Metric


class FBetaScore(Metric):
    """`(1 + beta²) * precision * recall / (beta² * precision + recall)` (van Rijsbergen, 1979).

    Args:
        average: `None` (a score per class), `"micro"` (of all counts together), `"macro"` (mean
            over classes) or `"weighted"` (mean weighted with how often a class is true).
        beta: How much more recall matters than precision.
        threshold: Predictions above it are a yes; `None` takes the greatest of each sample.
        name, dtype: See `Metric`.

    Raises:
        ValueError: If an argument is of the wrong type, out of range or unknown.
    """

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        _check_arguments(average, beta, threshold)
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, y_true_shape, y_pred_shape) -> None:
        shapes = (
            f"Received input shapes: y_pred.shape={tuple(y_pred_shape)} and "
            f"y_true.shape={tuple(y_true_shape)}."
        )
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). " + shapes
            )
        if y_pred_shape[-1] is None or y_true_shape[-1] is None:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim), with "
                "output_dim fully defined (not None). " + shapes
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)

        def zeros(name):
            return self.add_variable(name=name, shape=shape, initializer="zeros", dtype=self.dtype)

        self.true_positives = zeros("true_positives")
        self.false_positives = zeros("false_positives")
        self.false_negatives = zeros("false_negatives")
        self.intermediate_weights = zeros("intermediate_weights")
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            greatest = ops.max(y_pred, axis=-1, keepdims=True)
            # A sample of zeros says nothing.
            said_yes = ops.logical_and(
                ops.greater_equal(y_pred, greatest), ops.greater(ops.abs(y_pred), 1e-9)
            )
        else:
            said_yes = ops.greater(y_pred, self.threshold)
        said_yes = ops.cast(said_yes, self.dtype)
        weights = None
        if sample_weight is not None:
            weights = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weights = ops.reshape(weights, (-1, 1))

        def total(x):
            return ops.sum(x if weights is None else x * weights, axis=self.axis)

        self.true_positives.assign_add(total(said_yes * y_true))
        self.false_positives.assign_add(total(said_yes * (1.0 - y_true)))
        self.false_negatives.assign_add(total((1.0 - said_yes) * y_true))
        self.intermediate_weights.assign_add(total(y_true))

    def result(self):
        tp = ops.convert_to_tensor(self.true_positives)
        precision = tp / (tp + self.false_positives + epsilon())
        recall = tp / (tp + self.false_negatives + epsilon())
        beta2 = self.beta**2
        scores = precision * recall / (beta2 * precision + recall + epsilon()) * (1.0 + beta2)
        if self.average == "weighted":
            weights = ops.convert_to_tensor(self.intermediate_weights)
            return ops.sum(scores * (weights / (ops.sum(weights) + epsilon())))
        return scores if self.average is None else ops.mean(scores)

    def reset_state(self):
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


def _check_arguments(average, beta, threshold) -> None:
    averages = (None, "micro", "macro", "weighted")
    if average not in averages:
        raise ValueError(
            "Invalid `average` argument value. Expected one of: "
            f"{{{', '.join(map(repr, averages))}}}. Received: average={average}"
        )
    if not isinstance(beta, float):
        raise ValueError(
            "Invalid `beta` argument value. It should be a Python float. "
            f"Received: beta={beta} of type '{type(beta)}'"
        )
    if beta <= 0.0:
        raise ValueError(f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}")
    if threshold is None:
        return
    if not isinstance(threshold, float):
        raise ValueError(
            "Invalid `threshold` argument value. It should be a Python float. "
            f"Received: threshold={threshold} of type '{type(threshold)}'"
        )
    if threshold > 1.0 or threshold <= 0.0:
        raise ValueError(
            "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
            f"Received: threshold={threshold}"
        )


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall: `FBetaScore` with beta 1.

    Args:
        average, threshold: See `FBetaScore`.
        name, dtype: See `Metric`.
    """

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
