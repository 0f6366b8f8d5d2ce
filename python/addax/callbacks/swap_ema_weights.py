"""SwapEMAWeights: evaluate and predict with the weights' moving averages."""

from __future__ import annotations

from typing import Any

from addax.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Puts the moving averages of the weights into the model while it is evaluated or predicts.

    The optimizer must keep them (`use_ema=True`).

    Args:
        swap_on_epoch: Whether the averages are in the model at the end of each epoch, so that
            `ModelCheckpoint`, listed later, saves them.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False

    def _swap(self) -> None:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: use_ema={getattr(optimizer, 'use_ema', False)}"
            )
        if not optimizer.built:
            return
        averages = optimizer._averages
        for variable, average in zip(optimizer._trainable_variables, averages):
            if average is None:
                continue
            value: Any = variable.numpy().copy()
            variable.assign(average.numpy())
            average.assign(value)
        self._ema_weights_in_model = not self._ema_weights_in_model

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.swap_on_epoch and self._ema_weights_in_model:
            self._swap()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if not self.swap_on_epoch:
            return
        if not self._ema_weights_in_model:
            self._swap()
        if epoch == (self.params or {}).get("epochs", 0) - 1:
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_test_begin(self, logs: dict | None = None) -> None:
        if not self._ema_weights_in_model:
            self._swap()

    def on_test_end(self, logs: dict | None = None) -> None:
        if self._ema_weights_in_model:
            self._swap()

    def on_predict_begin(self, logs: dict | None = None) -> None:
        if not self._ema_weights_in_model:
            self._swap()

    def on_predict_end(self, logs: dict | None = None) -> None:
        if self._ema_weights_in_model:
            self._swap()
