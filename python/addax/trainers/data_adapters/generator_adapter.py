"""Batches from generators, PyTorch's DataLoader and tf.data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from addax.trainers.data_adapters.class_weight import with_class_weight
from addax.trainers.data_adapters.conversion import to_batch
from addax.trainers.data_adapters.data_adapter import DataAdapter


class GeneratorAdapter(DataAdapter):
    """Batches from a Python generator, which can be read once.

    Raises:
        ValueError: If it is empty, or yields something else than a tuple.
    """

    repeatable = False

    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self._waiting: list[Any] = []
        try:
            self._waiting.append(next(generator))
        except StopIteration:
            raise ValueError(
                "When passing a Python generator to a Keras model, the generator must yield at "
                "least one batch. "
                "Received an empty generator."
            ) from None
        _check(self._waiting[0])

    def batches(self) -> Iterator[Any]:
        while self._waiting:
            yield to_batch(self._waiting.pop(), "the generator")
        for batch in self._generator:
            _check(batch)
            yield to_batch(batch, "the generator")


def _check(batch: Any) -> None:
    if not isinstance(batch, tuple):
        raise ValueError(
            "When passing a Python generator to a Keras model, the generator must return a tuple, "
            "either (input,) or "
            f"(inputs, targets) or (inputs, targets, sample_weights). Received: {batch}"
        )


class IterableAdapter(DataAdapter):
    """Batches from an object that can be iterated over again and again: a DataLoader or a
    tf.data.Dataset.

    Args:
        source: The object.
        iterate: Gives an iterator over it.
        num_batches: Number of batches, `None` if unknown.
        class_weight: Dict from class id to weight.
    """

    def __init__(
        self,
        source: Any,
        iterate: Callable = iter,
        num_batches: int | None = None,
        class_weight: dict | None = None,
    ) -> None:
        self._source = source
        self._iterate = iterate
        self.num_batches = num_batches
        self._class_weight = class_weight

    def batches(self) -> Iterator[Any]:
        for batch in self._iterate(self._source):
            if isinstance(batch, list):
                batch = tuple(batch)
            batch = to_batch(batch, "the dataset")
            yield batch if self._class_weight is None else weigh(batch, self._class_weight)


def weigh(batch: Any, class_weight: dict) -> Any:
    """A batch `(x, y)` with the weights of its classes.

    Raises:
        ValueError: If it has weights already.
    """
    from addax.trainers.data_adapters.unpack import unpack_x_y_sample_weight

    x, y, sample_weight = unpack_x_y_sample_weight(batch)
    return x, y, with_class_weight(y, sample_weight, class_weight)


def length_or_none(source: Any) -> int | None:
    """`len(source)`, `None` if it has none."""
    try:
        return len(source)
    except (TypeError, NotImplementedError):
        return None
