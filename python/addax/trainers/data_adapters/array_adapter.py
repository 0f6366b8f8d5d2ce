"""Batches of arrays that are in memory (or mapped into it)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from addax import tree
from addax.trainers.data_adapters.class_weight import with_class_weight
from addax.trainers.data_adapters.conversion import target_dtype, to_arrays
from addax.trainers.data_adapters.data_adapter import DataAdapter


class ArrayAdapter(DataAdapter):
    """Cuts arrays into batches.

    Nothing is copied whole: a batch is a view of C-contiguous float32 (or integer) arrays, or the
    batch's rows are gathered (shuffled) or cast (float64).

    Args:
        x, y, sample_weight: Nested lists, tuples, dicts of arrays.
        class_weight: Dict from class id to weight.
        batch_size: Samples per batch, 32 if `None`.
        shuffle: Whether each pass has another order; "batch" permutes the batches, not their
            samples.
        next_generator: Gives the NumPy generator of the next shuffle.

    Raises:
        ValueError: If lengths differ, there are no samples, or something holds no numbers.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict | None = None,
        batch_size: int | None = None,
        shuffle: bool | str = False,
        next_generator: Callable | None = None,
    ) -> None:
        self.batch_size = self._size = check_batch_size(batch_size)
        x, y = to_arrays(x, "x"), to_arrays(y, "y")
        sample_weight = to_arrays(sample_weight, "sample_weight")
        check_cardinality(x, y, sample_weight)
        if class_weight is not None:
            sample_weight = with_class_weight(y, sample_weight, class_weight)
        elif sample_weight is not None:
            sample_weight = match_weights(y, sample_weight)
        data: tuple[Any, ...] = (x,)
        if y is not None:
            data = (x, y) if sample_weight is None else (x, y, sample_weight)
        self._structure = data
        self._columns = [
            _Column(array, name)
            for name, part in zip(("x", "y", "sample_weight"), data)
            for array in tree.flatten(part)
            if array is not None
        ]
        self._flat = all(isinstance(part, np.ndarray) for part in data)
        self.num_samples = len(self._columns[0].array)
        self.num_batches = math.ceil(self.num_samples / self.batch_size)
        self._shuffle = shuffle
        self._next_generator = next_generator

    @property
    def arrays(self) -> list[np.ndarray]:
        """The arrays, flat."""
        return [column.array for column in self._columns]

    @property
    def core_reads(self) -> bool:
        """Whether the core can take batches out of the arrays by itself."""
        return all(column.core_reads for column in self._columns)

    def first_batch(self) -> Any:
        """The first samples as they lie: what every batch looks like."""
        rows = [column.rows(0, min(self._size, self.num_samples)) for column in self._columns]
        return tuple(rows) if self._flat else self._pack(rows)

    def batches(self) -> Iterator[Any]:
        size, count = self._size, self.num_samples
        columns = self._columns
        order = self.order()
        for start in range(0, count, size):
            stop = min(start + size, count)
            if order is None:
                parts = [column.rows(start, stop) for column in columns]
            else:
                chosen = order[start:stop]
                parts = [column.gather(chosen) for column in columns]
            yield tuple(parts) if self._flat else self._pack(parts)

    def _pack(self, parts: list) -> Any:
        """The batch's arrays in the nesting of the data, `None` where that has none."""
        remaining = iter(parts)
        return tree.map_structure(
            lambda array: None if array is None else next(remaining), self._structure
        )

    def order(self) -> np.ndarray | None:
        """The order of the next pass; `None` as the samples lie."""
        if not self._shuffle or self._next_generator is None:
            return None
        generator = self._next_generator()
        if self._shuffle != "batch":
            return generator.permutation(self.num_samples)
        # Whole batches change places; the last, smaller one stays last.
        size = self._size
        whole = self.num_samples // size
        starts = generator.permutation(whole) * size
        order = (starts[:, None] + np.arange(size)).ravel()
        return np.concatenate([order, np.arange(whole * size, self.num_samples)])


class _Column:
    """One array, and how rows of it become part of a batch."""

    __slots__ = ("_contiguous", "_dtype", "array")

    def __init__(self, array: np.ndarray, name: str) -> None:
        dtype = target_dtype(array, name)
        self.array = array
        self._contiguous = array.flags.c_contiguous
        self._dtype = None if array.dtype == dtype else dtype

    @property
    def core_reads(self) -> bool:
        """Whether the core knows the dtype and a row's numbers lie together."""
        array = self.array
        is_known = self._dtype is None or (array.dtype.kind == "f" and array.dtype.itemsize <= 8)
        row_is_dense = array.size == 0 or array[0].flags.c_contiguous
        return is_known and array.dtype.isnative and row_is_dense

    def rows(self, start: int, stop: int) -> np.ndarray:
        rows = self.array[start:stop]
        if self._dtype is not None:
            return np.ascontiguousarray(rows, dtype=self._dtype)
        return rows if self._contiguous else np.ascontiguousarray(rows)

    def gather(self, chosen: np.ndarray) -> np.ndarray:
        # `take` is the fastest gather, but copies an array whole that is not C-contiguous.
        if self._contiguous:
            rows = self.array.take(chosen, axis=0)
        else:
            rows = np.ascontiguousarray(self.array[chosen])
        return rows if self._dtype is None else rows.astype(self._dtype)


