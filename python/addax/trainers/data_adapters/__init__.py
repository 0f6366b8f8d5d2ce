"""One way to read all kinds of data: arrays, generators, `PyDataset`, DataLoader, tf.data."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from addax.trainers.data_adapters.data_adapter import DataAdapter


def get_data_adapter(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict | None = None,
    next_generator: Callable | None = None,
) -> DataAdapter:
    """The adapter for the data.

    Args:
        x: Arrays (nested), a generator, a `PyDataset`, a DataLoader or a tf.data.Dataset.
        y, sample_weight: Arrays, for arrays only.
        batch_size: Samples per batch, for arrays only.
        shuffle: Whether to shuffle arrays and a `PyDataset`.
        class_weight: Dict from class id to weight.
        next_generator: Gives the NumPy generator of the next shuffle.

    Raises:
        ValueError: If the data are none of these, or an argument does not go with them.
    """
    from addax.trainers.data_adapters.array_adapter import ArrayAdapter
    from addax.trainers.data_adapters.generator_adapter import (
        GeneratorAdapter,
        IterableAdapter,
        length_or_none,
    )
    from addax.trainers.data_adapters.py_dataset import PyDataset, PyDatasetAdapter

    def alone(kind: str) -> None:
        _refuse(kind, "y", "the targets", y)
        _refuse(kind, "sample_weights", "the sample weights", sample_weight)

    if isinstance(x, PyDataset):
        alone("PyDataset")
        return PyDatasetAdapter(x, class_weight, shuffle, next_generator)
    if _is_named(x, "torch.utils.data", "DataLoader"):
        alone("torch DataLoader")
        if class_weight is not None:
            raise ValueError(
                "Argument `class_weight` is not supported for torch DataLoader inputs. You can "
                "modify your "
                "`__getitem__ ` method to return input tensor, label and class_weight. "
                f"Received: class_weight={class_weight}"
            )
        return IterableAdapter(x, iter, length_or_none(x))
    if hasattr(x, "as_numpy_iterator"):
        alone("tf.data.Dataset")
        count = length_or_none(x)
        return IterableAdapter(x, lambda data: data.as_numpy_iterator(), count, class_weight)
    if isinstance(x, types.GeneratorType) or (
        hasattr(x, "__next__") and not isinstance(x, (str, bytes))
    ):
        alone("generator")
        if class_weight is not None:
            raise ValueError(
                "Argument `class_weight` is not supported for Python generator inputs. "
                f"Received: class_weight={class_weight}"
            )
        return GeneratorAdapter(x)
    if x is None:
        raise ValueError(f"Unrecognized data type: x={x} (of type {type(x)})")
    return ArrayAdapter(
        x,
        y,
        sample_weight,
        class_weight,
        batch_size,
        shuffle=shuffle,
        next_generator=next_generator,
    )


def _refuse(kind: str, argument: str, description: str, value: Any) -> None:
    if value is not None:
        raise ValueError(
            f"When providing `x` as a {kind}, `{argument}` should not be passed. "
            f"Instead, {description} should be included as part of the {kind}."
        )


def _is_named(x: Any, module: str, name: str) -> bool:
    return any(c.__name__ == name and c.__module__.startswith(module) for c in type(x).__mro__)
