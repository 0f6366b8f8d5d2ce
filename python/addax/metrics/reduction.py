"""Running sums and means, and means of a function's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from addax import ops
from addax.backend.config import floatx
from addax.backend.masking import get_keras_mask
from addax.losses.loss import apply_mask, squeeze_or_expand_to_same_rank
from addax.metrics.metric import Metric


def reduce_to_samplewise_values(values, sample_weight, reduce_fn, dtype):
    """Reduces values and weights to one per sample.

    Args:
        values: Tensor; a mask on it is applied when there are weights.
        sample_weight: Weights of the leading axes of the values, or `None`.
        reduce_fn: `ops.mean` or `ops.sum`, for the other axes.
        dtype: Dtype of the result.

    Returns:
        `(values * weights, weights)`; the weights are `None` if none were given.
    """
    mask = get_keras_mask(values)
    values = ops.cast(ops.convert_to_tensor(values), dtype or floatx())
    if sample_weight is not None:
        weights = apply_mask(sample_weight, mask, dtype=values.dtype, reduction="sum")
        values, weights = squeeze_or_expand_to_same_rank(values, weights)
        values = _over_trailing(reduce_fn, values, len(weights.shape))
        if len(weights.shape) > 0:
            weights = ops.broadcast_to(weights, ops.shape(values))
        values = values * weights
        sample_weight = _over_trailing(reduce_fn, weights, 1)
    return _over_trailing(reduce_fn, values, 1), sample_weight


def _over_trailing(reduce_fn, x, kept: int):
    """Reduces the axes after the first `kept` ones."""
    rank = len(x.shape)
    return reduce_fn(x, axis=list(range(kept, rank))) if rank > kept else x


class Sum(Metric):
    """The weighted sum of the values.

    Args:
        name, dtype: See `Metric`.
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(
            shape=(), initializer="zeros", dtype=self.dtype, name="total"
        )

    def update_state(self, values, sample_weight=None):
        values, _ = reduce_to_samplewise_values(
            values, sample_weight, reduce_fn=ops.sum, dtype=self.dtype
        )
        self.total.assign_add(ops.sum(values))

    def reset_state(self):
        self.total.assign(0)

    def result(self):
        return ops.cast(self.total, self.dtype)


class Mean(Metric):
    """The weighted mean of the values: `sum(values * weights) / sum(weights)`, 0 before any batch.

    Args:
        name, dtype: See `Metric`.
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(
            shape=(), initializer="zeros", dtype=self.dtype, name="total"
        )
        self.count = self.add_variable(
            shape=(), initializer="zeros", dtype=self.dtype, name="count"
        )

    def update_state(self, values, sample_weight=None):
        values, weights = reduce_to_samplewise_values(
            values, sample_weight, reduce_fn=ops.mean, dtype=self.dtype
        )
        if weights is not None:
            count = ops.sum(weights)
        elif len(values.shape) > 0:
            count = ops.cast(ops.shape(values)[0], self.dtype)
        else:
            count = 1
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(count)

    def reset_state(self):
        self.total.assign(0)
        self.count.assign(0)

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The mean of `fn(y_true, y_pred, **kwargs)`.

    Args:
        fn: Function that gives a value per sample.
        name, dtype: See `Metric`.
        **kwargs: Further arguments of the function.
    """

    def __init__(self, fn: Callable, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        from addax import losses

        if any(fn is known or type(fn) is known for known in losses.ALL_OBJECTS.values()):
            self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; the mask on the predictions, if any, multiplies the weights."""
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        weights = apply_mask(
            sample_weight, get_keras_mask(y_pred), dtype=self.dtype, reduction="sum"
        )
        super().update_state(values, sample_weight=weights)

    def get_config(self) -> dict[str, Any]:
        from addax.saving.serialization import serialize_keras_object

        return {
            **super().get_config(),
            "fn": serialize_keras_object(self._fn),
            **serialize_keras_object(self._fn_kwargs),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MeanMetricWrapper:
        if "fn" in config:
            from addax.saving.serialization import deserialize_keras_object

            config = deserialize_keras_object(config)
        return cls(**config)


class NamedMeanMetric(MeanMetricWrapper):
    """A built-in mean: its class says the function, its config only the arguments.

    `_left_out` are arguments that Keras leaves out of the config, with their defaults: a config has
    them only when they differ. `_better` is the direction that early stopping should look for.
    """

    _left_out: ClassVar[dict[str, Any]] = {}
    _better: ClassVar[str] = "up"

    def __init__(self, fn: Callable, name=None, dtype=None, **kwargs):
        super().__init__(fn, name=name, dtype=dtype, **kwargs)
        self._direction = self._better

    def get_config(self) -> dict[str, Any]:
        config = Metric.get_config(self)
        for name, value in self._fn_kwargs.items():
            if name not in self._left_out or value != self._left_out[name]:
                config[name] = value
        return config
