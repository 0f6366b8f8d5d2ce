"""ProgbarLogger: the progress bar of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import Any

from addax.callbacks.callback import Callback
from addax.utils.io_utils import print_msg
from addax.utils.progbar import Progbar

_INTERVAL = 0.1  # seconds between two redraws: drawing must not cost what training does


class ProgbarLogger(Callback):
    """Shows the progress and the results on standard output.

    `verbose=1` (and "auto") is a bar that is redrawn in place, 2 a line per epoch, 0 silence.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.epochs = 1
        self._progbar: Progbar | None = None
        self._target: int | None = None
        self._seen = 0
        self._inside_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        verbose = params.get("verbose", "auto")
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs", 1)
        self._target = params.get("steps")

    def due(self) -> bool:
        """Whether a redraw would show; else the batch's results need not be computed."""
        if self._inside_validation or not self.verbose or self._progbar is None:
            return False
        return self._progbar.due()

    def count(self, batch: int) -> None:
        """Notes that a batch is done without drawing."""
        if not self._inside_validation:
            self._seen = batch + 1

    _inside_validation = False

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._inside_fit = True
        self._inside_validation = False

    def on_train_end(self, logs: dict | None = None) -> None:
        self._inside_fit = False

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._inside_validation = self._inside_fit
        if not self._inside_fit:
            self._restart()

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._restart()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._inside_fit = True
        self._restart()
        if self.verbose and self.epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._update(batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if not self._inside_validation:
            self._update(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._update(batch, None)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._finish(logs)

    def on_test_end(self, logs: dict | None = None) -> None:
        if not self._inside_validation:
            self._finish(logs)
        self._inside_validation = False

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._finish(None)

    def _restart(self) -> None:
        self._seen = 0
        self._progbar = Progbar(
            self._target, verbose=self.verbose, interval=_INTERVAL, stateless_metrics=[]
        )

    def _update(self, batch: int, logs: dict | None) -> None:
        self._seen = batch + 1
        if self.verbose and self._progbar is not None:
            self._progbar.update(self._seen, list((logs or {}).items()), finalize=False)

    def _finish(self, logs: dict | None) -> None:
        if self._progbar is None:
            return
        if self._target is None:
            self._target = self._seen  # the next epoch is as long
        if self._progbar.target is None or self._seen < self._progbar.target:
            self._progbar.target = self._seen
        if self.verbose:
            self._progbar.update(self._seen, list((logs or {}).items()), finalize=True)
        self._progbar = None
