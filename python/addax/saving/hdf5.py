"""HDF5 behind guards: hard links only, no data outside the file, no more data than the file has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Deflate cannot compress better than 1032 to 1.
MOST_COMPRESSED = 1032
_DEEPEST = 64


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "Reading and writing `.h5` and `.keras` files needs h5py. Install it with "
            "`pip install addax[h5]`."
        ) from error
    return h5py


@contextmanager
def opened(file: Any, what: str) -> Iterator[Any]:
    """An HDF5 file (path or file object) open for reading.

    Raises:
        ValueError: If it is no HDF5 file, or damaged.
    """
    h5py = _h5py()
    try:
        with h5py.File(file, "r") as h5:
            yield h5
    except OSError as error:
        if error.errno is not None:  # the system's own: permissions, a missing file
            raise
        raise ValueError(f"'{what}' is no readable HDF5 file: {error}") from error
    except (KeyError, RuntimeError, AttributeError, OverflowError, MemoryError) as error:
        raise ValueError(f"'{what}' is damaged: {type(error).__name__}: {error}") from error


def write_h5(file: Any, fill: Callable[[Any], None]) -> None:
    """Fills a new HDF5 file that is written to a file object."""
    with _h5py().File(file, "w") as h5:
        fill(h5)


def child(group, name: str):
    """The group or dataset of that name; `None` if there is none.

    Raises:
        ValueError: If it is behind a soft or external link.
    """
    h5py = _h5py()
    if not isinstance(group, h5py.Group):
        raise ValueError(f"'{group.name}' in the file must be a group.")
    if name not in group and group.get(name, getlink=True) is None:
        return None
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"'{group.name}/{name}' in the file is a link, which is not followed.")
    return group[name]


def descend(group, path: str):
    """The group or dataset at a path of plain names; `None` if there is none."""
    names = [name for name in path.split("/") if name]
    if len(names) > _DEEPEST or ".." in names or "." in names:
        raise ValueError(f"The path '{path[:200]}' in the file is refused.")
    for name in names:
        group = child(group, name)
        if group is None:
            return None
    return group


def check_dataset(dataset, what: str) -> None:
    """Refuses a dataset that has its data elsewhere, or more of them than the file holds.

    Raises:
        ValueError: If it is one, or holds no numbers.
    """
    h5py = _h5py()
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{what} in the file must be a dataset.")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{what} in the file has its data in another file, which is not opened.")
    if not (_is_bfloat16(dataset.dtype) or dataset.dtype.kind in "fiub"):
        raise ValueError(f"{what} in the file holds {dataset.dtype}, which is no number.")
    if dataset.shape is None:
        raise ValueError(f"{what} in the file is empty.")
    size = dataset.dtype.itemsize
    for length in dataset.shape:
        size *= int(length)
    stored = int(dataset.id.get_storage_size())
    allowed = stored * (MOST_COMPRESSED if dataset.chunks else 1)
    if size > allowed:
        raise ValueError(
            f"{what} in the file declares {size} bytes of shape {dataset.shape}, but holds "
            f"{stored}."
        )


def _is_bfloat16(dtype) -> bool:
    """Whether numbers are bfloat16, which HDF5 does not know: it has them as two opaque bytes."""
    return dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None


def _from_bfloat16(array):
    """float32 numbers whose upper halves are the bytes given."""
    import numpy as np

    bits = np.frombuffer(array.tobytes(), "<u2").astype("uint32") << 16
    return bits.view(np.float32).reshape(array.shape)


def read(dataset, what: str, shape: tuple | None = None):
    """The array of a dataset, of the wanted shape if one is given.

    Raises:
        ValueError: If the shape is another one, or the dataset is refused.
    """
    check_dataset(dataset, what)
    if shape is not None and tuple(dataset.shape) != tuple(shape):
        raise ValueError(
            f"{what} has shape {tuple(dataset.shape)} in the file; expected {tuple(shape)}."
        )
    array = dataset[()]
    if _is_bfloat16(array.dtype):
        return _from_bfloat16(array)
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def strings(value: Any) -> list[str]:
    """An attribute's strings, fixed or variable in length, bytes or text."""
    import numpy as np

    flat = np.atleast_1d(np.asarray(value)).ravel().tolist()
    return [x.decode("utf-8") if isinstance(x, bytes) else str(x) for x in flat]


def attribute_strings(group, name: str) -> list[str] | None:
    """A list of strings that may be split over `name0`, `name1`, …; `None` if there is none."""
    if name in group.attrs:
        return strings(group.attrs[name])
    if f"{name}0" not in group.attrs:
        return None
    found: list[str] = []
    n = 0
    while f"{name}{n}" in group.attrs:
        found += strings(group.attrs[f"{name}{n}"])
        n += 1
    return found
