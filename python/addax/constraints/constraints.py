"""Projections of a weight onto an allowed set, made after each optimizer step."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.config import epsilon


def _norms(w, axis):
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class Constraint:
    """Maps a weight to the value it may have: `constraint(w) -> tensor` of the same shape.

    A subclass implements `__call__` and, when it has arguments, `get_config`.
    """

    def __call__(self, w):
        raise NotImplementedError("Constraint subclasses must implement the `__call__()` method.")

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as a JSON-able dict."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        return cls(**config)


class MaxNorm(Constraint):
    """Shrinks vectors longer than `max_value` to that length (Srivastava et al., 2014, sec. 5.1).

    Args:
        max_value: Greatest allowed length.
        axis: Axis or axes that a vector extends over: 0 for a dense kernel, `[0, 1, 2]` for a 2D
            convolution's.
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        norms = _norms(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Sets negative elements to zero."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return ops.maximum(w, 0.0)


class UnitNorm(Constraint):
    """Scales vectors to length 1.

    Args:
        axis: Axis or axes that a vector extends over.
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return w / (epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves the lengths of vectors towards the interval [min_value, max_value].

    `w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / norm`

    Args:
        min_value: Least allowed length.
        max_value: Greatest allowed length.
        rate: Part of the way that one step goes; 1 is strict.
        axis: Axis or axes that a vector extends over.
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        norms = _norms(w, self.axis)
        allowed = ops.clip(norms, self.min_value, self.max_value)
        wanted = self.rate * allowed + (1 - self.rate) * norms
        return w * (wanted / (epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }
