"""Legacy `.h5` files of Keras with whole models."""

from __future__ import annotations

import os
from typing import Any

from addax.saving import hdf5, registry
from addax.saving.files import write_file
from addax.saving.json_text import finite, object_from_json, to_json
from addax.saving.keras1 import from_keras_1, is_keras_1
from addax.saving.keras2 import from_keras_2, is_old_dialect
from addax.saving.keras2_training import compile_config_of_today
from addax.saving.keras_operations import as_keras_operations
from addax.saving.legacy_weights import (
    KERAS_VERSION,
    read_weights,
    unique_names,
    write_strings,
    write_weights,
)
from addax.saving.loading import building, compile_model, restore_model
from addax.saving.optimizer_state import take_optimizer_state

_DEEPEST = 64


def load_h5(path: str, custom_objects=None, compile: bool = True):
    """The model of a legacy whole-model file.

    Raises:
        ValueError: If the file is damaged or holds weights alone.
        TypeError: If it names a class or function that is not known.
    """
    with hdf5.opened(path, os.path.basename(path)) as h5:
        text = h5.attrs.get("model_config")
        group = hdf5.child(h5, "model_weights")
        if text is None or group is None:
            raise ValueError(
                f"No model config found in the file at {path}: it holds weights alone. Load them "
                "with `model.load_weights()`."
            )
        training = h5.attrs.get("training_config")
        config = _json(text, "model_config")
        with building("topology"):
            versions = hdf5.attribute_strings(h5, "keras_version")
            version = versions[0] if versions else None
            if is_keras_1(version):
                config = from_keras_1(config)
            if is_keras_1(version) or is_old_dialect(config, version):
                config = from_keras_2(config)
            else:
                _mark_operations(config)
        config.pop("compile_config", None)
        model = restore_model(config, custom_objects, os.path.getsize(path) // 2)
        read_weights(model, group)
        if compile and training is not None:
            with building("training configuration"):
                compile_config = compile_config_of_today(_json(training, "training_config"))
            compile_model(model, compile_config, custom_objects)
            state = hdf5.child(h5, "optimizer_weights")
            if state is not None and model.optimizer is not None:
                _read_optimizer(model, state)
    return model


def _mark_operations(config: Any, depth: int = 0) -> None:
    """Says of operations among the layers that they are operations: the file leaves out modules.

    `Multiply` is a layer and an operation; only layers say whether they are trainable.
    """
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else None
    for entry in layers if isinstance(layers, list) and depth < _DEEPEST else []:
        own = entry.get("config") if isinstance(entry, dict) else None
        if not isinstance(own, dict) or entry.get("module"):
            continue
        name = str(entry.get("class_name"))
        if not {"trainable", "layers"} & set(own) and registry.op_from_keras(name, {}) is not None:
            entry["module"] = "keras.ops"
        _mark_operations(entry, depth + 1)


def _json(text: Any, what: str) -> dict[str, Any]:
    parts = hdf5.strings(text)
    return object_from_json(parts[0] if parts else "", f"`{what}` in the file")


def _read_optimizer(model, group) -> None:
    names = hdf5.attribute_strings(group, "weight_names") or []
    entries = [(name, hdf5.descend(group, name)) for name in names]
    for name, dataset in entries:
        if dataset is None:
            raise ValueError(f"The file lists '{name[:120]}', but does not have it.")
    take_optimizer_state(model, entries)


def save_h5(model, path: str, include_optimizer: bool = True) -> None:
    """Writes a legacy whole-model file.

    Raises:
        ImportError: If h5py is missing.
        OSError: If the file cannot be written; the old one stays as it was.
    """
    from addax.saving.serialization import serialize_keras_object

    config = as_keras_operations(finite(serialize_keras_object(model)))
    compile_config = config.pop("compile_config", None)
    optimizer = model.optimizer if include_optimizer and model.compiled else None

    def fill(h5) -> None:
        h5.attrs["keras_version"] = KERAS_VERSION
        h5.attrs["backend"] = "addax"
        h5.attrs["model_config"] = to_json(config)
        write_weights(h5.create_group("model_weights"), model)
        if optimizer is None or compile_config is None:
            return
        training = {k: v for k, v in compile_config.items() if k != "optimizer"}
        training["loss"] = _long_names(training.get("loss"))
        training["optimizer_config"] = compile_config["optimizer"]
        h5.attrs["training_config"] = to_json(training)
        state = h5.create_group("optimizer_weights")
        names = unique_names([v.path for v in optimizer.variables])
        for name, v in zip(names, optimizer.variables, strict=True):
            state.create_dataset(name, data=v.numpy())
        write_strings(state, "weight_names", names)

    write_file(path, lambda file: hdf5.write_h5(file, fill))


# Keras 3.15 takes a loss by a short name for a metric when it loads a legacy file, and fails.
_LONG_NAMES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "bce": "binary_crossentropy",
}


def _long_names(loss: Any) -> Any:
    """A loss, or losses by output, with short names written out."""
    if isinstance(loss, list):
        return [_long_names(x) for x in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _long_names(x) for key, x in loss.items()}
    return _LONG_NAMES.get(loss.lower(), loss) if isinstance(loss, str) else loss
