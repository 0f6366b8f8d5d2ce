"""Elements by their places: `x[...]`, take, gather, scatter, slices, places of what is not zero."""

from __future__ import annotations

import builtins
import operator
from typing import Any

from addax.backend.dtypes import FLOAT_TYPES
from addax.backend.tensor import (
    Dim,
    Tensor,
    cast,
    convert_to_tensor,
    dimension,
    from_array,
    scalar,
)
from addax.ops.door import (
    as_dims,
    core,
    known_size,
    normalize_axis,
    number_tensor,
    op,
    product,
    require_concrete,
    two,
)
from addax.ops.shaping import (
    broadcast_arrays,
    broadcast_dims,
    broadcast_to,
    ravel,
    reshape,
    stack,
    transpose,
)

_slice, _reshape, _gather = core("slice"), core("reshape"), core("gather")


@op
def get_item(x: Any, key: Any) -> Any:
    """`x[key]`: ints, slices, `None`, `...`, integer tensors; boolean masks with concrete values.

    Raises:
        IndexError: If a place or the number of indices is beyond the tensor.
    """
    x = convert_to_tensor(x)
    if type(key) is int:
        return _row(x, key)
    if isinstance(key, list) and any(
        k is None or k is ... or isinstance(k, builtins.slice) for k in key
    ):
        key = tuple(key)  # files have no tuples
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = _without_masks(keys)
    keys = _without_ellipsis(keys, x.ndim)
    return _pick(x, keys)


def _row(x: Any, index: int) -> Any:
    if x.ndim == 0:
        raise IndexError("A tensor of rank 0 cannot be indexed.")
    dims = list(x.dims)
    start = _place(index, dims[0], 0)
    rest = dims[1:]
    taken = _slice(
        x, start=[start] + [0] * len(rest), stop=[start + 1, *rest], step=[1] * len(dims)
    )
    return _reshape(taken, shape=rest)


def _place(index: Any, size: Any, axis: int) -> Any:
    """An index counted from the front."""
    if isinstance(index, Dim) or isinstance(size, Dim):
        return index if isinstance(index, Dim) or index >= 0 else size + index
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {size}")
    return index + size if index < 0 else index


def _without_masks(keys: list) -> list:
    """Boolean masks as the index tensors of their true elements."""
    result: list = []
    for key in keys:
        if (
            isinstance(key, (list, tuple))
            or hasattr(key, "__addax_tensor__")
            or hasattr(key, "dtype")
        ):
            key = convert_to_tensor(key)
            if key.dtype == "bool":
                require_concrete("get_item with a boolean mask", key)
                result.extend(_true_places(key))
                continue
            if key.dtype in FLOAT_TYPES:
                if key.shape and 0 in key.shape:  # an empty list
                    key = cast(key, "int32")
                else:
                    raise IndexError(
                        f"Tensors are indexed with integers, slices, `None`, `...` and masks. "
                        f"Received dtype {key.dtype}"
                    )
        elif isinstance(key, bool):
            raise IndexError("A single boolean is not an index. Use `None` to add an axis.")
        elif not (key is None or key is Ellipsis or isinstance(key, (builtins.slice, int, Dim))):
            if not hasattr(key, "__index__"):
                raise IndexError(
                    f"Tensors are indexed with integers, slices, `None`, `...` and masks. "
                    f"Received: {key!r}"
                )
            key = key.__index__()
        result.append(key)
    return result


def _true_places(mask: Any) -> list:
    import numpy as np

    return [from_array(places.astype(np.int32)) for places in np.nonzero(mask.numpy())]


def _without_ellipsis(keys: list, rank: int) -> list:
    """One key per axis (and `None`s): the ellipsis and what is missing are full slices."""
    taken = len([key for key in keys if key is not None and key is not Ellipsis])
    if taken > rank:
        raise IndexError(f"too many indices: the tensor has {rank} axes, but {taken} were indexed")
    full: list = [builtins.slice(None)] * (rank - taken)
    places = [i for i, key in enumerate(keys) if key is Ellipsis]
    if len(places) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    at = places[0] if places else len(keys)
    return keys[:at] + full + keys[at + 1 :]


