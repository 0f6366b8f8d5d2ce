"""Where the files of the data sets come from, and how they are read without running code."""

from __future__ import annotations

import os
import pickle
from typing import Any

TF_KERAS_DATASETS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

# All that a pickled NumPy array needs; NumPy 2 has moved the first.
_ARRAY_PARTS = {
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads pickles of numbers, strings, containers and NumPy arrays, and refuses everything
    else.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1_bytes
        if (module, name) in _ARRAY_PARTS:
            import numpy as np

            if name == "_reconstruct":
                return np.empty(0).__reduce__()[0]
            return getattr(np, name)
        raise pickle.UnpicklingError(
            f"Refusing to deserialize `{module}.{name}` while loading a Keras dataset. "
            "The file may be corrupted or malicious."
        )


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Bytes, as Python 3 writes them for old readers."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"Refusing to decode `{encoding}` in a Keras dataset.")
    return text.encode("latin1")


def fetch(path: str, origin: str, file_hash: str) -> str:
    """A local file if `path` names a folder or file that is there, else the cached (or downloaded)
    file of that name.
    """
    path = os.path.expanduser(os.fspath(path))
    if os.path.dirname(path):
        if not os.path.isfile(path):
            raise FileNotFoundError(f"File not found: path={path}")
        return path
    from addax.utils.file_utils import get_file

    return get_file(path, origin=origin, file_hash=file_hash)


def load_object_arrays(path: str, names: tuple[str, ...]) -> list:
    """Arrays of an `.npz` file; those of Python lists are read with `ArrayUnpickler`.

    Raises:
        UnpicklingError: If a pickle holds anything but lists, numbers and arrays.
        KeyError: If an array is missing.
    """
    import zipfile

    import numpy as np

    arrays = []
    with zipfile.ZipFile(path) as archive:
        for name in names:
            with archive.open(name + ".npy") as member:
                version = np.lib.format.read_magic(member)
                read_header = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }.get(version)
                if read_header is None:
                    raise ValueError(f"Unsupported `.npy` file version: {version}.")
                _, _, dtype = read_header(member)
                if dtype.hasobject:
                    arrays.append(ArrayUnpickler(member, encoding="latin1").load())
                    continue
            with archive.open(name + ".npy") as member:
                arrays.append(np.lib.format.read_array(member, allow_pickle=False))
    return arrays


def permutation(n: int, seed: int) -> Any:
    """Order of `n` samples under a seed, that of NumPy's legacy generator as in Keras."""
    import numpy as np

    indices = np.arange(n)
    np.random.RandomState(seed).shuffle(indices)
    return indices


def split(x: Any, y: Any, test_split: float, seed: int) -> tuple:
    """Shuffles, then cuts into `(x_train, y_train), (x_test, y_test)`.

    Raises:
        ValueError: If `test_split` is not in [0, 1).
    """
    if not 0 <= test_split < 1:
        raise ValueError(
            f"Invalid `test_split` argument: {test_split}. It must be between 0 and 1 (exclusive "
            "of 1)."
        )
    order = permutation(len(x), seed)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
