"""Order: sort, the k largest, unique values, counts, searches."""

from __future__ import annotations

import builtins
from typing import Any

from addax.backend.tensor import cast, convert_to_tensor, dimension, from_array, scalar
from addax.ops.door import core, is_float, normalize_axis, number_tensor, op, require_concrete, two
from addax.ops.shaping import expand_dims, ravel, reshape


@op
def sort(x: Any, axis: int | None = -1) -> Any:
    """The elements in rising order along an axis (of the flat values if `None`); NaN last."""
    x = convert_to_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    place = normalize_axis(axis, x.ndim)
    if x.dtype == "bool":
        return cast(core("sort")(cast(x, "uint8"), axis=place), "bool")
    return core("sort")(x, axis=place)


@op
def argsort(x: Any, axis: int | None = -1) -> Any:
    """Indices that put the elements in rising order along an axis, as int32; equal ones keep
    their order."""
    x = number_tensor(x)
    if axis is None or x.ndim == 0:
        x, axis = ravel(x), 0
    return core("argsort")(x, axis=normalize_axis(axis, x.ndim))


@op
def argpartition(x: Any, kth: int, axis: int = -1) -> Any:
    """Indices that put the `kth` smallest element in its place, smaller ones before it. Here:
    those of a full sort."""
    return argsort(x, axis)


@op
def top_k(x: Any, k: int, sorted: bool = True) -> tuple:
    """The `k` largest values of the last axis, in falling order, and their int32 indices."""
    values, indices = core("top_k")(number_tensor(x), k=k)
    return values, indices


@op
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether the prediction for the target class is among the `k` largest; ties with the k-th
    count as in.

    Args:
        targets: Class indices `(batch,)`.
        predictions: `(batch, classes)`.
        k: Number of classes.
    """
    # As wide as they come: a large id cut to 32 bits could become a class.
    targets = cast(targets, "int64")
    predictions = number_tensor(predictions)
    index = expand_dims(targets, -1)
    classes = dimension(predictions.dims[-1], "int64")
    valid = core("logical_and")(index >= 0, index < classes)
    safe = core("where")(valid, index, scalar(0, "int64"))
    own = core("take_along_axis")(predictions, safe, axis=predictions.ndim - 1)
    larger = cast(core("greater")(predictions, own), "int32")
    rank = core("sum")(larger, axes=[predictions.ndim - 1], keepdims=False)
    inside = core("logical_and")(core("less")(rank, scalar(k, "int32")), reshape(valid, rank.dims))
    if is_float(predictions):
        finite = core("isfinite")(reshape(own, rank.dims))
        inside = core("logical_and")(inside, finite)
    return inside


@op
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Places in a sorted vector before which values belong, as int32.

    Args:
        sorted_sequence: Vector in rising order.
        values: Tensor.
        side: "left": before equal elements, "right": after them.

    Raises:
        ValueError: If the sequence is not a vector.
    """
    sequence, values = two(sorted_sequence, values)
    if sequence.ndim != 1:
        raise ValueError(
            "searchsorted only supports 1-D sorted sequences. You can use `vectorized_map` to "
            "extend it to N-D sequences. "
            f"Received: sorted_sequence.shape={sequence.shape}"
        )
    if side not in ("left", "right"):
        raise ValueError(f"`side` must be 'left' or 'right'. Received: side={side}")
    before = core("less" if side == "left" else "less_equal")(sequence, expand_dims(values, -1))
    return core("sum")(cast(before, "int32"), axes=[values.ndim], keepdims=False)


@op
def digitize(x: Any, bins: Any) -> Any:
    """Number of the bin of each element: how many of the rising bin edges are not above it, as
    int32."""
    bins = convert_to_tensor(bins)
    if bins.ndim != 1:
        raise ValueError(f"`bins` must be a 1D array. Received: bins={bins}")
    return searchsorted(bins, x, side="right")


