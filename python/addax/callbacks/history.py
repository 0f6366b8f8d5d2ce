"""History: what `fit` returns."""

from __future__ import annotations

from addax.callbacks.callback import Callback


class History(Callback):
    """Keeps the results of each epoch; `fit` adds one and returns it.

    Attributes:
        history: Dict from a result's name to the list of its values.
        epoch: List of the epochs' numbers, from 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
