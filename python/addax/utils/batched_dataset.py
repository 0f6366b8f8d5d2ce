"""Data sets that `utils` makes: batches computed when they are needed, from a function of samples'
indices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from addax.trainers.data_adapters.py_dataset import PyDataset


class BatchedDataset(PyDataset):
    """Batches made by a function; can be iterated over, indexed, and given to `fit`.

    Args:
        make: `f(indices)` gives the batch of the samples at the indices, an int64 array.
        num_samples: Number of samples.
        batch_size: Samples per batch; the last one may be smaller.
        shuffle_seed: Seed of a new order in each epoch; `None` keeps the order.

    Attributes:
        class_names, file_paths: Where the samples are files, the classes and the files.
    """

    class_names: list[str]
    file_paths: list[str]

    def __init__(
        self,
        make: Callable,
        num_samples: int,
        batch_size: int,
        shuffle_seed: int | None = None,
    ) -> None:
        super().__init__()
        import numpy as np

        self._make = make
        self._batch_size = batch_size
        self._generator = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)
        self._order = np.arange(num_samples)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        if self._generator is not None:
            self._generator.shuffle(self._order)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"Batch {index} of a data set with {len(self)} batches.")
        start = index % len(self) * self._batch_size
        return self._make(self._order[start : start + self._batch_size])

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]
        self.on_epoch_end()

    def take(self, count: int) -> Iterator[Any]:
        """The first batches."""
        for index in range(min(count, len(self))):
            yield self[index]


class SampleDataset:
    """Samples of arrays, one by one; `batch(n)` makes a data set for `fit`."""

    def __init__(self, arrays: Any, indices: Any) -> None:
        self._arrays = arrays
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Any:
        return self._rows(self._indices[index])

    def __iter__(self) -> Iterator[Any]:
        for index in self._indices:
            yield self._rows(index)

    def _rows(self, which: Any) -> Any:
        if isinstance(self._arrays, tuple):
            return tuple(array[which] for array in self._arrays)
        return self._arrays[which]

    def batch(self, batch_size: int) -> BatchedDataset:
        """The samples in batches."""
        return BatchedDataset(
            lambda chosen: self._rows(self._indices[chosen]), len(self), batch_size
        )