def _pick(x: Any, keys: list) -> Any:
    """Slices and ints first, then index tensors, then the new axes."""
    starts, stops, steps, shape = [], [], [], []
    index_keys: list[tuple[int, Any]] = []  # (axis of the sliced tensor, index tensor)
    arrays_in_a_row: list[int] = []  # where index tensors stand among the result's axes
    axis = 0
    for key in keys:
        if key is None:
            shape.append(1)
            continue
        size = x.dims[axis]
        if isinstance(key, builtins.slice):
            start, stop, step, length = _bounds(key, size)
            shape.append(length)
        elif isinstance(key, Tensor) and (key.ndim or key.symbolic):
            start, stop, step = 0, size, 1
            index_keys.append((len(shape), key))
            arrays_in_a_row.append(len(shape))
            shape.append(size)
        else:
            number = key if isinstance(key, (int, Dim)) else int(key.item())
            start = _place(number, size, axis)
            stop, step = start + 1, 1
        starts.append(start)
        stops.append(stop)
        steps.append(step)
        axis += 1
    if not _takes_all(x, starts, stops, steps):
        x = _slice(x, start=starts, stop=stops, step=steps)
    if len(shape) != x.ndim or builtins.any(
        key is None or not isinstance(key, (builtins.slice, Tensor)) for key in keys
    ):
        x = _reshape(x, shape=shape)
    if not index_keys:
        return x
    return _index_with_tensors(x, index_keys)


def _takes_all(x: Any, starts: list, stops: list, steps: list) -> bool:
    return builtins.all(
        isinstance(start, int)
        and start == 0
        and step == 1
        and isinstance(stop, Dim) == isinstance(size, Dim)
        and stop == size
        for start, stop, step, size in zip(starts, stops, steps, x.dims)
    )


