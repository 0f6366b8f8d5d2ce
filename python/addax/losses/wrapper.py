"""Losses made from a function of targets and predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from addax import tree
from addax.losses.loss import Loss, squeeze_or_expand_to_same_rank


class LossFunctionWrapper(Loss):
    """A loss that calls `fn(y_true, y_pred, **kwargs)`.

    Args:
        fn: Function that gives a value per sample.
        reduction: See `Loss`.
        name: See `Loss`.
        dtype: See `Loss`.
        **kwargs: Further arguments of the function.
    """

    def __init__(
        self, fn: Callable, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true, y_pred):
        if tree.is_nested(y_true) or tree.is_nested(y_pred):
            flat_true, flat_pred = tree.flatten(y_true), tree.flatten(y_pred)
            if len(flat_true) == len(flat_pred):
                pairs = [squeezed_pair(t, p) for t, p in zip(flat_true, flat_pred, strict=True)]
                y_true = tree.pack_sequence_as(y_true, [t for t, _ in pairs])
                y_pred = tree.pack_sequence_as(y_pred, [p for _, p in pairs])
        else:
            y_true, y_pred = squeezed_pair(y_true, y_pred)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        from addax.saving.serialization import serialize_keras_object

        return {
            **super().get_config(),
            "fn": serialize_keras_object(self.fn),
            **serialize_keras_object(self._fn_kwargs),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LossFunctionWrapper:
        if "fn" in config:
            from addax.saving.serialization import deserialize_keras_object

            config = deserialize_keras_object(config)
        return cls(**config)

    def __repr__(self) -> str:
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"


class NamedLoss(LossFunctionWrapper):
    """A built-in loss: its class says the function, its config only the arguments.

    `_left_out` are arguments that Keras leaves out of the config, with their defaults: a config has
    them only when they differ, so that they survive a save, and default configs equal Keras's.
    """

    _left_out: ClassVar[dict[str, Any]] = {}

    def get_config(self) -> dict[str, Any]:
        config = Loss.get_config(self)
        for name, value in self._fn_kwargs.items():
            if name not in self._left_out or value != self._left_out[name]:
                config[name] = value
        return config


def squeezed_pair(y_true, y_pred):
    """Makes the ranks equal, keeping the logits on predictions that a new last axis would lose."""
    new_true, new_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    logits = getattr(y_pred, "_keras_logits", None)
    if new_pred is not y_pred and logits is not None:
        new_pred._keras_logits = squeeze_or_expand_to_same_rank(y_true, logits)[1]
        new_pred._keras_logits_of = getattr(y_pred, "_keras_logits_of", None)
    return new_true, new_pred
