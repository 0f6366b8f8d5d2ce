"""Arithmetic, comparison and indexing operators of tensors, KerasTensors and Variables: one
table for all three.

Two tensors of one dtype, or a tensor and a Python number of its kind, go straight to the core;
everything else (promotion, NumPy arrays, KerasTensors) goes through the function in `addax.ops`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from addax import _core
from addax.backend.dtypes import FLOAT_TYPES
from addax.backend.keras_tensor import KerasTensor
from addax.backend.tensor import Tensor, scalar
from addax.backend.variable import Variable

_FLOATS = frozenset(FLOAT_TYPES)
_NUMBERS = _FLOATS | {"int32", "int64", "uint8"}

# operator: (function in addax.ops, operation of the core, dtypes for which the two are the same
# thing)
_ARITHMETIC: dict[str, tuple[str, str, frozenset[str]]] = {
    "add": ("add", "add", _NUMBERS),
    "sub": ("subtract", "subtract", _NUMBERS),
    "mul": ("multiply", "multiply", _NUMBERS),
    "truediv": ("true_divide", "divide", _FLOATS),
    "floordiv": ("floor_divide", "floor_divide", _NUMBERS),
    "mod": ("mod", "mod", _NUMBERS),
    "pow": ("power", "power", _FLOATS),
    "and": ("bitwise_and", "bitwise_and", frozenset()),
    "or": ("bitwise_or", "bitwise_or", frozenset()),
    "xor": ("bitwise_xor", "bitwise_xor", frozenset()),
    "lshift": ("left_shift", "left_shift", frozenset()),
    "rshift": ("right_shift", "right_shift", frozenset()),
}
_COMPARISON = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}


def _not_a_value(x: Any) -> bool:
    return x is None or isinstance(x, (str, bytes, dict, set))


def _through_ops(name: str, reflected: bool = False) -> Callable:
    """The operator that calls `addax.ops.<name>`, whatever the operands are."""
    function: Any = None

    def operator(self: Any, other: Any) -> Any:
        nonlocal function
        if _not_a_value(other):
            return NotImplemented
        if function is None:
            from addax import ops

            function = getattr(ops, name)
        return function(other, self) if reflected else function(self, other)

    return operator


def _straight(name: str, core_name: str, dtypes: frozenset[str], reflected: bool) -> Callable:
    """The operator of tensors: to the core at once where nothing has to be promoted."""
    run = _core.op(core_name)
    general = _through_ops(name, reflected)

    def operator(self: Any, other: Any) -> Any:
        dtype = self.dtype
        if dtype in dtypes:
            kind = type(other)
            if kind is Variable:
                other = other.value
                kind = Tensor
            if kind is Tensor:
                if other.dtype == dtype:
                    return run(other, self) if reflected else run(self, other)
            elif (kind is float and dtype in _FLOATS) or kind is int:
                number = scalar(other, dtype)
                return run(number, self) if reflected else run(self, number)
        return general(self, other)

    return operator


def _of_value(operator: Callable) -> Callable:
    """The operator of tensors, for Variables."""

    def of_value(self: Any, other: Any) -> Any:
        return operator(self.value, other)

    return of_value


def _matmul(self: Any, other: Any) -> Any:
    if type(other) is Tensor and self.ndim >= 2 and other.ndim >= 2:
        dtype = self.dtype
        if dtype == other.dtype and dtype in ("float32", "float64"):
            return _core_matmul(self, other, transpose_a=False, transpose_b=False)
    return _general_matmul(self, other)


_core_matmul = _core.op("matmul")
_general_matmul = _through_ops("matmul")


def _unary(name: str) -> Callable:
    def operator(self: Any) -> Any:
        from addax import ops

        return getattr(ops, name)(self)

    return operator


def _get_item(self: Any, key: Any) -> Any:
    from addax import ops

    return ops.get_item(self, key)


def _iterate(self: Any) -> Iterator:
    length = len(self)
    return (self[i] for i in range(length))


def _round(self: Any, ndigits: int | None = None) -> Any:
    from addax import ops

    return ops.round(self, decimals=ndigits or 0)


def _representation(self: Any) -> str:
    if self.symbolic:
        return f"<Tensor shape={self.shape}, dtype={self.dtype}, symbolic>"
    import numpy as np

    values = np.array2string(_printable(self), separator=", ")
    if "\n" in values:
        values = "\n" + values
    return f"<Tensor shape={self.shape}, dtype={self.dtype}, values={values}>"


def _printable(tensor: Any) -> Any:
    if tensor.dtype == "bfloat16":
        from addax.backend.tensor import cast

        return cast(tensor, "float32").numpy()
    return tensor.numpy()


def _reduce(self: Any) -> tuple:
    from addax.backend.tensor import convert_to_tensor

    return convert_to_tensor, (_printable(self), self.dtype)


def _reshape(self: Any, *newshape: Any) -> Any:
    from addax import ops

    if len(newshape) == 1 and isinstance(newshape[0], (tuple, list)):
        newshape = tuple(newshape[0])
    return ops.reshape(self, newshape)


def _format(self: Any, specification: str) -> str:
    """A scalar as its number: `f"{loss:.4f}"`."""
    if not specification:
        return str(self)
    if self.ndim:
        raise TypeError(
            f"Only a scalar takes the format '{specification}'. Received: shape={self.shape}"
        )
    return format(self.item(), specification)


def _operators_of(kind: Any) -> dict[str, Any]:
    """The special methods of one of the three classes."""
    methods: dict[str, Any] = {
        "__hash__": object.__hash__,
        "__matmul__": _matmul if kind is Tensor else _general_matmul,
        "__rmatmul__": _through_ops("matmul", reflected=True),
        "__neg__": _unary("negative"),
        "__abs__": _unary("absolute"),
        "__invert__": _unary("bitwise_not"),
        "__pos__": lambda self: self,
        "__round__": _round,
        "__getitem__": _get_item,
    }
    if kind is not KerasTensor:
        methods["__format__"] = _format
    for operator, (name, core_name, dtypes) in _ARITHMETIC.items():
        for prefix, reflected in (("", False), ("r", True)):
            if kind is KerasTensor:
                function = _through_ops(name, reflected)
            else:
                function = _straight(name, core_name, dtypes, reflected)
            methods[f"__{prefix}{operator}__"] = (
                _of_value(function) if kind is Variable else function
            )
    for operator, name in _COMPARISON.items():
        # KerasTensors are looked for in lists (`x in inputs`): equality stays identity (Keras).
        if kind is not KerasTensor or operator != "eq":
            methods[f"__{operator}__"] = _through_ops(name)
    if kind is Tensor:
        methods |= {
            "__iter__": _iterate,
            "__repr__": _representation,
            "__reduce__": _reduce,
            "__array_priority__": 100,
            "__module__": "addax",
            "T": property(_unary("transpose")),
            "reshape": _reshape,
        }
    return methods


for _kind in (Tensor, KerasTensor, Variable):
    for _name, _method in _operators_of(_kind).items():
        setattr(_kind, _name, _method)
