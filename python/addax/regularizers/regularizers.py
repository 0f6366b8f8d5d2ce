"""Penalties on weights and activities that are added to the loss."""

from __future__ import annotations

import math
import struct
from typing import Any

from addax import ops


def _as_float32(value: float) -> float:
    """Rounds to float32: Keras holds these factors as tensors, and its configs show it."""
    return struct.unpack("f", struct.pack("f", value))[0]


def _non_negative(value: Any, name: str) -> float:
    if value is None:
        return 0.0
    if not isinstance(value, (float, int)) or math.isnan(value) or math.isinf(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float."
            f"Received: {name}={value}"
        )
    return value


class Regularizer:
    """Maps a tensor to a scalar penalty: `regularizer(x) -> tensor`.

    A subclass implements `__call__` and `get_config`.
    """

    def __call__(self, x):
        return 0.0

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as a JSON-able dict."""
        raise NotImplementedError(f"{self} does not implement get_config()")


class L1L2(Regularizer):
    """Penalty `l1 * sum(|x|) + l2 * sum(x²)`.

    Args:
        l1: Non-negative factor of the absolute values.
        l2: Non-negative factor of the squares.

    Raises:
        ValueError: If a factor is negative, infinite or not a number.
    """

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _non_negative(l1, "l1")
        self.l2 = _non_negative(l2, "l2")

    def __call__(self, x):
        penalty = ops.convert_to_tensor(0.0, dtype=x.dtype)
        if self.l1:
            penalty = penalty + self.l1 * ops.sum(ops.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * ops.sum(ops.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": float(self.l1), "l2": float(self.l2)}


class L1(Regularizer):
    """Penalty `l1 * sum(|x|)`.

    Args:
        l1: Non-negative factor.

    Raises:
        ValueError: If the factor is negative, infinite or not a number.
    """

    def __init__(self, l1=0.01):
        self.l1 = _as_float32(_non_negative(l1, "l1"))

    def __call__(self, x):
        return self.l1 * ops.sum(ops.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """Penalty `l2 * sum(x²)`.

    Args:
        l2: Non-negative factor.

    Raises:
        ValueError: If the factor is negative, infinite or not a number.
    """

    def __init__(self, l2=0.01):
        self.l2 = _non_negative(l2, "l2")

    def __call__(self, x):
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l2": float(self.l2)}


class OrthogonalRegularizer(Regularizer):
    """Penalty on the cosines between the rows, or between the columns, of a matrix.

    `factor * mean over pairs of |cos(angle of the pair)|`

    Args:
        factor: Non-negative factor.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: If an argument is out of range, or (at the call) the input is not a matrix.
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _as_float32(_non_negative(factor, "factor"))
        if mode not in ("rows", "columns"):
            raise ValueError(
                "Invalid value for argument `mode`. Expected one of "
                f'{{"rows", "columns"}}. Received: mode={mode}'
            )
        self.mode = mode

    def __call__(self, inputs):
        if len(inputs.shape) != 2:
            raise ValueError(
                "Inputs to OrthogonalRegularizer must have rank 2. Received: "
                f"inputs.shape={inputs.shape}"
            )
        vectors = inputs if self.mode == "rows" else ops.transpose(inputs)
        vectors = ops.normalize(vectors, axis=1)
        cosines = ops.matmul(vectors, ops.transpose(vectors))
        count = vectors.shape[0]
        off_diagonal = ops.abs(cosines) * (1.0 - ops.eye(count, dtype=cosines.dtype))
        pairs = count * (count - 1.0) / 2.0
        return self.factor * 0.5 * ops.sum(off_diagonal) / pairs

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}
