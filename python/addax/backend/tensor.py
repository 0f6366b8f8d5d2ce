"""From Python and NumPy values to tensors and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from addax import _core
from addax.backend import config
from addax.backend.dtypes import FLOAT_TYPES, TENSOR_DTYPES, WIDER, promote, standardize_dtype

if TYPE_CHECKING:
    import numpy as np

Tensor = _core.Tensor
Dim = _core.Dim

_cast = _core.op("cast")
_dimension = _core.op("dimension")

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
# The ends of the integer dtypes.
RANGE = {
    "uint8": (0, 255),
    "int32": (_INT32_MIN, _INT32_MAX),
    "int64": (-(2**63), 2**63 - 1),
}
_SCALARS_KEPT = 512
_scalars: dict[tuple[Any, str], Any] = {}


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor of this library (not a Variable, KerasTensor or NumPy array)."""
    return isinstance(x, Tensor)


def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Any:
    """A tensor with the values of a number, array, (nested) list, Variable or tensor.

    Args:
        x: The value. NumPy arrays keep their dtype (8- and 16-bit integers widen to int32, unsigned
            ones to the next that holds them); Python floats become `floatx()`, ints int32 (int64 if
            they need it).
        dtype: Dtype of the result; `None` as above.
        sparse, ragged: Kept for Keras's signature; the result is dense.

    Raises:
        ValueError: If the list is ragged, the values are no numbers, or it is a KerasTensor.
    """
    if type(x) is Tensor:
        if dtype is None or x.dtype == dtype:
            return x
        return cast(x, dtype)
    return _convert(x, None if dtype is None else standardize_dtype(dtype))


def _convert(x: Any, dtype: str | None) -> Any:
    if isinstance(x, (bool, int, float)):
        return scalar(x, dtype or _dtype_of_number(x))
    as_tensor = getattr(x, "__addax_tensor__", None)
    if as_tensor is not None:
        return convert_to_tensor(as_tensor(), dtype)
    if isinstance(x, Tensor):
        return x if dtype is None or x.dtype == dtype else _cast(x, dtype=dtype)
    if isinstance(x, Dim):
        return dimension(x, dtype or "int32")
    if isinstance(x, (list, tuple)) and _holds_tensor(x):
        return _stack(x, dtype)
    return from_array(to_array(x), dtype)


def _dtype_of_number(x: bool | int | float) -> str:
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, float):
        return config.floatx()
    return "int32" if _INT32_MIN <= x <= _INT32_MAX else "int64"


def scalar(value: bool | int | float, dtype: str) -> Any:
    """A rank-0 tensor of a Python number; often used ones are kept.

    Raises:
        OverflowError: If an integer is beyond the dtype.
    """
    # 0.0 and -0.0 are equal as keys but not as values.
    key = (value, dtype) if value else (str(value), dtype)
    kept = _scalars.get(key)
    if kept is not None:
        return kept
    tensor = _core.scalar(_number(value, dtype), dtype)
    if len(_scalars) >= _SCALARS_KEPT:
        _scalars.clear()
    _scalars[key] = tensor
    return tensor


def _number(value: bool | int | float, dtype: str) -> float | int | bool:
    if dtype in FLOAT_TYPES:
        return float(value)
    if dtype == "bool":
        return bool(value)
    number = int(value)
    low, high = RANGE[dtype]
    if not low <= number <= high:
        raise OverflowError(f"Python integer {value} is out of bounds for {dtype}")
    return number


def dimension(size: Any, dtype: str) -> Any:
    """A dimension (int or Dim) as a rank-0 tensor."""
    if isinstance(size, Dim):
        return _dimension(size=size, dtype=dtype)
    return scalar(int(size), dtype)


def to_array(x: Any) -> np.ndarray:
    """A NumPy array of a list, a pandas object, a torch tensor or anything with `__array__`.

    Python floats in lists give `floatx()`, ints int32 where they fit.
    """
    import numpy as np

    if isinstance(x, np.ndarray):
        return x
    if hasattr(x, "detach") and hasattr(x, "cpu"):
        return x.detach().cpu().numpy()
    if hasattr(x, "to_numpy"):
        return x.to_numpy()
    array = np.asarray(x)
    if isinstance(x, (list, tuple)):
        first = x
        while isinstance(first, (list, tuple)) and first:
            first = first[0]
        if array.dtype == np.float64 and isinstance(first, (float, int, list, tuple)):
            floatx = config.floatx()
            return array.astype("float32" if floatx == "bfloat16" else floatx)
        whole = array.dtype == np.int64 and isinstance(first, int)
        if whole and array.min() >= _INT32_MIN and array.max() <= _INT32_MAX:
            return array.astype(np.int32)
    return array


def from_array(array: np.ndarray, dtype: str | None = None) -> Any:
    """A tensor with a copy of a NumPy array's values."""
    name = array.dtype.name
    if name not in TENSOR_DTYPES:
        if name not in WIDER:
            raise ValueError(
                f"Invalid dtype: {array.dtype}. Tensors hold numbers and booleans; "
                "give an array of one of the dtypes " + ", ".join(sorted(TENSOR_DTYPES)) + "."
            )
        name = WIDER[name]
        array = array.astype(name)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    tensor = _core.tensor(array)
    return tensor if dtype is None or dtype == name else _cast(tensor, dtype=dtype)


def _holds_tensor(x: Any) -> bool:
    return any(
        isinstance(item, (Tensor, Dim))
        or hasattr(item, "__addax_tensor__")
        or (isinstance(item, (list, tuple)) and _holds_tensor(item))
        for item in x
    )


def _stack(x: Any, dtype: str | None) -> Any:
    from addax import ops

    rows = [_convert(item, dtype) for item in x]
    if dtype is None:
        dtype = promote(*(weak_dtype(item, row) for item, row in zip(x, rows)))
    return ops.stack([cast(row, dtype) for row in rows])


def weak_dtype(x: Any, tensor: Any) -> str:
    """The dtype that `x` takes part in promotion with: weak for Python numbers and dimensions."""
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, (int, Dim)):
        return "int"
    return "float" if isinstance(x, float) else tensor.dtype


def convert_to_numpy(x: Any) -> np.ndarray:
    """A NumPy array of a tensor, Variable, number, list or array.

    Raises:
        ValueError: If it is symbolic.
    """
    import numpy as np

    if isinstance(x, Tensor):
        return x.numpy()
    if isinstance(x, (list, tuple)) and _holds_tensor(x):
        return np.array([convert_to_numpy(item) for item in x])
    return np.asarray(x)


def cast(x: Any, dtype: Any) -> Any:
    """A tensor with the values in another dtype; itself if it already has it."""
    dtype = standardize_dtype(dtype)
    if type(x) is not Tensor:
        return _convert(x, dtype)
    if x.dtype == dtype:
        return x
    return _cast(x, dtype=WIDER.get(dtype, dtype))


def promote_tensors(*values: Any) -> list:
    """The values as tensors of the one dtype that they promote to."""
    names = []
    for value in values:
        if isinstance(value, bool):
            names.append("bool")
        elif isinstance(value, (int, Dim)):
            names.append("int")
        elif isinstance(value, float):
            names.append("float")
        else:
            names.append("")
    tensors = [value if name else convert_to_tensor(value) for value, name in zip(values, names)]
    dtype = promote(*(name or tensor.dtype for tensor, name in zip(tensors, names)))
    return [cast(tensor, dtype) for tensor in tensors]
