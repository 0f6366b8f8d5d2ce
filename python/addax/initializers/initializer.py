"""The base class of initializers."""

from __future__ import annotations

from typing import Any


class Initializer:
    """Gives the first value of a weight: `initializer(shape, dtype=None) -> tensor`.

    A subclass implements `__call__` and, when it has arguments, `get_config`.
    """

    def __call__(self, shape, dtype=None):
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as a JSON-able dict."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def clone(self) -> Initializer:
        """Returns a new initializer with the same arguments."""
        return self.__class__.from_config(self.get_config())
