"""PyDataset: a data set as a Python class, and its adapter."""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from addax.trainers.data_adapters.conversion import to_batch
from addax.trainers.data_adapters.data_adapter import DataAdapter
from addax.trainers.data_adapters.generator_adapter import weigh


class PyDataset:
    """A data set that makes its batches one by one, in the background if it is told to.

    Subclasses define `__getitem__(index)`, which returns the batch `(inputs, targets)` or `(inputs,
    targets, weights)`, and `__len__`, the number of batches; an endless data set has instead a
    property `num_batches` that is `None`.

    Args:
        workers: Threads (or processes) that make batches ahead; with 1 they are made when they are
            needed.
        use_multiprocessing: Whether the workers are processes; the data set must then be picklable.
        max_queue_size: Batches that are made ahead.
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self._workers = workers
        self._use_multiprocessing = use_multiprocessing
        self._max_queue_size = max_queue_size

    def _setting(self, name: str, default: Any) -> Any:
        if not hasattr(self, name):
            warnings.warn(
                "Your `PyDataset` class should call `super().__init__(**kwargs)` in its "
                "constructor. `**kwargs` can "
                "include `workers`, `use_multiprocessing`, `max_queue_size`. Do not pass these "
                "arguments to `fit()`, "
                "as they will be ignored.",
                stacklevel=3,
            )
            self._workers, self._use_multiprocessing, self._max_queue_size = 1, False, 10
        return getattr(self, name, default)

    @property
    def workers(self) -> int:
        return self._setting("_workers", 1)

    @workers.setter
    def workers(self, value: int) -> None:
        self._workers = value

    @property
    def use_multiprocessing(self) -> bool:
        return self._setting("_use_multiprocessing", False)

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        self._use_multiprocessing = value

    @property
    def max_queue_size(self) -> int:
        return self._setting("_max_queue_size", 10)

    @max_queue_size.setter
    def max_queue_size(self, value: int) -> None:
        self._max_queue_size = value

    @property
    def num_batches(self) -> int | None:
        """Number of batches, `None` for an endless data set."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(
            "You need to implement the `num_batches` property:\n\n"
            "@property\ndef num_batches(self):\n  return ..."
        )

    def __getitem__(self, index: int) -> Any:
        """The batch at an index.

        Raises:
            NotImplementedError: If the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__(index)`.")

    def on_epoch_begin(self) -> None:
        """Called before an epoch."""

    def on_epoch_end(self) -> None:
        """Called after an epoch."""


class PyDatasetAdapter(DataAdapter):
    """Batches of a `PyDataset`.

    Args:
        dataset: The data set.
        class_weight: Dict from class id to weight.
        shuffle: Whether each pass has another order of batches.
        next_generator: Gives the NumPy generator of the next shuffle.

    Raises:
        ValueError: If it has no batches.
    """

    def __init__(
        self,
        dataset: PyDataset,
        class_weight: dict | None = None,
        shuffle: bool | str = False,
        next_generator: Callable | None = None,
    ) -> None:
        self._dataset = dataset
        self._class_weight = class_weight
        self._shuffle = shuffle
        self._next_generator = next_generator
        self.num_batches = dataset.num_batches
        if self.num_batches == 0:
            raise ValueError("The PyDataset has length 0")
        if shuffle and self.num_batches is None:
            self._shuffle = False
        self._pool: Any = None

    def batches(self) -> Iterator[Any]:
        dataset = self._dataset
        dataset.on_epoch_begin()
        self.num_batches = dataset.num_batches
        if dataset.workers > 1 or dataset.use_multiprocessing:
            found = self._made_ahead(self._indices())
        else:
            found = (dataset[i] for i in self._indices())
        for batch in found:
            yield self._checked(batch)

    def _indices(self) -> Iterator[int]:
        import itertools

        if self.num_batches is None:
            return itertools.count()
        if self._shuffle and self._next_generator is not None:
            return iter(self._next_generator().permutation(self.num_batches).tolist())
        return iter(range(self.num_batches))

    def _checked(self, batch: Any) -> Any:
        if isinstance(batch, list):
            batch = tuple(batch)
        if not isinstance(batch, (tuple, dict)):
            raise ValueError(
                "PyDataset.__getitem__() must return a tuple or a dict. If a tuple, it must be "
                "ordered either (input,) "
                "or (inputs, targets) or (inputs, targets, sample_weights). "
                f"Received: {str(batch)[:100]}... of type {type(batch)}"
            )
        batch = to_batch(batch, "the PyDataset")
        return batch if self._class_weight is None else weigh(batch, self._class_weight)

    def _made_ahead(self, indices: Iterator[int]) -> Iterator[Any]:
        """Batches in order, made by workers that stay a few ahead. An exception of a worker is
        raised here.
        """
        dataset = self._dataset
        pool = self._open_pool()
        waiting: collections.deque = collections.deque()
        ahead = max(dataset.max_queue_size, dataset.workers, 1)
        get = _item_in_process if dataset.use_multiprocessing else dataset.__getitem__
        try:
            for index in indices:
                waiting.append(pool.submit(get, index))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _open_pool(self) -> Any:
        if self._pool is None:
            import concurrent.futures

            workers = max(self._dataset.workers, 1)
            if self._dataset.use_multiprocessing:
                self._pool = concurrent.futures.ProcessPoolExecutor(
                    workers, initializer=_keep_in_process, initargs=(self._dataset,)
                )
            else:
                self._pool = concurrent.futures.ThreadPoolExecutor(
                    workers, thread_name_prefix="addax-data"
                )
        return self._pool

    def on_epoch_end(self) -> None:
        self._dataset.on_epoch_end()
        if self._dataset.use_multiprocessing:
            self.close()  # the processes hold the data set as it was

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


_dataset_of_process: Any = None


def _keep_in_process(dataset: PyDataset) -> None:
    global _dataset_of_process
    _dataset_of_process = dataset


def _item_in_process(index: int) -> Any:
    return _dataset_of_process[index]
