"""Reductions over groups of rows that an index vector names."""

from __future__ import annotations

import builtins
import math
from typing import Any

from addax.backend.dtypes import FLOAT_TYPES
from addax.backend.tensor import cast, convert_to_tensor, scalar
from addax.ops.door import core, number_tensor, op

# What a group without rows gives.
_SMALLEST = {"int32": -(2**31), "int64": -(2**63), "uint8": 0}
_LARGEST = {"int32": 2**31 - 1, "int64": 2**63 - 1, "uint8": 255}


def _count(ids: Any, num_segments: Any) -> Any:
    """The number of groups: given, or the largest id and one more."""
    if num_segments is not None:
        return num_segments
    if ids.symbolic:
        raise ValueError("`num_segments` must be given while a program is recorded.")
    if 0 in ids.shape:
        return 0
    return int(core("max")(ids, axes=[0], keepdims=False)) + 1


def _checked(data: Any, segment_ids: Any, num_segments: Any) -> tuple[Any, Any, Any]:
    data, ids = number_tensor(data), convert_to_tensor(segment_ids)
    if ids.ndim != 1:
        raise ValueError(
            f"Argument `segment_ids` should be an 1-D vector, got shape: {ids.shape}. "
            "Consider either flatten input with segment_ids.reshape((-1)) and data.reshape((-1, "
            ") + data.shape[len(segment_ids.shape):]) "
            "or vectorize with vmap."
        )
    ids = ids if ids.dtype in ("int32", "int64") else cast(ids, "int32")
    return data, ids, _count(ids, num_segments)


@op
def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Sum of the rows of `data` that have each id: `(num_segments, …)`.

    Args:
        data: Tensor `(n, …)`.
        segment_ids: Integer vector `(n,)`. Ids out of range are left out.
        num_segments: Number of groups; the largest id and one more if `None` (concrete values
            only).
        sorted: Kept for Keras's signature.
    """
    data, ids, count = _checked(data, segment_ids, num_segments)
    return _summed(data, ids, count)


def _summed(data: Any, ids: Any, count: Any) -> Any:
    # Rows out of range are sent to a group of their own behind the others.
    size = (
        scalar(count, ids.dtype) if isinstance(count, int) else convert_to_tensor(count, ids.dtype)
    )
    valid = core("logical_and")(ids >= 0, ids < size)
    place = core("where")(valid, ids, size)
    total = core("scatter_add")(place, data, axis=0, size=count + 1)
    from addax.ops.shaping import part

    return part(total, 0, 0, count)


@op
def segment_max(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Largest element of the rows of `data` that have each id; the smallest number of the dtype
    where there is none."""
    return segment("max", *_checked(data, segment_ids, num_segments))


@op
def segment_min(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Smallest element of the rows of `data` that have each id; the largest number of the dtype
    where there is none."""
    return segment("min", *_checked(data, segment_ids, num_segments))


@op
def segment_prod(
    data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False
) -> Any:
    """Product of the rows of `data` that have each id; 1 where there is none."""
    return segment("prod", *_checked(data, segment_ids, num_segments))


def neutral(kind: str, dtype: str) -> Any:
    """What a reduction over nothing gives."""
    if kind == "prod":
        return 1
    if dtype in FLOAT_TYPES:
        return -math.inf if kind == "max" else math.inf
    return (_SMALLEST if kind == "max" else _LARGEST)[dtype]


def segment(kind: str, data: Any, ids: Any, count: Any) -> Any:
    """max, min or prod of each group.

    Rows are put in the order of their ids; then runs of equal ids are reduced by doubling: after
    step s each row holds the reduction of up to 2ˢ rows of its group that end with it. The last row
    of a group has it all.
    """
    from addax.ops.shaping import reshape

    combine = core({"max": "maximum", "min": "minimum", "prod": "multiply"}[kind])
    order = core("argsort")(ids, axis=0)
    ids = core("gather")(ids, order, axis=0)
    values = core("gather")(data, order, axis=0)
    rows = ids.dims[0]
    if not isinstance(rows, int):
        raise ValueError(
            f"`segment_{kind}` needs a known number of rows while a program is recorded. "
            f"Received: {data.shape}"
        )
    column = [rows] + [1] * (values.ndim - 1)
    distance = 1
    while distance < rows:
        same = core("equal")(_shifted(ids, distance, -1), ids)
        near = _shifted(values, distance, neutral(kind, values.dtype))
        values = core("where")(reshape(same, column), combine(values, near), values)
        distance *= 2
    following = _shifted(ids, -1, -1) if rows else ids
    last = core("not_equal")(following, ids)
    zero = scalar(0, values.dtype)
    found = _summed(core("where")(reshape(last, column), values, zero), ids, count)
    present = _summed(core("where")(last, scalar(1, "int32"), scalar(0, "int32")), ids, count)
    met = reshape(present > 0, [count] + [1] * (values.ndim - 1))
    return core("where")(met, found, scalar(neutral(kind, values.dtype), values.dtype))


def _shifted(x: Any, distance: int, fill: Any) -> Any:
    """Rows moved down (up if negative) by a distance, `fill` where none came."""
    from addax.ops.shaping import broadcast_to, part

    rows = x.dims[0]
    missing = broadcast_to(scalar(fill, x.dtype), [builtins.abs(distance), *x.dims[1:]])
    if distance > 0:
        pieces = (missing, part(x, 0, 0, rows - distance))
    else:
        pieces = (part(x, 0, -distance, rows), missing)
    return core("concatenate")(*pieces, axis=0)
