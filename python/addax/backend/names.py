"""Automatic names (`dense`, `dense_1`, …) and the stack of name scopes that paths of variables
are made of."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_counts: dict[str, int] = defaultdict(int)
_scopes = threading.local()


def to_snake_case(name: str) -> str:
    """`"BatchNormalization"` → `"batch_normalization"`, `"PReLU"` → `"p_re_lu"`, as Keras
    spells it."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """The name itself the first time, then with `_1`, `_2`, … since the last `reset`."""
    count = _counts[name]
    _counts[name] = count + 1
    return f"{name}_{count}" if count else name


def unique_name(name: str, taken: set[str]) -> str:
    """The name, with `_1`, `_2`, … if it is among those taken; these then have it, too."""
    found, n = name, 0
    while found in taken:
        n += 1
        found = f"{name}_{n}"
    taken.add(found)
    return found


def auto_name(prefix: str) -> str:
    """A unique name from a class name or another prefix."""
    return uniquify(to_snake_case(prefix))


def get_uid(prefix: str = "") -> int:
    """1 at the first call with this prefix, then 2, 3, …"""
    _counts[prefix] += 1
    return _counts[prefix]


def reset() -> None:
    """Starts all counters anew."""
    _counts.clear()


def require_name(name: Any) -> None:
    """Checks a name that a user gives to a layer or operation.

    Raises:
        ValueError: If it is no text, or has a `/`, which parts paths of variables. Files of Keras 2
            and TensorFlow.js may have such names: see `names_of_a_file`.
    """
    slash = isinstance(name, str) and "/" in name and not getattr(_scopes, "in_file", False)
    if not isinstance(name, str) or slash:
        raise ValueError(
            "Argument `name` must be a string and cannot contain character `/`. "
            f"Received: name={name} (of type {type(name)})"
        )


@contextmanager
def names_of_a_file() -> Iterator[None]:
    """Context in which layers keep the names that a file gives them, even with a `/`."""
    before = getattr(_scopes, "in_file", False)
    _scopes.in_file = True
    try:
        yield
    finally:
        _scopes.in_file = before


class name_scope:
    """Context in which variables get `name/` before their path.

    Args:
        name: Text without `/`, unless it is that of a layer (`caller`).
        caller: Object that opens the scope. A scope that is opened again directly inside itself by
            the same caller does not add its name twice.
        deduplicate: Whether the rule above holds.
        override_parent: Path that replaces the path of the scopes outside.
    """

    def __init__(
        self,
        name: str,
        caller: Any = None,
        deduplicate: bool = True,
        override_parent: str | None = None,
    ):
        if caller is None or not isinstance(name, str):
            require_name(name)
        self.name = name
        self.caller = caller
        self.deduplicate = deduplicate
        self.override_parent = override_parent
        self._entered: list[bool] = []

    def __enter__(self) -> name_scope:
        stack = _stack()
        repeated = bool(
            self.deduplicate
            and self.caller is not None
            and stack
            and stack[-1].caller is self.caller
            and stack[-1].name == self.name
        )
        if not repeated:
            stack.append(self)
        self._entered.append(not repeated)
        return self

    def __exit__(self, *_: object) -> None:
        if self._entered.pop():
            _stack().pop()


def _stack() -> list[name_scope]:
    stack = getattr(_scopes, "stack", None)
    if stack is None:
        stack = _scopes.stack = []
    return stack


def current_path() -> str:
    """The names of the open scopes joined by `/`, empty outside."""
    parts: list[str] = []
    for scope in _stack():
        if scope.override_parent is not None:
            parts = [scope.override_parent] if scope.override_parent else []
        parts.append(scope.name)
    return "/".join(parts)