def _bounds(key: builtins.slice, size: Any) -> tuple[Any, Any, int, Any]:
    """(start, stop, step, length) of a slice along an axis. Backwards down to the first
    element, the stop is -1.

    Of an axis whose length is not known, bounds are taken as they are, not clipped; the length is
    checked when it is known.
    """
    step = 1 if key.step is None else int(key.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    start = _bound(key.start)
    stop = _bound(key.stop)
    unknown = isinstance(size, Dim) or isinstance(start, Dim) or isinstance(stop, Dim)
    if not unknown:
        start, stop, step = builtins.slice(start, stop, step).indices(size)
        length = len(range(start, stop, step))
        if length == 0:
            return 0, 0, 1, 0
        return start, stop if step > 0 else builtins.max(stop, -1), step, length
    if step > 0:
        start = 0 if start is None else _from_end(start, size)
        stop = size if stop is None else _from_end(stop, size)
        span = stop - start
    else:
        start = size - 1 if start is None else _from_end(start, size)
        stop = -1 if stop is None else _from_end(stop, size)
        span = start - stop
    distance = builtins.abs(step)
    length = span if distance == 1 else (span + (distance - 1)) // distance
    return start, stop, step, length


def _bound(x: Any) -> Any:
    if x is None or isinstance(x, (int, Dim)):
        return x
    if isinstance(x, Tensor):
        if x.symbolic:
            raise IndexError(
                "A slice needs bounds that are numbers or dimensions; use `ops.slice` with "
                "tensors of starts."
            )
        return int(x.item())
    return operator.index(x)


def _from_end(x: Any, size: Any) -> Any:
    return x + size if isinstance(x, int) and x < 0 else x


def _index_with_tensors(x: Any, index_keys: list[tuple[int, Any]]) -> Any:
    if len(index_keys) == 1:
        axis, indices = index_keys[0]
        return _gather(x, _integers(indices, "get_item"), axis=axis)
    # Several: they are broadcast together and name elements of the indexed axes, which come first.
    axes = [axis for axis, _ in index_keys]
    rest = [i for i in range(x.ndim) if i not in axes]
    keys = broadcast_arrays(*(_integers(key, "get_item") for _, key in index_keys))
    places = stack(keys, -1)
    result = core("gather_nd")(transpose(x, axes + rest), places)
    # Neighbouring index tensors put their axes where they stand, others put them first (NumPy).
    before = axes[0]
    if axes != list(range(before, before + len(axes))) or before == 0:
        return result
    rank = places.ndim - 1
    order = list(range(rank, rank + before)) + list(range(rank))
    return transpose(result, order + list(range(rank + before, result.ndim)))


def _from_front(indices: Any, size: Any) -> Any:
    """Indices with the negative ones counted from the end."""
    if indices.dtype == "uint8":
        return cast(indices, "int32")
    negative = core("less")(indices, scalar(0, indices.dtype))
    return core("where")(negative, indices + dimension(size, indices.dtype), indices)


@op
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at the indices along an axis (of the flat values if `None`); negative ones count
    from the end.

    Raises:
        IndexError: If an index is beyond the axis.
    """
    x = convert_to_tensor(x)
    indices = _integers(indices, "take")
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim)
    return _gather(x, indices, axis=axis)


def _integers(indices: Any, name: str) -> Any:
    indices = convert_to_tensor(indices)
    if indices.dtype in FLOAT_TYPES:
        raise TypeError(f"`ops.{name}` needs integer indices. Received dtype {indices.dtype}")
    return cast(indices, "int32") if indices.dtype in ("bool", "uint8") else indices


@op
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements at indices that are given for each row along an axis; other axes broadcast."""
    x = convert_to_tensor(x)
    indices = _integers(indices, "take_along_axis")
    if axis is None:
        x, indices, axis = ravel(x), ravel(indices), 0
    if x.ndim != indices.ndim:
        raise ValueError(
            f"`x` and `indices` must have the same rank. Received: x.shape={x.shape}, "
            f"indices.shape={indices.shape}"
        )
    axis = normalize_axis(axis, x.ndim)
    rest = broadcast_dims(
        [1 if i == axis else size for i, size in enumerate(x.dims)],
        [1 if i == axis else size for i, size in enumerate(indices.dims)],
    )

    def spread(tensor: Any) -> Any:
        own = tensor.dims[axis]
        return broadcast_to(tensor, [own if i == axis else size for i, size in enumerate(rest)])

    return core("take_along_axis")(spread(x), spread(indices), axis=axis)


# Slices and scatters


@op
def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """The block of a shape that begins at the start indices (numbers or an integer tensor)."""
    x = convert_to_tensor(inputs)
    sizes = as_dims(shape)
    starts = _numbers(start_indices)
    if starts is not None:
        stops = [
            x.dims[i] if isinstance(size, int) and size == -1 else start + size
            for i, (start, size) in enumerate(zip(starts, sizes))
        ]
        return _slice(x, start=starts, stop=stops, step=[1] * x.ndim)
    return core("dynamic_slice")(x, _starts(start_indices), size=sizes)


@op
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """The tensor with a block replaced that begins at the start indices (numbers or an integer
    tensor)."""
    x = convert_to_tensor(inputs)
    updates = cast(updates, x.dtype)
    starts = _numbers(start_indices)
    if starts is not None:
        return core("slice_update")(x, updates, start=starts, step=[1] * x.ndim)
    return core("dynamic_slice_update")(x, updates, _starts(start_indices))


def _numbers(starts: Any) -> list | None:
    """Start indices as numbers if their values are known."""
    if hasattr(starts, "__addax_tensor__"):
        starts = starts.__addax_tensor__()
    if isinstance(starts, Tensor):
        return None if starts.symbolic else [int(i) for i in starts.numpy().reshape(-1).tolist()]
    numbers = []
    for start in starts:
        if hasattr(start, "__addax_tensor__"):
            start = start.__addax_tensor__()
        if isinstance(start, Tensor):
            if start.symbolic:
                return None
            start = int(start.item())
        numbers.append(start if isinstance(start, Dim) else operator.index(start))
    return numbers


def _starts(start_indices: Any) -> Any:
    if isinstance(start_indices, (list, tuple)):
        from addax.ops.shaping import stack

        return stack([cast(start, "int32") for start in start_indices])
    return convert_to_tensor(start_indices)


@op
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros of a shape with values added at places.

    Args:
        indices: Integer tensor `(..., k)`: places along the first k axes.
        values: Tensor `(..., *shape[k:])`. Values at one place are summed.
        shape: Shape of the result.
    """
    indices = _integers(indices, "scatter")
    values = convert_to_tensor(values)
    result = core("scatter_nd")(indices, number_tensor(values), shape=as_dims(shape))
    return cast(result, values.dtype)


@op
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """The tensor with values at places replaced, or combined with those there.

    Args:
        inputs: Tensor.
        indices: Integer tensor `(n, k)`: places along the first k axes. Without a reduction they
            should differ.
        updates: Tensor `(n, *inputs.shape[k:])`.
        reduction: `None` replaces; "add", "mul", "min" and "max" combine.

    Raises:
        ValueError: If the reduction is unknown.
    """
    x = convert_to_tensor(inputs)
    indices = _integers(indices, "scatter_update")
    updates = cast(updates, x.dtype)
    if reduction not in (None, "add", "mul", "min", "max"):
        raise ValueError(
            f"Unknown reduction: {reduction}. Expected None, 'add', 'mul', 'min' or 'max'."
        )
    number = "int32" if x.dtype == "bool" else x.dtype
    if reduction == "add":
        return x + scatter(indices, updates, x.dims)
    place, sizes, block = _flat_places(x, indices)
    count = place.dims[0]
    updates = reshape(updates, [count, *block])
    ones = core("full")(shape=[count], value=1, dtype="int32")
    rows = reshape(indices, [count, len(sizes)])
    met = core("scatter_nd")(rows, ones, shape=sizes) > 0
    met = reshape(met, sizes + [1] * len(block))
    if reduction is None:
        wins = reshape(_last_of_each(place, product(sizes)), [count] + [1] * len(block))
        kept = core("where")(wins, cast(updates, number), scalar(0, number))
        written = core("scatter_nd")(rows, kept, shape=list(x.dims))
        return cast(core("where")(met, written, cast(x, number)), x.dtype)
    from addax.ops.segments import segment

    kind = {"mul": "prod", "min": "min", "max": "max"}[reduction]
    combined = reshape(segment(kind, updates, place, product(sizes)), list(x.dims))
    both = {"mul": "multiply", "min": "minimum", "max": "maximum"}[reduction]
    return core("where")(met, core(both)(x, combined), x)


def _flat_places(x: Any, indices: Any) -> tuple[Any, list, list]:
    """The flat place of each index row, the sizes of the indexed axes, the shape of one block."""
    depth = known_size(indices.dims[-1])
    if depth is None:
        raise ValueError(f"The last axis of `indices` must be known. Received: {indices.shape}")
    sizes = list(x.dims[:depth])
    columns = reshape(indices, [product(indices.dims[:-1]), depth])
    place: Any = None
    for axis in range(depth):
        column = _from_front(get_item(columns, (builtins.slice(None), axis)), sizes[axis])
        place = column if place is None else place * dimension(sizes[axis], column.dtype) + column
    return place, sizes, list(x.dims[depth:])


def _last_of_each(place: Any, count: Any) -> Any:
    """Whether a row is the last one that names its place: of several updates that one stays."""
    from addax.ops.segments import segment

    order = core("iota")(shape=[place.dims[0]], axis=0, dtype="int32")
    last = segment("max", order, place, count)
    return core("equal")(_gather(last, place, axis=0), order)


# Values decide the shape


@op
def nonzero(x: Any) -> tuple:
    """Indices of the elements that are not zero, one int32 vector per axis. Concrete values
    only."""
    import numpy as np

    x = convert_to_tensor(x)
    require_concrete("nonzero", x)
    return tuple(from_array(places.astype(np.int32)) for places in np.nonzero(x.numpy()))


@op
def unravel_index(indices: Any, shape: Any) -> tuple:
    """Flat indices as one index per axis of a shape."""
    place = _integers(indices, "unravel_index")
    sizes = as_dims(shape)
    place = _from_front(place, product(sizes))
    result = []
    for size in reversed(sizes):
        length = dimension(size, place.dtype)
        result.append(core("mod")(place, length))
        place = core("floor_divide")(place, length)
    return tuple(reversed(result))


@op
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element of `x1` stands anywhere in `x2`."""
    x1, x2 = two(x1, x2)
    one = reshape(x1, [*x1.dims, 1])
    found = core("any")(core("equal")(one, ravel(x2)), axes=[x1.ndim], keepdims=False)
    return core("logical_not")(found) if invert else found