def check_batch_size(batch_size: Any) -> int:
    """The batch size, 32 for `None` (and 0, as in Keras).

    Raises:
        ValueError: If it is negative or no integer.
    """
    if not batch_size:
        return 32
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
        raise ValueError(
            f"`batch_size` must be a positive integer. Received: batch_size={batch_size} of type "
            f"{type(batch_size)}"
        )
    if batch_size < 0:
        raise ValueError(
            f"`batch_size` must be a positive integer. Received: batch_size={batch_size}"
        )
    return int(batch_size)


def check_cardinality(x: Any, y: Any, sample_weight: Any) -> int:
    """The number of samples that all arrays share.

    Raises:
        ValueError: If they differ, there are none, or an array has rank 0.
    """
    sizes: dict[str, list[int]] = {}
    for name, part in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        arrays = [array for array in tree.flatten(part) if array is not None]
        for array in arrays:
            if array.ndim == 0:
                raise ValueError(
                    "When passing a dataset to a Keras model, the arrays must be at least rank 1. "
                    f"Received: {name}={array} of rank 0."
                )
        if arrays:
            sizes[name] = [len(array) for array in arrays]
    if not sizes.get("x"):
        raise ValueError(f"`x` holds no arrays. Received: x={x}")
    counts = {count for part in sizes.values() for count in part}
    if len(counts) > 1:
        message = (
            "Data cardinality is ambiguous. "
            "Make sure all arrays contain the same number of samples."
        )
        for name, part in sizes.items():
            message += f"'{name}' sizes: {', '.join(str(count) for count in part)}\n"
        raise ValueError(message)
    (count,) = counts
    if count == 0:
        shapes = tree.map_structure(lambda array: None if array is None else array.shape, x)
        raise ValueError(
            f"The data is empty: `x` holds 0 samples (shape {shapes}). Pass at least one sample."
        )
    return count


def match_weights(y: Any, sample_weight: Any) -> Any:
    """One array of weights per output: a single one serves all.

    Raises:
        ValueError: If the structures differ, or one array with more than a number per sample is to
            serve several outputs.
    """
    if y is None:
        raise ValueError("`sample_weight` was passed without targets `y`.")
    if isinstance(y, np.ndarray):
        if not isinstance(sample_weight, np.ndarray):
            flat = tree.flatten(sample_weight)
            if len(flat) != 1:
                raise ValueError(_two_structures(y, sample_weight))
            return flat[0]
        return sample_weight
    if isinstance(sample_weight, np.ndarray):
        if sample_weight.ndim != 1:
            raise ValueError(
                "For a model with multiple outputs, when providing a single `sample_weight` array, "
                "it should only have "
                "one scalar score per sample (i.e. shape `(num_samples,)`). If you want to use "
                "non-scalar sample "
                "weights, pass a `sample_weight` argument with one array per model output."
            )
        return tree.map_structure(lambda array: None if array is None else sample_weight, y)
    if isinstance(y, dict) and isinstance(sample_weight, dict) and set(sample_weight) <= set(y):
        return {name: sample_weight.get(name) for name in y}
    same = type(y) is type(sample_weight) and len(y) == len(sample_weight)
    if isinstance(y, dict) or not same:
        raise ValueError(_two_structures(y, sample_weight))
    return sample_weight


def _two_structures(y: Any, sample_weight: Any) -> str:
    return (
        "You should provide one `sample_weight` array per output in `y`. The two structures did "
        "not match:\n"
        f"- y: {y}\n- sample_weight: {sample_weight}\n"
    )


def train_validation_split(arrays: tuple, validation_split: float) -> tuple[tuple, tuple]:
    """Cuts the last fraction off the arrays: `(training, validation)`, as views.

    Raises:
        ValueError: If the fraction is not between 0 and 1, one part would be empty, or the data are
            no arrays.
    """
    if not 0 < validation_split < 1:
        raise ValueError(
            "`validation_split` must be between 0 and 1. Received: "
            f"validation_split={validation_split}"
        )
    for part in arrays:
        for leaf in tree.flatten(part):
            if leaf is not None and not _splittable(leaf):
                raise ValueError(
                    "Argument `validation_split` is only supported for tensors or NumPy arrays."
                    f"Found incompatible type in the input: {[type(leaf)]}"
                )
    names = ("x", "y", "sample_weight")
    arrays = tuple(to_arrays(part, name) for part, name in zip(arrays, names))
    count = check_cardinality(*arrays)
    cut = math.floor(count * (1.0 - validation_split))
    if cut == 0 or cut == count:
        raise ValueError(
            f"Training data contains {count} samples, which is not sufficient to split it into a "
            "validation and "
            f"training set as specified by `validation_split={validation_split}`. Either provide "
            "more data, or a "
            "different value for the `validation_split` argument."
        )

    def cut_at(part: Any, start: int, stop: int) -> Any:
        return tree.map_structure(lambda a: None if a is None else a[start:stop], part)

    training = tuple(cut_at(part, 0, cut) for part in arrays)
    return training, tuple(cut_at(part, cut, count) for part in arrays)


def _splittable(leaf: Any) -> bool:
    from addax.trainers.data_adapters.conversion import is_array

    return is_array(leaf) or isinstance(leaf, (bool, int, float, np.generic))
