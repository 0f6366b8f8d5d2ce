"""`.keras` files: a zip of `metadata.json`, `config.json` and `model.weights.h5`."""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import Any

from addax.saving import hdf5
from addax.saving.keras2 import from_keras_2, is_old_dialect
from addax.saving.keras2_training import compile_config_of_today
from addax.saving.keras_h5 import read_model_state, write_model_state
from addax.saving.loading import building, restore_model

_MOST_CONFIG = 100 << 20
_MOST_COMPRESSED = 1032
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# The version whose layout this is: Keras decides by it how to read.
_KERAS_VERSION = "3.15.1"


def save_keras(model, path: str, include_optimizer: bool = True) -> None:
    """Writes a `.keras` file.

    Raises:
        ImportError: If h5py is missing.
        OSError: If the file cannot be written; the old one stays as it was.
        ValueError: If the model has no config.
    """
    from addax.saving.model_folder import _finite, _to_json
    from addax.saving.serialization import serialize_keras_object

    config = _to_json(_finite(serialize_keras_object(model)))
    weights = io.BytesIO()
    write_model_state(model, weights, include_optimizer)

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_METADATA, json.dumps(_metadata()))
            archive.writestr(_CONFIG, config)
            archive.writestr(_WEIGHTS, weights.getvalue())

    hdf5.write_file(path, write)


def _metadata() -> dict[str, str]:
    import datetime

    import addax

    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "keras_version": _KERAS_VERSION,
        "addax_version": addax.__version__,
        "date_saved": now.strftime("%Y-%m-%d@%H:%M:%S"),
    }


def load_keras(path: str, custom_objects=None, compile: bool = True):
    """The model of a `.keras` file.

    Raises:
        ValueError: If the file is damaged.
        TypeError: If it names a class or function that is not known.
    """
    from addax.saving.registration import CustomObjectScope

    with _Archive(path) as archive:
        config = archive.json(_CONFIG)
        version = archive.keras_version()
        weights = archive.read(_WEIGHTS)
    if not isinstance(config, dict):
        raise ValueError(f"`{_CONFIG}` in '{os.path.basename(path)}' must be an object.")
    compile_config = config.pop("compile_config", None)
    with building("topology"):
        if is_old_dialect(config, version):
            config = from_keras_2(config)
            if isinstance(compile_config, dict) and compile_config:
                compile_config = compile_config_of_today(compile_config)
    with hdf5.opened(io.BytesIO(weights), _WEIGHTS) as h5:
        model = restore_model(config, custom_objects, len(weights) // 2)
        if compile and isinstance(compile_config, dict) and compile_config:
            with CustomObjectScope(custom_objects), building("compile configuration"):
                model.compile_from_config(compile_config)
        read_model_state(model, h5)
    return model


def load_keras_weights(model, path: str, skip_mismatch: bool = False) -> None:
    """Takes the weights of a `.keras` file into a built model."""
    with _Archive(path) as archive:
        weights = archive.read(_WEIGHTS)
    with hdf5.opened(io.BytesIO(weights), _WEIGHTS) as h5:
        read_model_state(model, h5, skip_mismatch)


class _Archive:
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

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def json(self, name: str) -> Any:
        """A member as JSON: UTF-8, no key twice, not nested too deeply."""
        data = self.read(name, _MOST_CONFIG)
        try:
            return json.loads(data.decode("utf-8"), object_pairs_hook=_unique_keys)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"`{name}` in '{self._name}' is not JSON: {error}") from error

    def keras_version(self) -> str | None:
        """The version of Keras that the file says wrote it."""
        if _METADATA not in self._zip.namelist():
            return None
        metadata = self.json(_METADATA)
        version = metadata.get("keras_version") if isinstance(metadata, dict) else None
        return version if isinstance(version, str) else None

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
        factor = 1 if info.compress_type == zipfile.ZIP_STORED else _MOST_COMPRESSED
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


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found
