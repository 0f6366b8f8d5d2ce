"""The axis arguments of the normalization layers."""

from __future__ import annotations

from addax.layers.arguments import as_integer


def normalize_axes(axis, rank: int, layer: str) -> tuple[int, ...]:
    """Returns axes as ascending non-negative ints; ValueError if one is no axis or given twice."""
    entries = tuple(axis) if isinstance(axis, list | tuple) else (axis,)
    axes = []
    for entry in entries:
        number = as_integer(entry)
        if number is None or not -rank <= number < rank:
            raise ValueError(
                f"{layer}: `axis` must name axes of the inputs, which have rank {rank}. "
                f"Received: axis={axis}"
            )
        axes.append(number % rank)
    if not axes:
        raise ValueError(f"{layer}: `axis` must name at least one axis. Received: axis={axis}")
    if len(set(axes)) != len(axes):
        raise ValueError(f"{layer}: `axis` names an axis twice. Received: axis={axis}")
    return tuple(sorted(axes))


def axes_argument(axis, message: str):
    """Returns an int unchanged and a list or tuple of ints as a list; else TypeError(`message`)."""
    if isinstance(axis, list | tuple) and all(as_integer(entry) is not None for entry in axis):
        return [as_integer(entry) for entry in axis]
    number = as_integer(axis)
    if number is None:
        raise TypeError(message)
    return number


def known_sizes(input_shape, axes: tuple[int, ...], layer: str) -> tuple[int, ...]:
    """The lengths of the axes; ValueError if one is unknown."""
    for axis in axes:
        if input_shape[axis] is None:
            raise ValueError(
                f"Axis {axis} of input tensor should have a defined dimension but the layer "
                f"'{layer}' received an input with shape {tuple(input_shape)}."
            )
    return tuple(input_shape[axis] for axis in axes)


def wide_dtype(dtype: str) -> str:
    """The dtype in which statistics are computed: float32, or float64 for float64."""
    return dtype if dtype == "float64" else "float32"