@op
def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each integer 0, 1, … occurs in the last axis, or the sum of its weights.

    The length of the result is the largest value and one more, at least `minlength`. While a
    program is recorded the values are not known: the length is `minlength` then, and larger values
    are left out.
    """
    x = convert_to_tensor(x)
    if is_float(x):
        raise TypeError(f"`bincount` needs integers. Received dtype {x.dtype}")
    x = cast(x, "int32") if x.dtype != "int64" else x
    if x.symbolic:
        depth: Any = minlength
        if minlength == 0:
            raise ValueError("`bincount` needs `minlength` while a program is recorded.")
    else:
        largest = int(core("max")(ravel(x), axes=[0], keepdims=False)) if 0 not in x.shape else -1
        depth = builtins.max(largest + 1, minlength)
    dtype = "int32" if weights is None else convert_to_tensor(weights).dtype
    hits = core("one_hot")(x, depth=depth, axis=x.ndim, dtype=dtype)
    if weights is not None:
        hits = hits * expand_dims(convert_to_tensor(weights), -1)
    return core("sum")(hits, axes=[x.ndim - 1], keepdims=False)


@op
def histogram(x: Any, bins: int = 10, range: Any = None) -> tuple:
    """How many elements fall into each of `bins` equal parts of a range (by default from the
    smallest to the largest).

    Returns:
        (counts int32 `(bins,)`, edges `(bins + 1,)`).
    """
    from addax.ops.creation import linspace
    from addax.ops.door import float_tensor
    from addax.ops.elementwise import where

    if not isinstance(bins, int) or bins <= 0:
        raise ValueError(f"Argument `bins` should be a positive integer. Received: bins={bins}")
    if range is not None and (len(range) != 2 or range[1] < range[0]):
        raise ValueError(
            "Argument `range` must be a tuple of two elements, the second not below the first. "
            f"Received: range={range}"
        )
    x = ravel(float_tensor(x))
    if range is None:
        low = core("min")(x, axes=[0], keepdims=False)
        high = core("max")(x, axes=[0], keepdims=False)
        flat = core("equal")(low, high)
        low, high = where(flat, low - 0.5, low), where(flat, high + 0.5, high)
    else:
        low, high = scalar(float(range[0]), x.dtype), scalar(float(range[1]), x.dtype)
    edges = linspace(low, high, bins + 1, dtype=x.dtype)
    number = searchsorted(edges, x, side="right") - 1
    number = where(core("equal")(x, high), scalar(bins - 1, "int32"), number)
    counts = core("one_hot")(number, depth=bins, axis=1, dtype="int32")
    return core("sum")(counts, axes=[0], keepdims=False), edges


@op
def unique(
    x: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different values (or slices along an axis), in rising order. Concrete values only.

    Args:
        x: Tensor.
        sorted: Kept for Keras's signature; the result is sorted.
        return_inverse: Whether to give the place of each element in the result too, as int32.
        return_counts: Whether to give how often each occurs too, as int32.
        axis: Axis whose slices are compared; `None` for the elements.
        size: Length to cut or pad the result to.
        fill_value: What to pad with; the first value if `None`.
    """
    import numpy as np

    x = convert_to_tensor(x)
    require_concrete("unique", x)
    values, inverse, counts = np.unique(
        x.numpy(), return_inverse=True, return_counts=True, axis=axis
    )
    inverse = inverse.reshape(x.shape if axis is None else -1)
    if size is not None:
        along = 0 if axis is None else axis
        length = values.shape[along]
        if length > size:
            values = np.take(values, np.arange(size), axis=along)
            counts = counts[:size]
        elif length < size:
            fill = np.take(values, [0], axis=along) if fill_value is None else fill_value
            shape = list(values.shape)
            shape[along] = size - length
            padding = np.broadcast_to(np.asarray(fill, values.dtype), shape)
            values = np.concatenate([values, padding], axis=along)
            counts = np.concatenate([counts, np.zeros(size - length, counts.dtype)])
    results = [from_array(np.ascontiguousarray(values))]
    if return_inverse:
        results.append(from_array(inverse.astype(np.int32)))
    if return_counts:
        results.append(from_array(counts.astype(np.int32)))
    return results[0] if len(results) == 1 else tuple(results)
