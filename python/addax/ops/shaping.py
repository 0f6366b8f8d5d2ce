"""Other shapes of the same values: reshape, transpose, join, split, repeat, pad, flip."""

from __future__ import annotations

import builtins
import itertools
from typing import Any

from addax.backend.config import standardize_data_format
from addax.backend.keras_tensor import KerasTensor
from addax.backend.tensor import Dim, Tensor, convert_to_tensor, dimension, promote_tensors
from addax.ops.door import (
    as_dims,
    core,
    known_size,
    normalize_axes,
    normalize_axis,
    op,
    product,
)

_reshape, _transpose = core("reshape"), core("transpose")
_concatenate, _slice = core("concatenate"), core("slice")


@op
def reshape(x: Any, newshape: Any) -> Any:
    """The values in another shape; one size may be -1, what remains (`None` is taken as -1)."""
    if isinstance(newshape, (list, tuple)) and None in newshape and -1 not in newshape:
        newshape = [-1 if size is None else size for size in newshape]
    return _reshape(convert_to_tensor(x), shape=as_dims(newshape))


@op
def ravel(x: Any) -> Any:
    """The values in one row."""
    x = convert_to_tensor(x)
    return x if x.ndim == 1 else _reshape(x, shape=[product(x.dims)])


@op
def expand_dims(x: Any, axis: Any) -> Any:
    """New axes of length 1 at the positions that they have in the result."""
    x = convert_to_tensor(x)
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    rank = x.ndim + len(axes)
    places = normalize_axes(list(axes), rank)
    sizes = iter(x.dims)
    return _reshape(x, shape=[1 if i in places else next(sizes) for i in range(rank)])


@op
def squeeze(x: Any, axis: Any = None) -> Any:
    """Axes of length 1 taken away: the given ones, or all.

    Raises:
        ValueError: If a given axis is longer.
    """
    x = convert_to_tensor(x)
    if axis is None:
        axes = [i for i, size in enumerate(x.dims) if known_size(size) == 1]
    else:
        axes = normalize_axes(axis, x.ndim)
        for i in axes:
            if known_size(x.dims[i]) not in (1, None):
                raise ValueError(
                    f"Cannot squeeze axis={axis}, because the dimension is not 1. Received: "
                    f"x.shape={x.shape}"
                )
    return _reshape(x, shape=[size for i, size in enumerate(x.dims) if i not in axes])


@op
def transpose(x: Any, axes: Any = None) -> Any:
    """The axes in another order, reversed if none is given.

    Raises:
        ValueError: If `axes` is not an order of all axes.
    """
    x = convert_to_tensor(x)
    rank = x.ndim
    if axes is None:
        order = list(range(rank))[::-1]
    else:
        order = normalize_axes(list(axes), rank)
        if len(order) != rank:
            raise ValueError(
                f"axes must be a list of the same length as the shape. Received: axes={axes}, "
                f"x.shape={x.shape}"
            )
    return _permute(x, order)


def _permute(x: Any, order: list[int]) -> Any:
    return x if order == sorted(order) else _transpose(x, perm=order)


@op
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    x = convert_to_tensor(x)
    order = list(range(x.ndim))
    a, b = normalize_axis(axis1, x.ndim), normalize_axis(axis2, x.ndim)
    order[a], order[b] = b, a
    return _permute(x, order)


