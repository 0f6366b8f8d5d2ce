"""Whole numbers as vectors: what CategoryEncoding and Discretization give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from addax import ops

MODES = ("one_hot", "multi_hot", "count")


def encode(ids: Any, mode: str, depth: int, dtype: str, weights: Any = None) -> Any:
    """Vectors of length `depth` for integers in [0, depth); others leave no trace.

    Args:
        ids: Integer tensor, `(batch, n)` as a rule. A scalar counts as one sample of one number.
        mode: "one_hot": a vector for each number; "multi_hot": one for each sample, 1 for what
            occurs in it; "count": how often it occurs.
        depth: Length of the vectors.
        dtype: Dtype of the result.
        weights: For "count": what each number counts, of the shape of `ids`.

    Returns:
        Tensor of the shape that `encoded_shape` tells.
    """
    if len(ids.shape) == 0:
        ids = ops.expand_dims(ids, -1)
    if mode == "multi_hot":
        return ops.multi_hot(ids, depth, dtype=dtype)
    if mode == "one_hot" and len(ids.shape) > 1 and ids.shape[-1] == 1:
        ids = ops.squeeze(ids, -1)
    hot = ops.one_hot(ids, depth, dtype=dtype)
    if mode == "one_hot":
        return hot
    if weights is not None:
        hot = hot * ops.expand_dims(weights, -1)
    return ops.sum(hot, axis=1 if len(ids.shape) > 1 else 0)


def encoded_shape(shape: Sequence[int | None], mode: str, depth: int) -> tuple[int | None, ...]:
    """The shape of `encode`'s result for ids of the given shape."""
    shape = tuple(shape) or (1,)
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    # The numbers of a sample stand along axis 1; those of a vector are one sample.
    return (shape[0], *shape[2:], depth) if len(shape) > 1 else (depth,)
