"""What a `.keras` file consists of: members of a zip, or files of a folder."""

from __future__ import annotations

import os
import stat
import zipfile
from abc import ABC, abstractmethod
from typing import Any

from addax.saving.hdf5 import MOST_COMPRESSED
from addax.saving.json_text import from_json

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MOST_CONFIG = 100 << 20


def members_of(path: str) -> Archive | Folder:
    """The members of a `.keras` file or folder, to be used in a `with` statement."""
    return Folder(path) if os.path.isdir(path) else Archive(path)


class _Members(ABC):
    """Named members, read into memory one by one."""

    _name: str

    @abstractmethod
    def names(self) -> list[str]:
        """The names of all members."""

    @abstractmethod
    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of a member, at most `limit` of them.

        Raises:
            ValueError: If it is missing, not what it says, or larger.
        """

    def json(self, name: str) -> Any:
        """A member as JSON.

        Raises:
            ValueError: If it is missing or no JSON, has a key twice or is nested too deeply.
        """
        return from_json(self.read(name, _MOST_CONFIG), f"`{name}` in '{self._name}'")

    def keras_version(self) -> str | None:
        """The version of Keras that the file says wrote it; `None` if it says none."""
        if METADATA not in self.names():
            return None
        metadata = self.json(METADATA)
        version = metadata.get("keras_version") if isinstance(metadata, dict) else None
        return version if isinstance(version, str) else None


class Archive(_Members):
    """A zip of which named members are read into memory, never extracted."""

    def __init__(self, path: str):
        self._name = os.path.basename(path)
        if not os.path.isfile(path):
            raise ValueError(f"'{path}' is no file.")
        self._size = os.path.getsize(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, IndexError) as error:
            raise ValueError(f"'{self._name}' is no readable `.keras` zip file: {error}") from error

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        return self._zip.namelist()

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of a member.

        Raises:
            ValueError: If it is missing, there twice, encrypted, or larger than it can be.
        """
        import zlib

        members = [info for info in self._zip.infolist() if info.filename == name]
        if len(members) != 1:
            raise ValueError(f"'{self._name}' has {len(members)} members `{name}`; expected one.")
        info = members[0]
        if info.flag_bits & 1:
            raise ValueError(f"`{name}` in '{self._name}' is encrypted.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"`{name}` in '{self._name}' is compressed in an unknown way.")
        factor = 1 if info.compress_type == zipfile.ZIP_STORED else MOST_COMPRESSED
        possible = min(info.compress_size, self._size) * factor
        if info.file_size > possible or (limit is not None and info.file_size > limit):
            raise ValueError(
                f"`{name}` in '{self._name}' declares {info.file_size} bytes, more than it can "
                "have."
            )
        try:
            with self._zip.open(info) as member:
                data = member.read(info.file_size + 1)
                if len(data) == info.file_size and member.read(1):
                    data += b"?"
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
            OSError,
        ) as error:
            raise ValueError(f"`{name}` in '{self._name}' is damaged: {error}") from error
        if len(data) != info.file_size:
            raise ValueError(f"`{name}` in '{self._name}' has another size than it declares.")
        return data


class Folder(_Members):
    """A folder with the same files, as `save(..., zipped=False)` and unzipping leave it."""

    def __init__(self, path: str):
        self._path = path
        self._name = os.path.basename(path.rstrip(os.sep))

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def names(self) -> list[str]:
        return os.listdir(self._path)

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The bytes of a file.

        Raises:
            ValueError: If it is missing, no plain file, a link, or too large.
            OSError: If it cannot be read.
        """
        path = os.path.join(self._path, name)
        if not os.path.lexists(path):
            raise ValueError(f"'{self._name}' has no `{name}`.")
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise ValueError(f"`{name}` in '{self._name}' is no plain file.")
        size = os.path.getsize(path)
        if limit is not None and size > limit:
            raise ValueError(f"`{name}` in '{self._name}' has {size} bytes, more than it can have.")
        with open(path, "rb") as file:
            return file.read()
