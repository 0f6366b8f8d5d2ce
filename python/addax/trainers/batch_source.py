"""The batches of a whole run: epochs of a data adapter, or of a given number of steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from addax.trainers.array_loop import ArrayLoop
from addax.trainers.data_adapters.data_adapter import DataAdapter

_END = object()


class BatchSource:
    """Deals the batches of an adapter out to epochs.

    Args:
        adapter: The data.
        steps: Batches per epoch; `None` for a whole pass over the data. With a number, an epoch
            goes on where the last one stopped, and data that can be read again start anew when
            they end.

    Attributes:
        num_batches: Batches per epoch, `None` if unknown.
        exhausted: Whether the data ended before the epoch did.
    """

    def __init__(self, adapter: DataAdapter, steps: int | None = None) -> None:
        self.adapter = adapter
        self._steps = steps
        self._iterator: Iterator[Any] | None = None
        self._loop: ArrayLoop | None = None
        self.num_batches = adapter.num_batches if steps is None else steps
        self.exhausted = False

    def epoch(self) -> Iterator[Any]:
        """The batches of the next epoch."""
        if self._steps is not None:
            return self._limited(self._steps)
        return self._whole()

    def _whole(self) -> Iterator[Any]:
        count = 0
        for batch in self.adapter.batches():
            count += 1
            yield batch
        self.adapter.on_epoch_end()
        if count == 0:
            self._warn()
        elif self.num_batches is None:
            self.num_batches = count

    def _limited(self, steps: int) -> Iterator[Any]:
        for _ in range(steps):
            batch = self._next()
            if batch is _END:
                self._warn()
                return
            yield batch

    def _next(self) -> Any:
        if self._iterator is None:
            self._iterator = self.adapter.batches()
        batch = next(self._iterator, _END)
        if batch is _END:
            self.adapter.on_epoch_end()
            if self.adapter.repeatable:
                self._iterator = self.adapter.batches()
                batch = next(self._iterator, _END)
        return batch

    def _warn(self) -> None:
        self.exhausted = True
        warnings.warn(
            "Your input ran out of data; interrupting training. Make sure that your dataset or "
            "generator can generate at least `steps_per_epoch * epochs` batches. You may need to "
            "use the `.repeat()` function when building your dataset.",
            stacklevel=4,
        )

    def loops(self, function: Any) -> bool:
        """Whether the core can run the step over the batches by itself."""
        return ArrayLoop.suits(function, self.adapter)

    def loop(self, function: Any) -> ArrayLoop:
        """The next epoch as a loop in the core, of `num_batches` steps."""
        if self._loop is None:
            self._loop = ArrayLoop.of(function, self.adapter)
        if self._steps is None:
            self._loop.begin()
        return self._loop

    def joining_loop(self, function: Any) -> ArrayLoop | None:
        """A pass over all samples as a loop that joins the results; `None` where they cannot be
        joined by the core."""
        if self._steps is not None or not self.loops(function):
            return None
        loop = ArrayLoop.joining(function, self.adapter)
        if loop is not None:
            loop.begin()
        return loop

    def close(self) -> None:
        """Ends what runs in the background."""
        self._iterator = self._loop = None
        self.adapter.close()
