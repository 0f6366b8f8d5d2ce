"""Names of dtypes, and which dtype two of them meet in.

Promotion follows JAX (https://docs.jax.dev/en/latest/type_promotion.html), as Keras's does: Python
numbers are weak, an integer and a float give the float.
"""

from __future__ import annotations

import functools

from addax.backend import config

FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
INT_TYPES = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
ALLOWED_DTYPES = frozenset((*FLOAT_TYPES, *INT_TYPES, "bool", "string"))

# The dtypes that tensors have; arrays of the others are widened to the first that holds all their
# values.
TENSOR_DTYPES = frozenset(
    ("bfloat16", "float16", "float32", "float64", "uint8", "int32", "int64", "bool")
)
WIDER = {"int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64", "uint64": "int64"}

# Edges of JAX's lattice; "int" and "float" are the weak types of Python numbers.
_NEXT = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64",),
    "float64": (),
}

_NAMES = {name: name for name in ALLOWED_DTYPES}


def standardize_dtype(dtype: object) -> str:
    """The name of a dtype: `"float32"` for `"float32"`, `np.float32`, `np.dtype("float32")`,
    `None` is `floatx()`.

    Raises:
        ValueError: If it is not a dtype.
    """
    if type(dtype) is str:
        name = _NAMES.get(dtype)
        if name is not None:
            return name
    return _standardize_other(dtype)


def _standardize_other(dtype: object) -> str:
    if dtype is None:
        return config.floatx()
    if dtype is bool:
        return "bool"
    # NumPy's int64 dtype equals the string "int": only strings are compared.
    if dtype is int or (isinstance(dtype, str) and dtype == "int"):
        return "int32"
    if dtype is float or (isinstance(dtype, str) and dtype == "float"):
        return config.floatx()
    if dtype is str:
        return "string"
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    name = {"bool_": "bool", "str_": "string", "str": "string"}.get(name, name)
    name = name.removeprefix("torch.")
    if name not in ALLOWED_DTYPES:
        raise ValueError(f"Invalid dtype: {dtype}")
    return name


def numpy_dtype(name: str) -> str:
    """The dtype of the arrays for a tensor: NumPy has no bfloat16, float32 holds its values."""
    return "float32" if name == "bfloat16" else name


def is_float_dtype(dtype: object) -> bool:
    """Whether the dtype is a floating-point type."""
    return standardize_dtype(dtype) in FLOAT_TYPES


def is_int_dtype(dtype: object) -> bool:
    """Whether the dtype is an integer type (bool is not)."""
    return standardize_dtype(dtype) in INT_TYPES


def result_type(*dtypes: object) -> str:
    """The dtype that values of the given dtypes meet in.

    `int` and `float` (the Python types, or their names) are weak: they only decide between kinds.
    """
    if not dtypes:
        return config.floatx()
    return promote(*(_weak_or_name(dtype) for dtype in dtypes))


def promote(*names: str) -> str:
    """`result_type` for names, where "int" and "float" are weak."""
    if len(names) == 2 and names[0] == names[1] and names[0] in FLOAT_TYPES:
        return names[0]
    joined = _join(frozenset(names))
    if joined == "int":
        return "int32"
    return config.floatx() if joined == "float" else joined


def _weak_or_name(dtype: object) -> str:
    if dtype is int or dtype == "int":
        return "int"
    if dtype is float or dtype == "float":
        return "float"
    return standardize_dtype(dtype)


def _upper_bounds(name: str) -> frozenset[str]:
    bounds, todo = {name}, [name]
    while todo:
        for above in _NEXT[todo.pop()]:
            if above not in bounds:
                bounds.add(above)
                todo.append(above)
    return frozenset(bounds)


@functools.cache
def _join(names: frozenset[str]) -> str:
    unknown = [name for name in names if name not in _NEXT]
    if unknown:
        raise ValueError(f"No implicit promotion is defined for dtypes {sorted(names)}.")
    common = frozenset.intersection(*(_upper_bounds(name) for name in names))
    least = next(name for name in common if _upper_bounds(name) == common)
    return WIDER.get(least, least)


def as_float(name: str) -> str:
    """The dtype of a result that cannot be an integer: floats stay, others become `floatx()`."""
    return name if name in FLOAT_TYPES else config.floatx()
