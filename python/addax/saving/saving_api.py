"""Saving and loading: the ending of a path says which format is meant."""

from __future__ import annotations

import os
import re
from typing import Any


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True, **kwargs: Any
) -> None:
    """Saves a model with its weights, compile configuration and optimizer state.

    Args:
        model: The model.
        filepath: A folder (the native format: `model.json` and a file of weights, which
            TensorFlow.js loads too), or a file ending in `.keras`, `.h5` or `.safetensors`.
        overwrite: Whether what is there is replaced without asking.
        include_optimizer: Whether the optimizer's state is saved.
        zipped: `False` makes a `.keras` file a folder of its members, as does such a folder that
            is there already.
        save_format: What the path says already, "keras" or "h5".
        shard_size: For folders: at most so many bytes go into one weights file (TensorFlow.js's
            converter takes 4 MiB); by default there is one file.
        quantize: For folders: "uint8", "uint16" or "float16" makes the weights a quarter or half as
            large and less exact, as TensorFlow.js's converter does it; zero stays zero.

    Raises:
        ValueError: If the ending is another one, or an option does not go with it.
        OSError: If the files cannot be written; what was there stays as it was.
    """
    zipped = kwargs.pop("zipped", None)
    save_format = kwargs.pop("save_format", None)
    path = os.fspath(filepath)
    kind = kind_of(path)
    if save_format is not None and save_format != kind:
        raise ValueError(
            "The `save_format` argument is deprecated: the ending of the path says the format. "
            f"Received: save_format={save_format!r}, filepath={filepath}."
        )
    options = {"shard_size", "quantize"} if kind in ("folder", "json") else set()
    unknown = sorted(set(kwargs) - options)
    if unknown:
        raise ValueError(
            f"The following argument(s) are not supported: {unknown}. "
            "(`shard_size` and `quantize` are for folders.)"
        )
    if kind == "other":
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the "
            "native Keras format (recommended) or a `.h5` extension, or give a folder (a path "
            f"without extension). Received: filepath={filepath}."
        )
    if not overwrite and os.path.exists(path) and not _ask(path):
        return
    if kind == "keras":
        from addax.saving.keras_zip import save_keras

        save_keras(model, path, include_optimizer, zipped)
    elif kind == "h5":
        from addax.saving.legacy_h5 import save_h5

        save_h5(model, path, include_optimizer)
    elif kind == "safetensors":
        from addax.saving.safetensors import save_safetensors_model

        save_safetensors_model(model, path, include_optimizer)
    elif kind in ("folder", "json"):
        from addax.saving.model_folder import save_folder

        save_folder(model, _folder_of(path, kind), include_optimizer, **kwargs)
    else:
        raise ValueError(
            f"A file of weights cannot hold a model. Use `save_weights()`, or another ending. "
            f"Received: filepath={filepath}."
        )


