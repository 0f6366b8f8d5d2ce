"""One batch that somebody gives by hand."""

from __future__ import annotations

from typing import Any


def single_batch(x: Any, y: Any, sample_weight: Any, class_weight: dict | None) -> Any:
    """The arrays of one batch, checked and cast like those of `fit`."""
    if sample_weight is None and class_weight is None and _is_batch(x, y):
        return x, y
    from addax.trainers.data_adapters.array_adapter import ArrayAdapter, check_cardinality
    from addax.trainers.data_adapters.conversion import to_arrays

    x, y = to_arrays(x, "x"), to_arrays(y, "y")
    sample_weight = to_arrays(sample_weight, "sample_weight")
    count = check_cardinality(x, y, sample_weight)
    adapter = ArrayAdapter(x, y, sample_weight, class_weight, batch_size=count)
    return next(iter(adapter.batches()))


def _is_batch(x: Any, y: Any) -> bool:
    """Whether these are arrays that a step takes as they are."""
    from addax.trainers.data_adapters.conversion import is_ready

    return is_ready(x) and is_ready(y) and x.shape[0] == y.shape[0]
