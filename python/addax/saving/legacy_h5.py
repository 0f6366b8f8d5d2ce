"""Legacy `.h5` files of Keras: whole models, and weights in the order of layers."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

from addax.saving import hdf5
from addax.saving.keras2 import from_keras_2, is_old_dialect
from addax.saving.loading import building, restore_model

# HDF5 keeps at most 64 KiB in one attribute.
_MOST_ATTRIBUTE = 64512


def load_legacy_weights(model, path: str, by_name: bool = False, skip_mismatch: bool = False):
    """Takes weights from a legacy file, of weights alone or of a whole model.

    Args:
        model: A built model.
        path: The file.
        by_name: Whether layers are found by name; else those with weights are taken in order.
        skip_mismatch: Whether layers that do not fit are left as they are, with a warning.

    Raises:
        ValueError: If the file is damaged or does not fit the model.
    """
    with hdf5.opened(path, os.path.basename(path)) as h5:
        group = h5 if "layer_names" in h5.attrs or "layer_names0" in h5.attrs else None
        if group is None:
            group = hdf5.child(h5, "model_weights")
        if group is None:
            raise ValueError(
                f"'{os.path.basename(path)}' is no legacy weights file: it has no `layer_names`."
            )
        read_weights(model, group, by_name, skip_mismatch)


def read_weights(model, group, by_name: bool = False, skip_mismatch: bool = False) -> None:
    """Takes weights from the group that has `layer_names`."""
    names = hdf5.attribute_strings(group, "layer_names") or []
    saved = [(name, _datasets(group, name)) for name in names]
    saved = [(name, datasets) for name, datasets in saved if datasets]
    layers = [layer for layer in model.layers if _weights_of(layer)]
    if by_name:
        known = {layer.name: layer for layer in layers}
        pairs = [(known[name], name, datasets) for name, datasets in saved if name in known]
    else:
        if len(saved) != len(layers):
            raise ValueError(
                "Layer count mismatch when loading weights from file. Model expected "
                f"{len(layers)} layers, found {len(saved)} saved layers."
            )
        pairs = [(layer, *entry) for layer, entry in zip(layers, saved, strict=True)]
    fitting = []
    for layer, name, datasets in pairs:
        problem = _problem(layer, name, datasets)
        if problem is None:
            fitting.append((layer, datasets))
        elif skip_mismatch:
            text = f"Skipping loading of weights for layer '{layer.name}'. {problem}"
            warnings.warn(text, stacklevel=5)
        else:
            raise ValueError(problem)
    for layer, datasets in fitting:
        for v, (name, dataset) in zip(_weights_of(layer), datasets, strict=True):
            v.assign(_fit(hdf5.read(dataset, f"Weight '{name}'"), v))


def _weights_of(layer) -> list:
    """Trainable weights, then the others, wherever in the layer they are."""
    weights = layer._collect_weights()
    frozen = {id(v) for part in layer._flatten_layers() for v in part._frozen_variables}
    trained = [v for v in weights if v.trainable or id(v) in frozen]
    return trained + [v for v in weights if not (v.trainable or id(v) in frozen)]


def _datasets(group, name: str) -> list[tuple[str, Any]]:
    layer = hdf5.child(group, name) if "/" not in name else hdf5.descend(group, name)
    if layer is None:
        raise ValueError(f"The file lists layer '{name[:120]}', but has no group for it.")
    found = []
    for weight in hdf5.attribute_strings(layer, "weight_names") or []:
        dataset = hdf5.descend(layer, weight)
        if dataset is None:
            raise ValueError(f"The file lists weight '{weight[:120]}', but does not have it.")
        found.append((weight, dataset))
    return found


def _problem(layer, name: str, datasets: list[tuple[str, Any]]) -> str | None:
    weights = _weights_of(layer)
    if len(weights) != len(datasets):
        return (
            f"Weight count mismatch for layer '{layer.name}' (named '{name}' in the file). Layer "
            f"expects {len(weights)} weight(s). Received {len(datasets)} saved weight(s)."
        )
    for v, (weight, dataset) in zip(weights, datasets, strict=True):
        hdf5.check_dataset(dataset, f"Weight '{weight}'")
        shape = tuple(dataset.shape)
        if shape != tuple(v.shape) and not _differs_by_layout(shape, tuple(v.shape)):
            return (
                f"Shape mismatch in layer '{layer.name}' for weight '{v.path}'. Weight expects "
                f"shape {tuple(v.shape)}. Received saved weight '{weight}' with shape {shape}."
            )
    return None


def _differs_by_layout(saved: tuple, wanted: tuple) -> bool:
    """Whether only axes of length 1 differ, as in pointwise kernels of old files."""
    return len(saved) == len(wanted) + 2 and saved[:2] == (1, 1) and saved[2:] == wanted


def _fit(array, variable):
    return array.reshape(variable.shape) if array.shape != tuple(variable.shape) else array


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
            if is_old_dialect(config):
                config = from_keras_2(config)
        config.pop("compile_config", None)
        model = restore_model(config, custom_objects, os.path.getsize(path) // 2)
        read_weights(model, group)
        if compile and training is not None:
            _compile(model, _json(training, "training_config"), custom_objects)
            state = hdf5.child(h5, "optimizer_weights")
            if state is not None and model.optimizer is not None:
                _read_optimizer(model.optimizer, state)
    return model


def _json(text: Any, what: str) -> dict[str, Any]:
    try:
        found = json.loads(hdf5.strings(text)[0])
    except (ValueError, IndexError, RecursionError) as error:
        raise ValueError(f"`{what}` in the file is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"`{what}` in the file must be an object.")
    return found


def _compile(model, training: dict[str, Any], custom_objects) -> None:
    from addax.saving.registration import CustomObjectScope

    config: dict[str, Any] = {
        k: training[k]
        for k in ("loss", "loss_weights", "metrics", "weighted_metrics")
        if k in training
    }
    config["optimizer"] = training.get("optimizer_config") or training.get("optimizer")
    if isinstance(config["optimizer"], dict):
        config["optimizer"] = _modern_optimizer(config["optimizer"])
    with CustomObjectScope(custom_objects), building("training configuration"):
        model.compile_from_config(config)


def _modern_optimizer(entry: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's config of Keras 2 without the entries that Keras 3 dropped."""
    inner = entry.get("config")
    if not isinstance(inner, dict):
        return entry
    gone = ("jit_compile", "is_legacy_optimizer", "decay")
    inner = {("learning_rate" if k == "lr" else k): v for k, v in inner.items() if k not in gone}
    name = str(entry.get("class_name", "")).rpartition(">")[2]
    return {**entry, "class_name": name, "config": inner}


