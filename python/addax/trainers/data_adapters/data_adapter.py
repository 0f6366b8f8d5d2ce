"""The base of all data adapters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any


class DataAdapter(ABC):
    """Batches from one source of data.

    Attributes:
        num_batches: Number of batches in a pass, `None` if unknown.
        batch_size: Number of samples in a batch, `None` if unknown.
        repeatable: Whether there can be another pass.
    """

    num_batches: int | None = None
    batch_size: int | None = None
    repeatable = True

    @abstractmethod
    def batches(self) -> Iterator[Any]:
        """A pass over the data: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)` per batch."""

    def on_epoch_end(self) -> None:  # noqa: B027 - most do nothing
        """Called when a pass has ended."""

    def close(self) -> None:  # noqa: B027 - as above
        """Ends what runs in the background."""
