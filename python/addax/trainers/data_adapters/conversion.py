"""From what people pass as data to NumPy arrays that the core reads as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from addax.backend import config
from addax.backend.tensor import Tensor

_KEPT = {"float32", "int32", "int64", "uint8", "bool"}
_READY = frozenset(np.dtype(name) for name in _KEPT)
_WIDER = {
    "int8": "int32",
    "int16": "int32",
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
}


def target_dtype(array: np.ndarray, name: str) -> np.dtype:
    """The dtype in which an array reaches the model: floating point becomes `floatx()`, integers
    stay or widen.

    Raises:
        ValueError: If the array holds no numbers.
    """
    dtype = array.dtype
    if dtype.kind == "f":
        floatx = config.floatx()
        if floatx == "bfloat16":  # NumPy has no such type: the model casts
            floatx = "float32"
        return np.dtype(floatx)
    if dtype.name in _KEPT:
        return dtype.newbyteorder("=")
    if dtype.name in _WIDER:
        return np.dtype(_WIDER[dtype.name])
    advice = ""
    if dtype.kind == "O":
        advice = (
            " Rows of different lengths make such an array; pad them, e.g. with `pad_sequences`."
        )
    raise ValueError(
        f"Invalid dtype: {dtype.name}. The array of `{name}`, of shape {array.shape}, must hold "
        f"numbers.{advice}"
    )


def is_ready(x: Any) -> bool:
    """Whether it is an array of samples, at least one, that the core takes as it is."""
    if type(x) is not np.ndarray or not x.ndim or not x.shape[0] or not x.flags.c_contiguous:
        return False
    return x.dtype in _READY and (x.dtype.kind != "f" or config.floatx() == "float32")


def is_array(x: Any) -> bool:
    """Whether it is an array of any library: NumPy, pandas, PyTorch, this one."""
    if isinstance(x, (np.ndarray, Tensor)):
        return True
    if isinstance(x, (list, tuple, dict, str, bytes, type)):
        return False
    return hasattr(x, "shape") and (hasattr(x, "__array__") or hasattr(x, "__addax_tensor__"))


def to_array(x: Any, name: str) -> np.ndarray:
    """A NumPy array with the values of an array of any library, without a copy where the library
    can.

    A pandas Series becomes a column.
    """
    if isinstance(x, np.ndarray):
        return np.asarray(x)  # a memory map, too, becomes a plain view
    if isinstance(x, Tensor):
        return x.numpy()
    if hasattr(x, "iloc"):
        return _from_pandas(x)
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":
            x = x.float()
        return x.numpy()
    if hasattr(x, "__addax_tensor__"):
        return x.__addax_tensor__().numpy()
    array = np.asarray(x)
    if array.dtype.kind == "O" and array.ndim == 0:
        raise ValueError(f"Unrecognized data type: {name}={x} (of type {type(x)})")
    return array


def _from_pandas(x: Any) -> np.ndarray:
    array = x.to_numpy()
    if array.dtype.kind == "O":  # columns of several types, or nullable ones
        try:
            array = x.to_numpy(dtype=config.floatx())
        except (TypeError, ValueError):
            return array
    return array[:, None] if array.ndim == 1 else array


def to_arrays(data: Any, name: str) -> Any:
    """The same nesting with NumPy arrays; a (nested) list of numbers is one array.

    Raises:
        ValueError: If a list is ragged or something is no array.
    """
    if data is None or is_array(data):
        return None if data is None else to_array(data, name)
    if isinstance(data, dict):
        return {key: to_arrays(value, name) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        if _is_list_of_numbers(data):
            return _from_numbers(data, name)
        parts = [to_arrays(value, name) for value in data]
        if hasattr(data, "_fields"):
            return type(data)(*parts)
        return parts if isinstance(data, list) else tuple(parts)
    raise ValueError(f"Unrecognized data type: {name}={data} (of type {type(data)})")


def _is_list_of_numbers(data: Any) -> bool:
    while isinstance(data, (list, tuple)):
        if not data:
            return True
        data = data[0]
    return isinstance(data, (bool, int, float, str, bytes, np.generic))


def _from_numbers(data: Any, name: str) -> np.ndarray:
    try:
        array = np.array(data)
    except ValueError as e:
        raise ValueError(
            f"`{name}` is a list whose rows have different lengths, which no array can hold ({e}). "
            "Pad the rows, e.g. with `pad_sequences`."
        ) from e
    return array


def to_batch(data: Any, name: str) -> Any:
    """The nesting of a batch with arrays of the model's dtypes, contiguous."""
    if isinstance(data, np.ndarray):
        if data.dtype == np.float32 and config.floatx() == "float32" and data.flags.c_contiguous:
            return np.asarray(data)
        return np.ascontiguousarray(data, dtype=target_dtype(data, name))
    if isinstance(data, Tensor) or data is None:
        return data
    if isinstance(data, dict):
        return {key: to_batch(value, name) for key, value in data.items()}
    if isinstance(data, (list, tuple)) and not _is_list_of_numbers(data):
        parts = [to_batch(value, name) for value in data]
        return parts if isinstance(data, list) else tuple(parts)
    if isinstance(data, (bool, int, float, np.generic)):
        return to_batch(np.asarray(data), name)
    return to_batch(to_arrays(data, name), name)
