"""What the `adapt` methods read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def batches_of(data: Any) -> Iterable[Any]:
    """The batches of the data; an array or list of numbers is one batch.

    Of a batch that is a tuple the first entry is taken.
    """
    if hasattr(data, "__array__") or hasattr(data, "shape"):
        return [data]
    if isinstance(data, list | tuple):
        return [data] if len(data) else []
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        batches = (data[i] for i in range(len(data)))
    else:
        batches = iter(data)
    return (batch[0] if isinstance(batch, list | tuple) else batch for batch in batches)
