"""The base of all callbacks."""

from __future__ import annotations

from typing import Any


class Callback:
    """Code that `fit`, `evaluate` and `predict` run at the beginning and end of epochs and batches.

    Override the hooks you need; a batch hook that is not overridden costs nothing. Each hook gets
    `logs`, a dict of floats by name, which later callbacks see too.

    Attributes:
        params: Dict with `verbose`, `epochs` and `steps`.
        model: The model that runs. Set `model.stop_training = True` to stop it.
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Takes the settings of the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Takes the model that runs."""
        self._model = model

    @property
    def model(self) -> Any:
        """The model that runs."""
        return getattr(self, "_model", None)

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """After an epoch and its validation; names of validation results start with `val_`."""

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a training batch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a training batch; the results are those of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a batch of `evaluate` or of a validation."""

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a batch of `evaluate` or of a validation."""

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a batch of `predict`; `logs["outputs"]` holds its arrays."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        """At the start of `fit`."""

    def on_train_end(self, logs: dict | None = None) -> None:
        """At the end of `fit`, with the results of the last epoch."""

    def on_test_begin(self, logs: dict | None = None) -> None:
        """At the start of `evaluate` or of a validation."""

    def on_test_end(self, logs: dict | None = None) -> None:
        """At the end of `evaluate` or of a validation."""

    def on_predict_begin(self, logs: dict | None = None) -> None:
        """At the start of `predict`."""

    def on_predict_end(self, logs: dict | None = None) -> None:
        """At the end of `predict`."""
