"""`.safetensors`: a JSON header, then tensors one behind the other, mapped into memory.

Tensors have the names that they have in model.json. A whole model has its config in the header's
metadata, as JSON: `addax.model`, and when compiled `addax.compile`; the optimizer's state are the
tensors `optimizer/0`, `optimizer/1`, …
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
from typing import Any

from addax.saving.files import write_file
from addax.saving.json_text import finite, object_from_json, to_json
from addax.saving.weight_names import (
    assign_checked,
    assign_fitting,
    match_by_name,
    named_weights,
)

_MOST_HEADER = 100_000_000
_MODEL, _COMPILE = "addax.model", "addax.compile"
_OPTIMIZER = "optimizer/"
# Name in the file → NumPy's.
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "uint16",  # the upper half of a float32
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
_NAMES = {name: short for short, name in _DTYPES.items() if short != "BF16"}


def save_safetensors(model, path: str) -> None:
    """Writes the weights.

    Raises:
        ValueError: If a weight has a dtype that the file cannot hold.
        OSError: If the file cannot be written; the old one stays as it was.
    """
    _write(path, named_weights(model), {})


def save_safetensors_model(model, path: str, include_optimizer: bool = True) -> None:
    """Writes a whole model: config, weights and the optimizer's state.

    Raises:
        ValueError: If the model has no config, or a weight a dtype that the file cannot hold.
        OSError: If the file cannot be written; the old one stays as it was.
    """
    from addax.saving.serialization import serialize_keras_object

    config = finite(serialize_keras_object(model))
    compile_config = config.pop("compile_config", None)
    metadata = {_MODEL: to_json(config)}
    tensors = named_weights(model)
    if compile_config is not None:
        metadata[_COMPILE] = to_json(compile_config)
        if include_optimizer and model.optimizer is not None:
            slots = enumerate(model.optimizer.variables)
            tensors = [*tensors, *((f"{_OPTIMIZER}{i}", v) for i, v in slots)]
    _write(path, tensors, metadata)


def _write(path: str, tensors: list[tuple[str, Any]], metadata: dict[str, str]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "addax", **metadata}}
    arrays = []
    end = 0
    for name, v in tensors:
        array, dtype = _to_bytes_of(name, v)
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
        arrays.append(array)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)

    def write(file: Any) -> None:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays:
            file.write(array.tobytes())

    write_file(path, write)


def _to_bytes_of(name: str, variable) -> tuple[Any, str]:
    """The array that is written for a variable, and the dtype's name in the file."""
    array = variable.numpy()
    if variable._dtype == "bfloat16":  # NumPy has it as float32, with nothing in the lower half
        return (array.view("uint32") >> 16).astype("uint16"), "BF16"
    if variable._dtype not in _NAMES:
        raise ValueError(
            f"Weight '{name}' is {variable._dtype}, which is not written to this format."
        )
    return array, _NAMES[variable._dtype]


def load_safetensors_model(path: str, custom_objects=None, compile: bool = True):
    """The model of a file that `save_safetensors_model` wrote.

    Raises:
        ValueError: If the file is damaged or holds weights alone.
        TypeError: If it names a class or function that is not known.
    """
    from addax.saving.loading import compile_model, restore_model

    given, metadata = _read(path)
    if _MODEL not in metadata:
        raise ValueError(
            f"'{os.path.basename(path)}' holds weights alone: no `{_MODEL}` is in its metadata. "
            "Load them into a model with `model.load_weights()`."
        )
    model = restore_model(
        _object(metadata, _MODEL), custom_objects, sum(array.size for array in given.values())
    )
    if compile and _COMPILE in metadata:
        compile_model(model, _object(metadata, _COMPILE), custom_objects)
    _take_weights(model, _weights(given))
    if compile and model.optimizer is not None:
        _take_optimizer_state(model.optimizer, given)
    return model


def _object(metadata: dict[str, str], key: str) -> dict[str, Any]:
    return object_from_json(metadata[key], f"`{key}` in the file's metadata")


def load_safetensors(model, path: str, skip_mismatch: bool = False) -> None:
    """Takes weights from a file, by name.

    Raises:
        ValueError: If the file is damaged or does not fit the model.
    """
    given, metadata = _read(path)
    if _MODEL in metadata:
        given = _weights(given)
    if skip_mismatch:
        assign_fitting(model, given)
        return
    _take_weights(model, given)


def _weights(given: dict[str, Any]) -> dict[str, Any]:
    """What is no optimizer's state: no weight's name ends in a number."""
    return {k: v for k, v in given.items() if not _is_slot(k)}


def _is_slot(name: str) -> bool:
    return name.startswith(_OPTIMIZER) and name[len(_OPTIMIZER) :].isdigit()


def _take_weights(model, given: dict[str, Any]) -> None:
    for name, v in match_by_name(model, given):
        assign_checked(name, v, given[name])


def _take_optimizer_state(optimizer, given: dict[str, Any]) -> None:
    slots = [name for name in given if _is_slot(name)]
    if not slots:
        return
    names = [f"{_OPTIMIZER}{i}" for i in range(len(optimizer.variables))]
    if set(slots) != set(names):
        raise ValueError(
            f"The file has {len(slots)} tensors of an optimizer's state; '{optimizer.name}' has "
            f"{len(names)}."
        )
    for name, v in zip(names, optimizer.variables, strict=True):
        assign_checked(name, v, given[name])


def _read(path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors by name, which lie in the mapped file, and the metadata."""
    import numpy as np

    what = os.path.basename(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 2 <= length <= min(_MOST_HEADER, size - 8):
            raise ValueError(f"'{what}' is no safetensors file: its header has no valid length.")
        text = file.read(length)
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    entries, metadata = _header(text, what)
    found: dict[str, Any] = {}
    begin, at = 8 + length, 0
    for name, (dtype, shape, (start, end)) in entries:
        width = np.dtype(_DTYPES[dtype]).itemsize
        if start != at or end - start != math.prod(shape) * width or begin + end > size:
            raise ValueError(f"Tensor '{name[:120]}' in '{what}' has offsets that do not fit.")
        at = end
        stored = "uint8" if dtype == "BOOL" else _DTYPES[dtype]
        array = np.frombuffer(data, f"<{np.dtype(stored).str[1:]}", math.prod(shape), begin + start)
        found[name] = _values(array, dtype).reshape(shape)
    if begin + at != size:
        raise ValueError(
            f"'{what}' has {size - begin} bytes of data; its header accounts for {at}."
        )
    return found, metadata


def _values(array, dtype: str):
    if dtype == "BOOL":
        return array != 0
    return (array.astype("uint32") << 16).view("float32") if dtype == "BF16" else array


def _header(text: bytes, what: str) -> tuple[list[tuple[str, tuple]], dict[str, str]]:
    """(name, (dtype, shape, offsets)) in the order of the data, and the metadata."""
    header = object_from_json(text, f"The header of '{what}'")
    try:
        metadata = header.pop("__metadata__", {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("`__metadata__` must hold strings")
        entries = []
        for name, entry in header.items():
            dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
            if dtype not in _DTYPES:
                raise ValueError(f"the unknown dtype of '{name[:120]}'")
            if not all(type(x) is int and 0 <= x < 2**48 for x in (*shape, *offsets)):
                raise ValueError(f"sizes of '{name[:120]}'")
            if len(offsets) != 2 or len(shape) > 8:
                raise ValueError(f"sizes of '{name[:120]}'")
            entries.append((name, (dtype, tuple(shape), tuple(offsets))))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"The header of '{what}' is malformed: {error}") from error
    return sorted(entries, key=lambda e: e[1][2]), metadata
