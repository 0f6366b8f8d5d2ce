"""What callbacks that watch one result share."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

from addax.callbacks.callback import Callback

_SMALLER_IS_BETTER = ("loss", "error", "crossentropy", "divergence")
_LARGER_IS_BETTER = ("acc", "auc", "precision", "recall", "f1", "score", "iou", "r2", "cosine")


class MonitorCallback(Callback):
    """Watches a result and knows what counts as an improvement of it.

    Args:
        monitor: Name of the result, e.g. "val_loss".
        mode: "min", "max", or "auto": by the metric's own direction.
        baseline: Value that the first result must beat.
        min_delta: Smallest change that counts.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best: Any = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable | None = None

    def _set_monitor_op(self) -> None:
        """Finds the direction; later than `__init__`, when the model's metrics are known."""
        mode = self.mode if self.mode != "auto" else self._direction()
        if mode is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't "
                "able to automatically "
                "determine whether that metric should be maximized or minimized. Pass `mode='max'` "
                "in order to monitor "
                "based on the highest metric value, or pass `mode='min'` in order to use the "
                "lowest value."
            )
        self.monitor_op = operator.lt if mode == "min" else operator.gt

    def _direction(self) -> str | None:
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return "min"
        for metric in _single_metrics(getattr(self.model, "metrics", ())):
            if metric.name != name and not name.endswith("_" + metric.name):
                continue
            direction = getattr(metric, "_direction", None)
            if direction in ("up", "down"):
                return "max" if direction == "up" else "min"
            words = f"{metric.name} {type(metric).__name__}".lower()
            if any(word in words for word in _SMALLER_IS_BETTER):
                return "min"
            if any(word in words for word in _LARGER_IS_BETTER):
                return "max"
        return None

    def _is_improvement(self, value: Any, reference: Any) -> bool:
        if reference is None:
            return True
        if self.monitor_op is operator.lt:
            return value + self.min_delta < reference
        return value - self.min_delta > reference


def _single_metrics(metrics: Any) -> list[Any]:
    found = []
    for metric in metrics:
        parts = getattr(metric, "metrics", None)
        found.extend(_single_metrics(parts) if parts is not None else [metric])
    return found