@op
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other places, the others in their order."""
    x = convert_to_tensor(x)
    sources = normalize_axes(source if isinstance(source, (list, tuple)) else [source], x.ndim)
    places = normalize_axes(
        destination if isinstance(destination, (list, tuple)) else [destination], x.ndim
    )
    if len(sources) != len(places):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements. "
            f"Received: source={source}, destination={destination}"
        )
    order = [i for i in range(x.ndim) if i not in sources]
    for place, axis in sorted(zip(places, sources)):
        order.insert(place, axis)
    return _permute(x, order)


def ndim(x: Any) -> int:
    """The number of axes."""
    return x.ndim if isinstance(x, KerasTensor) else convert_to_tensor(x).ndim


@op
def size(x: Any) -> Any:
    """The number of elements: an int, or an int32 tensor where it is not known yet."""
    count = product(convert_to_tensor(x).dims)
    return dimension(count, "int32") if isinstance(count, Dim) else count


@op
def space_to_depth(x: Any, block_size: int, data_format: str | None = None) -> Any:
    """Blocks of pixels as channels: `(batch, h, w, c)` → `(batch, h / b, w / b, b * b * c)`."""
    x, first = _images(x, data_format)
    batch, rows, columns, channels = x.dims
    b = block_size
    x = _reshape(x, shape=[batch, rows // b, b, columns // b, b, channels])
    x = _transpose(x, perm=[0, 1, 3, 2, 4, 5])
    x = _reshape(x, shape=[batch, rows // b, columns // b, b * b * channels])
    return _transpose(x, perm=[0, 3, 1, 2]) if first else x


@op
def depth_to_space(x: Any, block_size: int, data_format: str | None = None) -> Any:
    """Channels as blocks of pixels: `(batch, h, w, b * b * c)` → `(batch, h * b, w * b, c)`."""
    x, first = _images(x, data_format)
    batch, rows, columns, channels = x.dims
    b = block_size
    x = _reshape(x, shape=[batch, rows, columns, b, b, channels // (b * b)])
    x = _transpose(x, perm=[0, 1, 3, 2, 4, 5])
    x = _reshape(x, shape=[batch, rows * b, columns * b, channels // (b * b)])
    return _transpose(x, perm=[0, 3, 1, 2]) if first else x


def _images(x: Any, data_format: str | None) -> tuple[Any, bool]:
    """Channels-last images, and whether they were channels-first."""
    x = convert_to_tensor(x)
    if x.ndim != 4:
        raise ValueError(f"Images must have rank 4. Received: x.shape={x.shape}")
    first = standardize_data_format(data_format) == "channels_first"
    return (_transpose(x, perm=[0, 2, 3, 1]) if first else x), first


# Broadcasting


def broadcast_dims(a: Any, b: Any) -> tuple:
    """The shape that two shapes broadcast to (NumPy's rule); sizes that are not known are taken
    as equal.

    Raises:
        ValueError: If they do not fit.
    """
    a, b = tuple(a), tuple(b)
    rank = builtins.max(len(a), len(b))
    padded = zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b)
    sizes: list = []
    for x, y in padded:
        if not isinstance(x, (Dim, type(None))) and x == 1:
            sizes.append(y)
        elif not isinstance(y, (Dim, type(None))) and y == 1:
            sizes.append(x)
        elif isinstance(x, (Dim, type(None))):
            sizes.append(y if isinstance(y, int) else x)
        elif isinstance(y, (Dim, type(None))) or x == y:
            sizes.append(x)
        else:
            raise ValueError(
                f"Cannot broadcast shape, the failure dim has value {x}, which cannot be "
                f"broadcasted to {y}. "
                f"Input shapes are: {list(a)} and {list(b)}."
            )
    return tuple(sizes)


@op
def broadcast_to(x: Any, shape: Any) -> Any:
    """The values repeated along axes of length 1 and new leading ones up to a shape."""
    x = convert_to_tensor(x)
    dims = as_dims(shape)
    if len(dims) == x.ndim and all_equal(x.dims, dims):
        return x
    return core("broadcast_to")(x, shape=dims)


def all_equal(a: Any, b: Any) -> bool:
    """Whether two shapes are the same, symbolic sizes included."""
    return len(a) == len(b) and builtins.all(
        isinstance(x, Dim) == isinstance(y, Dim) and x == y for x, y in zip(a, b)
    )


def broadcast_arrays(*xs: Any) -> list:
    """The tensors in the one shape that they broadcast to."""
    tensors = [convert_to_tensor(x) for x in xs]
    shape: tuple = ()
    for x in tensors:
        shape = broadcast_dims(shape, x.dims)
    return [broadcast_to(x, shape) for x in tensors]


# Joining


@op
def concatenate(xs: Any, axis: int | None = 0) -> Any:
    """Tensors one after another along an axis; flattened first if the axis is `None`."""
    tensors = promote_tensors(*xs) if len(xs) > 1 else [convert_to_tensor(x) for x in xs]
    if not tensors:
        raise ValueError("`concatenate` needs at least one tensor.")
    if axis is None:
        tensors, axis = [ravel(x) for x in tensors], 0
    if len(tensors) == 1:
        return tensors[0]
    return _concatenate(*tensors, axis=normalize_axis(axis, tensors[0].ndim))


@op
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """`x2` after `x1` along an axis; both flattened if the axis is `None`."""
    return concatenate([x1, x2], axis)


@op
def stack(x: Any, axis: int = 0) -> Any:
    """Tensors of one shape side by side along a new axis."""
    tensors = promote_tensors(*x) if len(x) > 1 else [convert_to_tensor(a) for a in x]
    if not tensors:
        raise ValueError("`stack` needs at least one tensor.")
    for tensor in tensors[1:]:
        if len(tensor.shape) != len(tensors[0].shape):
            raise ValueError(
                "Cannot stack tensors of different ranks. "
                f"Received shapes {[t.shape for t in tensors]}"
            )
    place = normalize_axis(axis, tensors[0].ndim + 1)
    return concatenate([expand_dims(tensor, place) for tensor in tensors], place)


@op
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list:
    """The slices along an axis, without it.

    Raises:
        ValueError: If the axis's length is not known and `num` is not given.
    """
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    length = known_size(x.dims[axis]) if num is None else num
    if length is None:
        raise ValueError(f"Cannot infer argument `num` from shape {x.shape}. Set `num` explicitly.")
    rest = [size for i, size in enumerate(x.dims) if i != axis]
    return [_reshape(part(x, axis, i, i + 1), shape=rest) for i in range(length)]


def part(x: Any, axis: int, start: Any, stop: Any) -> Any:
    """`x[start:stop]` along one axis; no clipping, no negative positions."""
    dims = list(x.dims)
    starts: list = [0] * len(dims)
    starts[axis], dims[axis] = start, stop
    return _slice(x, start=starts, stop=dims, step=[1] * len(dims))


@op
def hstack(xs: Any) -> Any:
    """Tensors joined along the second axis (the first for vectors)."""
    tensors = [at_least(x, 1) for x in xs]
    return concatenate(tensors, 0 if tensors[0].ndim == 1 else 1)


@op
def vstack(xs: Any) -> Any:
    """Tensors joined along the first axis; vectors are rows."""
    return concatenate([at_least(x, 2) for x in xs], 0)


@op
def dstack(xs: Any) -> Any:
    """Tensors joined along the third axis."""
    tensors = []
    for x in xs:
        x = at_least(x, 2)
        tensors.append(expand_dims(x, 2) if x.ndim == 2 else x)
    return concatenate(tensors, 2)


@op
def column_stack(xs: Any) -> Any:
    """Vectors as the columns of a matrix; matrices beside them."""
    tensors = [at_least(x, 1) for x in xs]
    return concatenate([expand_dims(x, 1) if x.ndim == 1 else x for x in tensors], 1)


def at_least(x: Any, rank: int) -> Any:
    """The tensor with leading axes of length 1 up to a rank."""
    x = convert_to_tensor(x)
    return x if x.ndim >= rank else _reshape(x, shape=[1] * (rank - x.ndim) + list(x.dims))


# Splitting


@op
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list:
    """Parts of an axis: so many equal ones, or those between the given positions.

    Raises:
        ValueError: If the axis cannot be cut into equal parts.
    """
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    length = x.dims[axis]
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if isinstance(length, int) and (count <= 0 or length % count):
            raise ValueError(
                f"`x` size on given `axis` must be divisible by `indices_or_sections` when "
                f"`indices_or_sections` is an int. "
                f"Received: x.shape={x.shape}, axis={axis}, indices_or_sections={count}"
            )
        size = length // count
        bounds = [size * i for i in range(count)] + [length]
        return [part(x, axis, a, b) for a, b in itertools.pairwise(bounds)]
    return _split_at(x, as_dims(indices_or_sections), axis)


def _split_at(x: Any, positions: list, axis: int) -> list:
    length = x.dims[axis]
    bounds: list = [0]
    for position in positions:
        if isinstance(position, int) and isinstance(length, int):
            position = position + length if position < 0 else position
            position = builtins.max(0, builtins.min(position, length))
        bounds.append(position)
    bounds.append(length)
    pieces = []
    for a, b in itertools.pairwise(bounds):
        if isinstance(a, int) and isinstance(b, int):
            b = builtins.max(a, b)
        pieces.append(part(x, axis, a, b))
    return pieces


@op
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list:
    """As `split`, but the parts may differ in length by one."""
    x = convert_to_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    if not isinstance(indices_or_sections, int):
        return _split_at(x, as_dims(indices_or_sections), axis)
    length, count = x.dims[axis], indices_or_sections
    if isinstance(length, Dim):
        raise ValueError(
            f"`array_split` needs an axis of known length. Received: x.shape={x.shape}"
        )
    small, more = divmod(length, count)
    positions = [small * i + builtins.min(i, more) for i in range(1, count)]
    return _split_at(x, positions, axis)


@op
def hsplit(x: Any, indices_or_sections: Any) -> list:
    """Parts along the second axis (the first for vectors)."""
    x = convert_to_tensor(x)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


@op
def vsplit(x: Any, indices_or_sections: Any) -> list:
    """Parts along the first axis."""
    return split(x, indices_or_sections, 0)


@op
def dsplit(x: Any, indices_or_sections: Any) -> list:
    """Parts along the third axis."""
    return split(x, indices_or_sections, 2)


# Repeating


@op
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element so many times in a row along an axis; flattened first if the axis is `None`.

    Args:
        x: Tensor.
        repeats: A number, or one per element of the axis (known values).
        axis: The axis.
    """
    x = convert_to_tensor(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis(axis, x.ndim)
    counts = as_dims(repeats)
    if len(counts) == 1:
        dims = list(x.dims)
        times = counts[0]
        wide = broadcast_to(expand_dims(x, axis + 1), [*dims[: axis + 1], times, *dims[axis + 1 :]])
        dims[axis] = dims[axis] * times
        return _reshape(wide, shape=dims)
    if known_size(x.dims[axis]) not in (len(counts), None):
        raise ValueError(
            f"`repeats` must have one entry per element of the axis. Received: repeats={counts}, "
            f"x.shape={x.shape}, axis={axis}"
        )
    positions = [i for i, count in enumerate(counts) for _ in range(count)]
    return core("gather")(x, convert_to_tensor(positions, "int32"), axis=axis)


@op
def tile(x: Any, repeats: Any) -> Any:
    """The whole tensor so many times along each axis."""
    x = convert_to_tensor(x)
    counts = as_dims(repeats)
    x = at_least(x, len(counts))
    counts = [1] * (x.ndim - len(counts)) + counts
    dims = list(x.dims)
    wide, shape = [], []
    for count, size in zip(counts, dims):
        wide += [1, size]
        shape += [count, size]
    spread = broadcast_to(_reshape(x, shape=wide), shape)
    return _reshape(spread, shape=[size * count for size, count in zip(dims, counts)])


# Padding, flipping


@op
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Values added before and after along each axis.

    Args:
        x: Tensor.
        pad_width: `((before, after), …)`, one pair for all axes, or one number.
        mode: "constant", "reflect", "symmetric" or "edge".
        constant_values: The constant, 0 if `None`.

    Raises:
        ValueError: If a constant is given with another mode, or the mode is unknown.
    """
    x = convert_to_tensor(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    if mode not in ("constant", "reflect", "symmetric", "edge"):
        raise ValueError(
            f"`mode` must be one of 'constant', 'reflect', 'symmetric', 'edge'. Received: "
            f"mode={mode}"
        )
    low, high = _pad_widths(pad_width, x.ndim)
    value = constant_values or 0
    if isinstance(value, Tensor):
        if value.symbolic:
            shifted = _pad(core("subtract")(x, value), low, high, "constant", 0)
            return core("add")(shifted, value)
        value = value.item()
    if x.dtype == "bool":
        from addax.backend.tensor import cast

        return cast(_pad(cast(x, "uint8"), low, high, mode, int(value)), "bool")
    return _pad(x, low, high, mode, value)


def _pad(x: Any, low: list, high: list, mode: str, value: Any) -> Any:
    return core("pad")(x, low=low, high=high, mode=mode, value=float(value))


def _pad_widths(pad_width: Any, rank: int) -> tuple[list, list]:
    if isinstance(pad_width, Tensor) or hasattr(pad_width, "tolist"):
        pad_width = (
            pad_width.tolist() if hasattr(pad_width, "tolist") else pad_width.numpy().tolist()
        )
    pairs: list[Any] = [pad_width] if isinstance(pad_width, (int, Dim)) else list(pad_width)
    if len(pairs) == 2 and builtins.all(isinstance(p, (int, Dim)) for p in pairs):
        pairs = [tuple(pairs)]
    pairs = [(p, p) if isinstance(p, (int, Dim)) else tuple(p) for p in pairs]
    pairs = [p * 2 if len(p) == 1 else p for p in pairs]
    if len(pairs) == 1:
        pairs *= rank
    if len(pairs) != rank:
        raise ValueError(
            f"`pad_width` must have the same length as `x.shape`. Received: "
            f"pad_width={pad_width} (of length {len(pairs)}), rank {rank}"
        )
    if builtins.any(isinstance(width, int) and width < 0 for pair in pairs for width in pair):
        raise ValueError(
            f"`pad_width` can't contain negative values. Received: pad_width={pad_width}"
        )
    return as_dims([p[0] for p in pairs]), as_dims([p[1] for p in pairs])


@op
def flip(x: Any, axis: Any = None) -> Any:
    """The elements in reverse order along axes, all if `None`."""
    x = convert_to_tensor(x)
    for i in normalize_axes(axis, x.ndim):
        x = reverse(x, i)
    return x


def reverse(x: Any, axis: int) -> Any:
    """The elements in reverse order along one axis."""
    dims = list(x.dims)
    starts, steps = [0] * len(dims), [1] * len(dims)
    starts[axis], dims[axis], steps[axis] = dims[axis] - 1, -1, -1
    return _slice(x, start=starts, stop=dims, step=steps)


@op
def fliplr(x: Any) -> Any:
    """Columns in reverse order."""
    return flip(x, 1)


@op
def flipud(x: Any) -> Any:
    """Rows in reverse order."""
    return flip(x, 0)


@op
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Elements moved along axes, those that leave come in at the other end; over the flat
    values if the axis is `None`."""
    x = convert_to_tensor(x)
    if axis is None:
        return _reshape(roll(ravel(x), shift, 0), shape=list(x.dims))
    axes = [
        normalize_axis(a, x.ndim) for a in (axis if isinstance(axis, (list, tuple)) else [axis])
    ]
    shifts = as_dims(shift)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    for amount, place in zip(shifts, axes):
        x = _roll(x, amount, place)
    return x


def _roll(x: Any, shift: Any, axis: int) -> Any:
    length = x.dims[axis]
    if isinstance(length, int):
        if length == 0 or shift % length == 0:
            return x
        cut = length - shift % length
    else:
        cut = length - shift if shift > 0 else -shift
    return _concatenate(part(x, axis, cut, length), part(x, axis, 0, cut), axis=axis)


@op
def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Turned by 90 degrees k times, from the first of the two axes towards the second."""
    x = convert_to_tensor(array)
    if x.ndim < 2:
        raise ValueError(
            f"Input array must have at least 2 dimensions. Received: array.ndim={x.ndim}"
        )
    first, second = (normalize_axis(a, x.ndim) for a in axes)
    if first == second:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    k %= 4
    if k == 2:
        return reverse(reverse(x, first), second)
    if k == 1:
        return swapaxes(reverse(x, second), first, second)
    if k == 3:
        return reverse(swapaxes(x, first, second), second)
    return x


@op
def atleast_1d(*xs: Any) -> Any:
    """The tensors with at least one axis."""
    results = [at_least(x, 1) for x in xs]
    return results[0] if len(results) == 1 else results


@op
def atleast_2d(*xs: Any) -> Any:
    """The tensors with at least two axes."""
    results = [at_least(x, 2) for x in xs]
    return results[0] if len(results) == 1 else results


@op
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Axes split, ordered and merged as a pattern says, e.g. `"b (h w) c -> b h w c"` with `h=2`.

    The notation is einops's (https://einops.rocks), without ellipsis.

    Raises:
        ValueError: If the two sides do not name the same axes, or a length cannot be told.
    """
    x = convert_to_tensor(tensor)
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ValueError(f"`pattern` must contain '->'. Received: pattern={pattern}")
    source, target = _groups(left), _groups(right)
    if len(source) != x.ndim:
        raise ValueError(
            f"`pattern` has {len(source)} axes on its left, the tensor has {x.ndim}. Received: "
            f"pattern={pattern}, shape={x.shape}"
        )
    sizes: dict[str, Any] = dict(axes_lengths)
    for group, size in zip(source, x.dims):
        unknown = [name for name in group if name not in sizes]
        known = product(sizes[name] for name in group if name in sizes)
        if len(unknown) > 1:
            raise ValueError(
                f"Give the lengths of all but one of {group}. Received: pattern={pattern}"
            )
        if unknown:
            sizes[unknown[0]] = size if isinstance(known, int) and known == 1 else size // known
    names = [name for group in source for name in group]
    wanted = [name for group in target for name in group]
    if sorted(names) != sorted(wanted):
        raise ValueError(f"Both sides must name the same axes. Received: pattern={pattern}")
    x = _reshape(x, shape=[sizes[name] for name in names])
    x = _permute(x, [names.index(name) for name in wanted])
    return _reshape(x, shape=[product(sizes[name] for name in group) for group in target])


def _groups(side: str) -> list[list[str]]:
    groups: list[list[str]] = []
    inside = False
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            groups.append([])
            inside = True
        elif word == ")":
            inside = False
        elif inside:
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups
