"""LearningRateScheduler: the learning rate as a function of the epoch."""

from __future__ import annotations

import numbers
from collections.abc import Callable

from addax.callbacks.callback import Callback
from addax.utils.io_utils import print_msg


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch.

    Args:
        schedule: Function `f(epoch, learning_rate)` (or `f(epoch)`), epochs counted from 0, that
            gives the rate.
        verbose: 1 to say so.
    """

    def __init__(self, schedule: Callable, verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        optimizer = self.model.optimizer
        if not hasattr(optimizer, "learning_rate"):
            raise ValueError('Optimizer must have a "learning_rate" attribute.')
        rate = self._rate(epoch, float(optimizer.learning_rate))
        is_number = isinstance(rate, numbers.Real) and not isinstance(rate, numbers.Integral)
        if not is_number:
            raise ValueError(
                f"The output of the `schedule` function should be a float. Got: {rate}"
            )
        optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print_msg(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}."
            )

    def _rate(self, epoch: int, current: float):
        import inspect

        try:
            inspect.signature(self.schedule).bind(epoch, current)
        except TypeError:
            return self.schedule(epoch)
        except ValueError:  # a builtin without a signature
            pass
        return self.schedule(epoch, current)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
