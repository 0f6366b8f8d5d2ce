"""`.keras` files: a zip of `metadata.json`, `config.json` and `model.weights.h5`."""

from __future__ import annotations

import io
import json
import os
import zipfile
from functools import partial
from typing import Any

from addax.saving import hdf5
from addax.saving.files import replacing, write_file
from addax.saving.json_text import finite, to_json
from addax.saving.keras2 import from_keras_2, is_old_dialect
from addax.saving.keras2_training import compile_config_of_today
from addax.saving.keras_h5 import read_model_state, write_model_state
from addax.saving.keras_members import CONFIG, METADATA, WEIGHTS, members_of
from addax.saving.keras_operations import as_keras_operations
from addax.saving.legacy_weights import KERAS_VERSION
from addax.saving.loading import building, compile_model, restore_model


def save_keras(
    model, path: str, include_optimizer: bool = True, zipped: bool | None = None
) -> None:
    """Writes a `.keras` file.

    Args:
        model: The model.
        path: Where the file goes.
        include_optimizer: Whether the optimizer's state is written.
        zipped: Whether to write a zip or a folder with the same files; by default a zip, unless
            there is such a folder already.

    Raises:
        ImportError: If h5py is missing.
        OSError: If the file cannot be written; the old one stays as it was.
        ValueError: If the model has no config.
    """
    from addax.saving.serialization import serialize_keras_object

    config = to_json(as_keras_operations(finite(serialize_keras_object(model))))
    weights = io.BytesIO()
    write_model_state(model, weights, include_optimizer)

    texts = {METADATA: json.dumps(_metadata()), CONFIG: config}
    members = {name: text.encode() for name, text in texts.items()}
    members[WEIGHTS] = weights.getvalue()
    if zipped is False or (zipped is None and os.path.isdir(path)):
        _write_folder(path, members)
        return

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    write_file(path, write)


def _write_folder(path: str, members: dict[str, bytes]) -> None:
    os.makedirs(path, exist_ok=True)
    with replacing(path) as write:
        for name, data in members.items():
            write(name, partial(_write_bytes, data))


def _write_bytes(data: bytes, file: Any) -> None:
    file.write(data)


def _metadata() -> dict[str, str]:
    import datetime

    import addax

    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "keras_version": KERAS_VERSION,
        "addax_version": addax.__version__,
        "date_saved": now.strftime("%Y-%m-%d@%H:%M:%S"),
    }


def load_keras(path: str, custom_objects=None, compile: bool = True):
    """The model of a `.keras` file.

    Raises:
        ValueError: If the file is damaged.
        TypeError: If it names a class or function that is not known.
    """
    with members_of(path) as archive:
        config = archive.json(CONFIG)
        version = archive.keras_version()
        weights = archive.read(WEIGHTS)
    if not isinstance(config, dict):
        raise ValueError(f"`{CONFIG}` in '{os.path.basename(path)}' must be an object.")
    compile_config = config.pop("compile_config", None)
    with building("topology"):
        if is_old_dialect(config, version):
            config = from_keras_2(config)
            if isinstance(compile_config, dict) and compile_config:
                compile_config = compile_config_of_today(compile_config)
    with hdf5.opened(io.BytesIO(weights), WEIGHTS) as h5:
        model = restore_model(config, custom_objects, len(weights) // 2)
        if compile and isinstance(compile_config, dict) and compile_config:
            compile_model(model, compile_config, custom_objects)
        read_model_state(model, h5)
    return model


def load_keras_weights(model, path: str, skip_mismatch: bool = False) -> None:
    """Takes the weights of a `.keras` file into a built model."""
    with members_of(path) as archive:
        weights = archive.read(WEIGHTS)
    with hdf5.opened(io.BytesIO(weights), WEIGHTS) as h5:
        read_model_state(model, h5, skip_mismatch)
