"""A bound on the weights that a model being loaded may make.

A config of a few bytes can ask for weights of terabytes. Whoever loads a file knows how many
values its weights have, and opens a budget of as many while the model is made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable


class _Open(threading.local):
    budget: WeightBudget | None = None


_open = _Open()


class WeightBudget:
    """Context in which layers may make weights of at most `values` scalars in all.

    Args:
        values: How many.
    """

    def __init__(self, values: int):
        self.left = self.values = int(values)
        self._outer: WeightBudget | None = None

    def __enter__(self) -> WeightBudget:
        self._outer, _open.budget = _open.budget, self
        return self

    def __exit__(self, *exception: object) -> None:
        _open.budget = self._outer


def charge(shape: Iterable[int | None], owner: str) -> None:
    """Takes a weight of that shape from the open budget, before its memory is allocated.

    Raises:
        ValueError: If the budget does not hold that much.
    """
    budget = _open.budget
    if budget is None:
        return
    size = 1
    for length in shape:
        size *= max(int(length or 0), 0)
    budget.left -= size
    if budget.left < 0:
        raise ValueError(
            f"Layer '{owner}' wants a weight of shape {tuple(shape)}, but the file's weights have "
            f"{budget.values} values in all, of which {budget.left + size} are left."
        )