def load_model(
    filepath: Any, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """Loads a model that `save_model`, Keras or TensorFlow.js wrote.

    No code in a file is ever run, and nothing outside the model's folder is opened.

    Args:
        filepath: The folder or its `model.json`, or a `.keras` (zipped or not), `.h5` or
            `.safetensors` file.
        custom_objects: Dict from names in the file to custom classes and functions.
        compile: Whether the model is compiled as it was, with the optimizer's state.
        safe_mode: Kept for Keras's signature: code in files is refused in any case.

    Returns:
        The model.

    Raises:
        ValueError: If there is no such file, or it is damaged.
        TypeError: If it names a class or function that is not known.
        OSError: If it cannot be read.
    """
    path = os.fspath(filepath)
    kind = kind_of(path)
    if not os.path.exists(path):
        raise ValueError(
            f"File not found: filepath={filepath}. Please ensure the file is an accessible "
            "`.keras` zip file, `.h5` or `.safetensors` file, or folder with a `model.json`."
        )
    if kind == "keras":
        from addax.saving.keras_zip import load_keras

        return load_keras(path, custom_objects, compile)
    if kind == "h5":
        from addax.saving.legacy_h5 import load_h5

        return load_h5(path, custom_objects, compile)
    if kind == "safetensors":
        from addax.saving.safetensors import load_safetensors_model

        return load_safetensors_model(path, custom_objects, compile)
    if kind in ("folder", "json"):
        from addax.saving.folder_reader import load_folder

        return load_folder(path, custom_objects, compile)
    raise ValueError(
        "File format not supported: "
        f"filepath={filepath}. Addax loads folders with a `model.json`, `.keras`, legacy `.h5` and "
        "`.safetensors` files."
    )


def save_weights(model: Any, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
    """Saves the weights of a model.

    Args:
        model: A built model.
        filepath: File ending in `.weights.h5` or `.safetensors`, or a folder.
        overwrite: Whether what is there is replaced without asking.
        max_shard_size: For a file ending in `.weights.json`, which names `.weights.h5` files beside
            it: how many GB of weights one of these has at most.

    Raises:
        ValueError: If the ending is another one, or the model is not built.
    """
    max_shard_size = kwargs.pop("max_shard_size", None)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    path = os.fspath(filepath)
    kind = kind_of(path)
    if (kind == "shards") != (max_shard_size is not None):
        raise ValueError(
            "`max_shard_size` and a filename that ends in `.weights.json` go together. "
            f"Received: filepath={path}, max_shard_size={max_shard_size}"
        )
    if kind not in ("weights", "shards", "safetensors", "folder"):
        raise ValueError(
            "The filename must end in `.weights.h5`, or be a folder or a `.safetensors` file. "
            f"Received: filepath={path}"
        )
    _require_built(model, "save")
    if not overwrite and os.path.exists(path) and not _ask(path):
        return
    if kind == "folder":
        from addax.saving.model_folder import save_weights_folder

        save_weights_folder(model, path)
    elif kind == "safetensors":
        from addax.saving.safetensors import save_safetensors

        save_safetensors(model, path)
    elif kind == "shards":
        from addax.saving.sharded_h5 import save_sharded_weights

        save_sharded_weights(model, path, max_shard_size)
    else:
        from addax.saving.keras_h5 import save_weights_h5

        save_weights_h5(model, path)


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, **kwargs: Any
) -> None:
    """Loads weights into a model.

    Args:
        model: A built model.
        filepath: What `save_weights` or `save_model` wrote, or a legacy `.h5` file of Keras.
        skip_mismatch: Whether layers whose weights do not fit are left as they are, with a warning.
        by_name: For legacy `.h5` files: whether layers are found by name instead of by order.

    Raises:
        ValueError: If there is no such file, it is damaged, or does not fit the model.
    """
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    path = os.fspath(filepath)
    kind = kind_of(path)
    if by_name and kind != "h5":
        raise ValueError(f"`by_name=True` is for legacy `.h5` files. Received: filepath={path}")
    if not os.path.exists(path):
        raise ValueError(f"File not found: filepath={path}.")
    _require_built(model, "load")
    kept = [(v, v._variable.concrete()) for v in _variables_of(model)]
    try:
        _load_weights(model, path, kind, skip_mismatch, by_name)
    except BaseException:
        for v, value in kept:  # what was taken before the mistake goes back
            v._variable.assign(value)
        raise


def _variables_of(model: Any) -> list:
    optimizer = getattr(model, "optimizer", None)
    return [*model.weights, *(optimizer.variables if optimizer is not None else ())]


def _load_weights(model: Any, path: str, kind: str, skip_mismatch: bool, by_name: bool) -> None:
    if kind in ("folder", "json"):
        from addax.saving.folder_reader import load_weights_folder

        load_weights_folder(model, path, skip_mismatch)
    elif kind == "weights":
        from addax.saving.keras_h5 import load_weights_h5

        load_weights_h5(model, path, skip_mismatch)
    elif kind == "shards":
        from addax.saving.sharded_h5 import load_sharded_weights

        load_sharded_weights(model, path, skip_mismatch)
    elif kind == "keras":
        from addax.saving.keras_zip import load_keras_weights

        load_keras_weights(model, path, skip_mismatch)
    elif kind == "h5":
        from addax.saving.legacy_weights import load_legacy_weights

        load_legacy_weights(model, path, by_name=by_name, skip_mismatch=skip_mismatch)
    elif kind == "safetensors":
        from addax.saving.safetensors import load_safetensors

        load_safetensors(model, path, skip_mismatch)
    else:
        raise ValueError(
            f"File format not supported: filepath={path}. Addax loads weights from `.weights.h5`, "
            "`.keras`, `.safetensors` and legacy `.h5` files, and from folders."
        )


def kind_of(path: str) -> str:
    """Which format a path means: "folder", "json" (the file in one), "keras", "h5", "safetensors",
    "weights" (`.weights.h5`), "shards" (`.weights.json`) or "other"."""
    if os.path.isdir(path):
        own, keras = (os.path.join(path, name) for name in ("model.json", "config.json"))
        return "keras" if os.path.exists(keras) and not os.path.exists(own) else "folder"
    for ending, kind in (
        (".weights.h5", "weights"),
        (".weights.json", "shards"),
        (".h5", "h5"),
        (".hdf5", "h5"),
        (".keras", "keras"),
        (".safetensors", "safetensors"),
        (".json", "json"),
    ):
        if path.endswith(ending):
            return kind
    # A version or a figure after a dot (`net-0.97`) is no ending.
    return "other" if re.search(r"\.[A-Za-z][A-Za-z0-9]*$", os.path.basename(path)) else "folder"


def _folder_of(path: str, kind: str) -> str:
    if kind == "folder":
        return path
    if os.path.basename(path) != "model.json":
        raise ValueError(
            f"The file in the folder is always `model.json`. Received: filepath={path}"
        )
    return os.path.dirname(path) or "."


def _ask(path: str) -> bool:
    answer = input(f"[WARNING] {path} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    return answer == "y"


def _require_built(model: Any, what: str) -> None:
    if not model.built:
        raise ValueError(
            f"You are {'saving' if what == 'save' else 'loading'} weights of model "
            f"'{model.name}', which is not built. Call it on data or `build()` it first."
        )