def _read_optimizer(optimizer, group) -> None:
    names = hdf5.attribute_strings(group, "weight_names") or []
    datasets = [(name, hdf5.descend(group, name)) for name in names]
    variables = optimizer.variables
    if len(datasets) == len(variables) - 1:  # Keras 2 keeps no learning rate
        variables = [variables[0], *variables[2:]]
    if len(datasets) != len(variables):
        warnings.warn(
            f"Skipping variable loading for optimizer '{optimizer.name}', because it has "
            f"{len(variables)} variables whereas the saved optimizer has {len(datasets)} "
            "variables.",
            stacklevel=4,
        )
        return
    for v, (name, dataset) in zip(variables, datasets, strict=True):
        if dataset is None:
            raise ValueError(f"The file lists '{name[:120]}', but does not have it.")
        v.assign(hdf5.read(dataset, f"'{name}'", tuple(v.shape)))


def save_h5(model, path: str, include_optimizer: bool = True) -> None:
    """Writes a legacy whole-model file.

    Raises:
        ImportError: If h5py is missing.
        OSError: If the file cannot be written; the old one stays as it was.
    """
    from addax.saving.model_folder import _finite, _to_json
    from addax.saving.serialization import serialize_keras_object

    config = _finite(serialize_keras_object(model))
    compile_config = config.pop("compile_config", None)
    optimizer = model.optimizer if include_optimizer and model.compiled else None

    def fill(h5) -> None:
        h5.attrs["keras_version"] = "3.15.1"
        h5.attrs["backend"] = "addax"
        h5.attrs["model_config"] = _to_json(config)
        _write_weights(h5.create_group("model_weights"), model)
        if optimizer is None or compile_config is None:
            return
        training = {k: v for k, v in compile_config.items() if k != "optimizer"}
        training["optimizer_config"] = compile_config["optimizer"]
        h5.attrs["training_config"] = _to_json(training)
        state = h5.create_group("optimizer_weights")
        names = _unique_names([v.path for v in optimizer.variables])
        for name, v in zip(names, optimizer.variables, strict=True):
            state.create_dataset(name, data=v.numpy())
        _write_strings(state, "weight_names", names)

    hdf5.write_file(path, lambda file: hdf5.write_h5(file, fill))


def _write_weights(group, model) -> None:
    layers = model.layers
    _write_strings(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"] = "addax"
    group.attrs["keras_version"] = "3.15.1"
    for layer in layers:
        inner = group.create_group(layer.name)
        weights = _weights_of(layer)
        names = _unique_names([v.path for v in weights])
        for name, v in zip(names, weights, strict=True):
            inner.create_dataset(name, data=v.numpy())
        _write_strings(inner, "weight_names", names)


def _unique_names(names: list[str]) -> list[str]:
    taken: set[str] = set()
    found = []
    for name in names:
        base, n = name, 0
        while name in taken:
            n += 1
            name = f"{base}_{n}"
        taken.add(name)
        found.append(name)
    return found


def _write_strings(group, name: str, values: list[str]) -> None:
    """Writes a list of strings, in parts where one attribute cannot hold it."""
    import numpy as np

    data = [value.encode("utf-8") for value in values]
    if (
        sum(map(len, data)) <= _MOST_ATTRIBUTE
        and max(map(len, data), default=0) * len(data) <= _MOST_ATTRIBUTE
    ):
        group.attrs[name] = np.array(data) if data else np.array([], dtype="S1")
        return
    parts = 2
    while any(
        np.array(part).nbytes > _MOST_ATTRIBUTE for part in np.array_split(np.array(data), parts)
    ):
        parts += 1
    for n, part in enumerate(np.array_split(np.array(data), parts)):
        group.attrs[f"{name}{n}"] = part
