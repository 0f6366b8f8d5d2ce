"""What every function of `addax.ops` goes through: KerasTensors become a node of a functional
model, the rest is computed."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar

from addax import _core
from addax.backend.dtypes import FLOAT_TYPES, as_float, promote
from addax.backend.keras_tensor import KerasTensor, any_symbolic
from addax.backend.tensor import (
    Dim,
    Tensor,
    cast,
    convert_to_tensor,
    dimension,
    promote_tensors,
    scalar,
)

F = TypeVar("F", bound=Callable)

_MAY_HOLD = (KerasTensor, list, tuple, dict)


def op(function: F | None = None, *, name: str | None = None) -> Any:
    """Decorator of a public function: called with a KerasTensor anywhere, it becomes a
    `FunctionOperation`.

    Args:
        function: The function of tensors.
        name: Its name below `addax.ops`, where that is not the function's own (`image.resize`).
    """
    if function is None:
        return functools.partial(op, name=name)
    public_name = name or function.__name__

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for arg in args:
            if isinstance(arg, _MAY_HOLD) and any_symbolic((arg,)):
                return _symbolic(public_name, call, args, kwargs)
        if kwargs and any_symbolic((), kwargs):
            return _symbolic(public_name, call, args, kwargs)
        return function(*args, **kwargs)

    return call


def _symbolic(name: str, call: Callable, args: tuple, kwargs: dict) -> Any:
    from addax.ops.operation import FunctionOperation

    return FunctionOperation(name, call).symbolic_call(*args, **kwargs)


@functools.cache
def core(name: str) -> Callable:
    """The operation of the core with that name."""
    return _core.op(name)


# Arguments


def float_tensor(x: Any) -> Any:
    """A tensor of a floating-point dtype: integers and booleans become `floatx()`."""
    x = convert_to_tensor(x)
    dtype = x.dtype
    return x if dtype in FLOAT_TYPES else cast(x, as_float(dtype))


def number_tensor(x: Any) -> Any:
    """A tensor that can be counted with: booleans become int32."""
    x = convert_to_tensor(x)
    return cast(x, "int32") if x.dtype == "bool" else x


def is_float(x: Any) -> bool:
    return x.dtype in FLOAT_TYPES


def two(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two tensors of the dtype that the arguments promote to."""
    if type(x1) is Tensor:
        if type(x2) is Tensor:
            if x1.dtype == x2.dtype:
                return x1, x2
        elif type(x2) is float and x1.dtype in FLOAT_TYPES:
            return x1, scalar(x2, x1.dtype)
    a, b = promote_tensors(x1, x2)
    return a, b


def two_floats(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Two tensors of the floating-point dtype that the arguments promote to."""
    a, b = two(x1, x2)
    if is_float(a):
        return a, b
    dtype = promote(a.dtype, "float")
    return cast(a, dtype), cast(b, dtype)


def normalize_axis(axis: Any, rank: int, what: str = "axis") -> int:
    """The axis counted from the front.

    Raises:
        ValueError: If there is no such axis.
    """
    number = operator.index(axis)
    if not -rank <= number < rank:
        raise ValueError(
            f"Invalid `{what}` argument: {axis}. It must be in the range [-{rank}, {rank}) for a "
            f"tensor of rank {rank}."
        )
    return number + rank if number < 0 else number


def normalize_axes(axis: Any, rank: int) -> list[int]:
    """One axis, several, or `None` for all, as a list counted from the front.

    Raises:
        ValueError: If one does not exist or stands twice.
    """
    if axis is None:
        return list(range(rank))
    if not isinstance(axis, (list, tuple)):
        return [normalize_axis(axis, rank)]
    axes = [normalize_axis(a, rank) for a in axis]
    if len(set(axes)) != len(axes):
        raise ValueError(f"Duplicate value in `axis`. Received: axis={axis}")
    return axes


def as_dims(shape: Any) -> list:
    """A shape given by a caller: ints, Dims, rank-0 integer tensors or arrays; also one tensor or
    array of all sizes.

    Raises:
        TypeError: If a size is none of them.
    """
    if isinstance(shape, (int, Dim)):
        return [shape]
    if isinstance(shape, Tensor):
        shape = shape.numpy().tolist()
        return shape if isinstance(shape, list) else [shape]
    return [size if isinstance(size, (int, Dim)) else _size(size, shape) for size in shape]


def _size(size: Any, shape: Any) -> int:
    index = getattr(size, "__index__", None)
    if index is None:
        raise TypeError(
            f"Sizes are whole numbers or dimensions. Received: {size!r} in the shape {shape!r}. "
            "For a size that is not known use `ops.shape(x)[axis]` or, once, -1 in `reshape`."
        )
    return index()


def known_size(size: Any) -> int | None:
    """The size as a number, `None` if it is not known."""
    return None if isinstance(size, Dim) else int(size)


def product(sizes: Any) -> Any:
    result: Any = 1
    for size in sizes:
        result = size if isinstance(result, int) and result == 1 else result * size
    return result


def value_like(value: Any, x: Any) -> Any:
    """A Python number or dimension as a rank-0 tensor of x's dtype."""
    return dimension(value, x.dtype) if isinstance(value, Dim) else scalar(value, x.dtype)


def require_concrete(name: str, *tensors: Any) -> None:
    """Checks that the values are there: some functions have results whose shape depends on them.

    Raises:
        ValueError: If one is symbolic.
    """
    for x in tensors:
        if isinstance(x, Tensor) and x.symbolic:
            raise ValueError(
                f"`ops.{name}` needs the values of its arguments, which are not known while a "
                f"program is recorded "
                "(inside `fit`, `predict`, a compiled function or a functional model). Call it "
                "outside, on concrete tensors."
            )
