"""Writing files so that what was there stays until all that is new is on the disk."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def write_file(path: str, write: Callable[[Any], None]) -> None:
    """Writes a file under another name, then renames it: the old one stays until all is written.

    Args:
        path: Where the file goes.
        write: Function of the temporary file, open for writing and reading.

    Raises:
        OSError: If it cannot be written; the old file stays as it was.
    """
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".{os.path.basename(path)}.tmp-{os.getpid()}")
    try:
        with _errors_name(path):
            _fill(temporary, write)
            os.replace(temporary, path)
            _sync_folder(folder)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


@contextmanager
def replacing(folder: str) -> Iterator[Callable[[str, Callable[[Any], None]], None]]:
    """Context in which files that belong together are written into a folder.

    It gives a function that takes a file's name and a function as `write_file` does. At the end the
    files take the places of the old ones, in the order in which they were written; after an error
    all old ones stay. Only a kill between two of these renames leaves some of both.

    Args:
        folder: A folder that exists.

    Raises:
        OSError: If a file cannot be written; the old files stay as they were.
    """
    written: list[str] = []
    with _errors_name(folder):
        staging = tempfile.mkdtemp(prefix=".tmp-", dir=folder)

    def add(name: str, write: Callable[[Any], None]) -> None:
        with _errors_name(os.path.join(folder, name)):
            _fill(os.path.join(staging, name), write)
        written.append(name)

    try:
        yield add
        with _errors_name(folder):
            for name in written:
                os.replace(os.path.join(staging, name), os.path.join(folder, name))
            _sync_folder(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fill(path: str, write: Callable[[Any], None]) -> None:
    with open(path, "w+b") as file:
        try:
            write(file)
        except (RuntimeError, ValueError) as error:
            # HDF5 wraps what the disk says.
            cause = next((e for e in (error.__cause__, error.__context__) if e), None)
            if isinstance(cause, OSError):
                raise cause from error
            raise
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _errors_name(path: str) -> Iterator[None]:
    """Context in which errors of the disk name the path that was meant, not a temporary one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), path) from error


def _sync_folder(folder: str) -> None:
    """Makes the rename itself survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
