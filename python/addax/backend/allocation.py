"""A bound on the memory of variables while a model is built from a file."""

from __future__ import annotations

import threading


class _Left(threading.local):
    elements: int | None = None


_left = _Left()


class AllocationLimit:
    """Context in which all new variables together have at most so many elements.

    A file's topology may declare any sizes; its weights say how large the model really is.
    """

    def __init__(self, elements: int):
        self._elements = elements
        self._outer: int | None = None

    def __enter__(self) -> AllocationLimit:
        self._outer, _left.elements = _left.elements, self._elements
        return self

    def __exit__(self, *_: object) -> None:
        _left.elements = self._outer


def spend(shape: tuple[int, ...]) -> None:
    """Counts a new variable.

    Raises:
        ValueError: If it goes beyond the limit.
    """
    if _left.elements is None:
        return
    count = 1
    for size in shape:
        count *= size
    if count > _left.elements:
        raise ValueError(
            f"The topology in the file declares a weight of shape {shape}, which has more elements "
            f"than the weights in the file leave for it ({_left.elements})."
        )
    _left.elements -= count
