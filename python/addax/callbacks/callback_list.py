"""Several callbacks called as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from addax.callbacks.callback import Callback
from addax.callbacks.history import History
from addax.callbacks.progbar_logger import ProgbarLogger

# A batch hook, and the older hook that its default calls.
_BATCH_HOOKS = {
    "on_train_batch_begin": "on_batch_begin",
    "on_train_batch_end": "on_batch_end",
    "on_test_batch_begin": None,
    "on_test_batch_end": None,
    "on_predict_batch_begin": None,
    "on_predict_batch_end": None,
}


def python_logs(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Results as floats, sorted by name; nested dicts are merged in."""
    found: dict[str, Any] = {}
    for name, value in (logs or {}).items():
        if isinstance(value, Mapping):
            found.update(python_logs(value))
        else:
            try:
                found[name] = float(value)
            except (TypeError, ValueError, RuntimeError):
                found[name] = value.numpy() if hasattr(value, "numpy") else value
    return {name: found[name] for name in sorted(found)}


class CallbackList(Callback):
    """Calls each hook of its callbacks, in their order.

    Batch hooks reach only the callbacks that override them, and results become floats only when one
    does, so that a loop without them pays nothing. The results of a batch may be given as a
    function that computes them.

    Args:
        callbacks: Callbacks, nested lists allowed.
        add_history: Whether to add a `History` if there is none.
        add_progbar: Whether to add a `ProgbarLogger` if there is none.
        model: The model that runs.
        **params: The settings of the run.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = _flatten(callbacks)
        self._history: History | None = None
        self._progbar: ProgbarLogger | None = None
        for callback in self.callbacks:
            if isinstance(callback, History):
                self._history = callback
            elif isinstance(callback, ProgbarLogger):
                self._progbar = callback
        if self._progbar is None and add_progbar:
            self._progbar = ProgbarLogger()
            self.callbacks.append(self._progbar)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        self._batch_hooks: dict[str, list[Any]] = {}
        self._find_batch_hooks()
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def _find_batch_hooks(self) -> None:
        for hook, older in _BATCH_HOOKS.items():
            self._batch_hooks[hook] = [
                callback
                for callback in self.callbacks
                if _overrides(callback, hook) or (older and _overrides(callback, older))
            ]

    def append(self, callback: Any) -> None:
        """Adds a callback at the end."""
        self.callbacks.append(callback)
        self._find_batch_hooks()

    def has_batch_hook(self, hook: str) -> bool:
        """Whether a callback overrides this batch hook."""
        return bool(self._batch_hooks[hook])

    def sees_each_batch(self, mode: str) -> bool:
        """Whether a callback wants every batch of "train", "test" or "predict". The progress bar
        does not: it draws what it finds when it is time."""
        return any(
            type(callback) is not ProgbarLogger
            for when in ("begin", "end")
            for callback in self._batch_hooks[f"on_{mode}_batch_{when}"]
        )

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def _begin_batch(self, hook: str, batch: int, logs: Any) -> None:
        for callback in self._batch_hooks[hook]:
            getattr(callback, hook)(batch, {} if logs is None else logs)

    def _end_batch(self, hook: str, batch: int, logs: Any, as_floats: bool = True) -> None:
        converted = not as_floats
        for callback in self._batch_hooks[hook]:
            if isinstance(callback, ProgbarLogger) and not callback.due():
                callback.count(batch)
                continue
            if not converted:
                logs = python_logs(logs() if callable(logs) else logs)
                converted = True
            getattr(callback, hook)(batch, {} if logs is None else logs)

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._begin_batch("on_train_batch_begin", batch, logs)

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._end_batch("on_train_batch_end", batch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._begin_batch("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._end_batch("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._begin_batch("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._end_batch("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._begin_batch("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._end_batch("on_predict_batch_end", batch, logs, as_floats=False)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        logs = python_logs(logs)
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = _ordered_epoch_logs(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def _each(self, hook: str, logs: dict | None) -> None:
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            getattr(callback, hook)(logs)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._each("on_train_begin", logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._each("on_train_end", logs)

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._each("on_test_begin", logs)

    def on_test_end(self, logs: dict | None = None) -> None:
        self._each("on_test_end", logs)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._each("on_predict_begin", logs)

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._each("on_predict_end", logs)


def _ordered_epoch_logs(logs: dict | None) -> dict[str, Any]:
    """Training results sorted by name, then the validation's."""
    logs = python_logs(logs)
    validation = [name for name in logs if name.startswith("val_")]
    training = [name for name in logs if not name.startswith("val_")]
    return {name: logs[name] for name in training + validation}


def _overrides(callback: Any, hook: str) -> bool:
    if hook in getattr(callback, "__dict__", ()):
        return True
    own = getattr(type(callback), hook, None)
    return own is not None and own is not getattr(Callback, hook)


def _flatten(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if not isinstance(callbacks, (list, tuple)):
        callbacks = [callbacks]
    found: list[Any] = []
    for callback in callbacks:
        if isinstance(callback, (list, tuple)):
            found.extend(_flatten(callback))
        elif isinstance(callback, type) or not hasattr(callback, "on_train_begin"):
            raise ValueError(
                "`callbacks` must be `Callback` objects. "
                f"Received: {callback} (of type {type(callback)})"
            )
        else:
            found.append(callback)
    return found
