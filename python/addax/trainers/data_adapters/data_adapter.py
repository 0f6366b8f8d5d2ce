"""The base of all data adapters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class DataAdapter:
    """Batches from one source of data.

    Attributes:
        num_batches: Number of batches in a pass, `None` if unknown.
        batch_size: Number of samples in a batch, `None` if unknown.
        repeatable: Whether there can be another pass.
    """

    num_batches: int | None = None
    batch_size: int | None = None
    repeatable = True

    def batches(self) -> Iterator[Any]:
        """A pass over the data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)` per batch."""
        raise NotImplementedError

    def on_epoch_end(self) -> None:
        """Called when a pass has ended."""

    def close(self) -> None:
        """Ends what runs in the background."""
