"""Coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

from addax import ops
from addax.losses.regression import matched
from addax.metrics.metric import Metric


class R2Score(Metric):
    """`1 - (squared errors) / (squared deviations of the targets from their mean)`, per output.

    Args:
        class_aggregation: `None` (a score per output), `"uniform_average"` or
            `"variance_weighted_average"` (weighted with the targets' variance).
        num_regressors: Number of independent variables, for the adjusted score; 0: the plain one.
        name, dtype: See `Metric`.

    Raises:
        ValueError: If an argument is unknown or negative, or the inputs are not matrices.
    """

    def __init__(
        self,
        class_aggregation="uniform_average",
        num_regressors=0,
        name="r2_score",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"
        aggregations = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in aggregations:
            raise ValueError(
                "Invalid value for argument `class_aggregation`. Expected one of "
                f"{aggregations}. Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable(shape=(), initializer="zeros", name="num_samples")
        self._built = False

    def _build(self, y_true_shape, y_pred_shape) -> None:
        shapes = (
            f"Received input shapes: y_pred.shape={tuple(y_pred_shape)} and "
            f"y_true.shape={tuple(y_true_shape)}."
        )
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). " + shapes
            )
        if y_pred_shape[-1] is None or y_true_shape[-1] is None:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim), with output_dim "
                "fully defined (not None). " + shapes
            )
        shape = (y_pred_shape[-1],)
        self.squared_sum = self.add_variable(shape, "zeros", name="squared_sum")
        self.sum = self.add_variable(shape, "zeros", name="sum")
        self.total_mse = self.add_variable(shape, "zeros", name="residual")
        self.count = self.add_variable(shape, "zeros", name="count")
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch of shape `(batch, outputs)`, with weights per sample or per element."""
        y_true, y_pred = matched(
            ops.convert_to_tensor(y_true, dtype=self.dtype),
            ops.convert_to_tensor(y_pred, dtype=self.dtype),
        )
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        if sample_weight is None:
            weights = ops.ones_like(y_true)
        else:
            weights = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            if len(weights.shape) == 1:
                weights = ops.expand_dims(weights, axis=1)
            weights = ops.broadcast_to(weights, ops.shape(y_true))
        weighted = y_true * weights
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weights, axis=0))
        self.count.assign_add(ops.sum(weights, axis=0))
        # Keras counts elements here, not samples.
        elements = ops.shape(y_true)[0] * y_true.shape[1]
        self.num_samples.assign_add(ops.cast(elements, self.dtype))

    def result(self):
        total_sum = ops.convert_to_tensor(self.sum)
        total = self.squared_sum - total_sum * (total_sum / self.count)
        scores = 1.0 - self.total_mse / total
        scores = ops.where(ops.isinf(scores), ops.zeros_like(scores), scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.sum(total * scores) / ops.sum(total)
        return self._adjusted(scores) if self.num_regressors else scores

    def _adjusted(self, score):
        """`1 - (1 - score) * (n - 1) / (n - p - 1)`, or the plain score where n is too small."""
        n = ops.convert_to_tensor(self.num_samples)
        spare = n - self.num_regressors - 1.0
        if not n.symbolic:
            self._warn_if_few(float(spare))
        adjusted = 1.0 - ops.divide_no_nan((1.0 - score) * (n - 1.0), spare)
        return ops.where(ops.greater(spare, 0.0), adjusted, score)

    @staticmethod
    def _warn_if_few(spare: float) -> None:
        if spare < 0:
            warnings.warn(
                "More independent predictors than datapoints in adjusted R2 score. "
                "Falling back to standard R2 score.",
                stacklevel=4,
            )
        elif spare == 0:
            warnings.warn(
                "Division by zero in Adjusted R2 score. Falling back to standard R2 score.",
                stacklevel=4,
            )

    def reset_state(self):
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }
