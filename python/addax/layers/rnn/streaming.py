"""Recurrent layers whose states come from outside and go outside: a sequence in pieces."""

from __future__ import annotations

import threading
from typing import Any

from addax import tree

_thread = threading.local()


class Stream:
    """A `with` block in which recurrent layers begin with states that the stream supplies.

    Args:
        begin: Function of a layer's name and its first states, a structure of tensors, that
            returns the states to begin with.

    Attributes:
        states: The last states of the layers, in the order in which they ran.
    """

    def __init__(self, begin: Any) -> None:
        self._begin = begin
        self.states: list[Any] = []

    def __enter__(self) -> Stream:
        self._outer = current()
        _thread.stream = self
        return self

    def __exit__(self, *_: object) -> None:
        _thread.stream = self._outer

    def begin(self, layer: Any, initial_state: Any, states: Any) -> Any:
        """The states that `layer` begins with in place of `states`.

        Raises:
            ValueError: If the layer does not go through time once, forwards, from its own states.
        """
        if initial_state is not None:
            raise ValueError(f"Layer '{layer.name}' gets its initial state from other layers.")
        if layer.go_backwards:
            raise ValueError(f"Layer '{layer.name}' reads its sequences from the end.")
        return self._begin(layer.name, states)

    def end(self, states: Any) -> None:
        """Takes the states that a layer ended with."""
        self.states.extend(tree.flatten(states))


def current() -> Stream | None:
    """The stream of this thread's innermost block."""
    return getattr(_thread, "stream", None)
