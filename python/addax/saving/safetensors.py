"""`.safetensors`: a JSON header, then tensors one behind the other."""

from __future__ import annotations

import json
import math
import os
import struct
import warnings
from typing import Any

from addax.saving.hdf5 import write_file
from addax.saving.weight_names import assign_checked, match_by_name, named_weights

_MOST_HEADER = 100_000_000
_NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "uint8": "U8",
    "bool": "BOOL",
}
_DTYPES = {short: name for name, short in _NAMES.items()}


def save_safetensors(model: Any, path: str) -> None:
    """Writes the weights under the names that they have in model.json.

    Raises:
        ValueError: If a weight has a dtype that the file cannot hold.
        OSError: If the file cannot be written; the old one stays as it was.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "addax"}}
    arrays = []
    end = 0
    for name, v in named_weights(model):
        if v._dtype not in _NAMES:
            raise ValueError(f"Weight '{name}' is {v._dtype}, which is not written to this format.")
        array = v.numpy()
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[v._dtype],
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


def load_safetensors(model: Any, path: str, skip_mismatch: bool = False) -> None:
    """Takes weights from a file, by name.

    Raises:
        ValueError: If the file is damaged or does not fit the model.
    """
    given = _read(path)
    if skip_mismatch:
        for name, v in named_weights(model):
            if name in given and given[name].shape == tuple(v.shape):
                v.assign(given[name])
            else:
                text = f"Weight '{name}' is left as it is: the file has none that fits."
                warnings.warn(text, stacklevel=4)
        return
    pairs = match_by_name(model, given)
    for name, v in pairs:
        assign_checked(name, v, given[name])


def _read(path: str) -> dict[str, Any]:
    import numpy as np

    what = os.path.basename(path)
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        first = file.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
        if not 2 <= length <= min(_MOST_HEADER, size - 8):
            raise ValueError(f"'{what}' is no safetensors file: its header has no valid length.")
        text = file.read(length)
        data = file.read()
    entries = _header(text, what)
    found: dict[str, Any] = {}
    at = 0
    for name, entry in entries:
        dtype, shape, (start, end) = entry
        count = math.prod(shape)
        if start != at or end - start != count * np.dtype(dtype).itemsize or end > len(data):
            raise ValueError(f"Tensor '{name[:120]}' in '{what}' has offsets that do not fit.")
        at = end
        array = np.frombuffer(data[start:end], dtype="uint8" if dtype == "bool" else dtype)
        found[name] = (array != 0 if dtype == "bool" else array).reshape(shape)
    if at != len(data):
        raise ValueError(f"'{what}' has {len(data)} bytes of data; its header accounts for {at}.")
    return found


def _header(text: bytes, what: str) -> list[tuple[str, tuple]]:
    from addax.saving.keras_zip import _unique_keys

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_keys)
        if not isinstance(header, dict):
            raise ValueError("no object")
        entries = []
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            dtype, shape, offsets = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
            if not all(type(x) is int and 0 <= x < 2**48 for x in (*shape, *offsets)):
                raise ValueError(f"sizes of '{name[:120]}'")
            if len(offsets) != 2 or len(shape) > 8:
                raise ValueError(f"sizes of '{name[:120]}'")
            entries.append((name, (dtype, tuple(shape), tuple(offsets))))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"The header of '{what}' is malformed: {error}") from error
    return sorted(entries, key=lambda e: e[1][2])
