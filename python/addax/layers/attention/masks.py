"""Which query may look at which value, as a boolean tensor that broadcasts to (batch, T, S)."""

from __future__ import annotations

from functools import reduce

from addax import ops


def positions(query, value):
    """Numbers of the query's steps as a column (1, T, 1) and of the value's as a row (1, 1, S).

    Sums of ones, so that unknown lengths work.
    """
    rows = ops.cumsum(ops.ones((1, ops.shape(query)[1], 1), dtype="int32"), axis=1)
    columns = ops.cumsum(ops.ones((1, 1, ops.shape(value)[1]), dtype="int32"), axis=2)
    return rows, columns


def causal_mask(query, value):
    """True where the value's step is not later than the query's: shape (1, T, S)."""
    rows, columns = positions(query, value)
    return ops.greater_equal(rows, columns)


def window_mask(query, value, window: int):
    """True where the steps are less than `window` apart: shape (1, T, S)."""
    rows, columns = positions(query, value)
    return ops.less(ops.abs(rows - columns), min(window, 2**31 - 1))


def combine(*masks):
    """The logical and of the masks that are not None; None if there is none."""
    given = [ops.cast(mask, "bool") for mask in masks if mask is not None]
    return reduce(ops.logical_and, given) if given else None


def heads_mask(
    query,
    value,
    query_mask=None,
    value_mask=None,
    key_mask=None,
    attention_mask=None,
    use_causal_mask=False,
    window=None,
):
    """All the masks of a multi-head attention in one of shape (batch or 1, T or 1, S or 1)."""
    return combine(
        None if query_mask is None else ops.expand_dims(query_mask, -1),
        None if value_mask is None else ops.expand_dims(value_mask, -2),
        None if key_mask is None else ops.expand_dims(key_mask, -2),
        causal_mask(query, value) if use_causal_mask else None,
        None if window is None else window_mask(query, value, window),
        attention_mask,
    )
