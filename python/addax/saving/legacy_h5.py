"""Legacy `.h5` files of Keras: whole models, and weights in the order of layers."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

from addax.saving import hdf5, registry
from addax.saving.keras2 import from_keras_2, is_old_dialect
from addax.saving.keras2_training import compile_config_of_today
from addax.saving.loading import building, restore_model
from addax.saving.optimizer_state import take_optimizer_state

# HDF5 keeps at most 64 KiB in one attribute.
_MOST_ATTRIBUTE = 64512
_DEEPEST = 64


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
    fitting: list[tuple[Any, tuple[str, Any]]] = []
    for layer, name, datasets in pairs:
        weights = _weights_for(layer, datasets)
        problem = _problem(layer, weights, name, datasets)
        if problem is None:
            fitting += zip(weights, datasets)
        elif skip_mismatch:
            text = f"Skipping loading of weights for layer '{layer.name}'. {problem}"
            warnings.warn(text, stacklevel=5)
        else:
            raise ValueError(problem)
    for v, (name, dataset) in fitting:
        v.assign(_fit(hdf5.read(dataset, f"Weight '{name}'"), v))


def _weights_of(layer) -> list:
    """Trainable weights, then the others, wherever in the layer they are."""
    return layer.trainable_weights + layer.non_trainable_weights


def _orders(layer) -> list[list]:
    """The orders in which a file may have the weights of a layer.

    It has those first that were trainable when it was written: this may have changed since.
    """
    weights = layer._collect_weights()
    frozen = {id(v) for part in layer._flatten_layers() for v in part._frozen_variables}
    trained = [v for v in weights if v.trainable or id(v) in frozen]
    others = [v for v in weights if not (v.trainable or id(v) in frozen)]
    return [_weights_of(layer), trained + others, weights]


def _weights_for(layer, datasets: list[tuple[str, Any]]) -> list:
    """The weights in the order of the file's, told by names as far as they are the same."""
    shapes = [getattr(dataset, "shape", None) for _, dataset in datasets]
    names = [name.removesuffix(":0").split("/") for name, _ in datasets]
    orders = [o for o in _orders(layer) if len(o) == len(datasets)]
    orders = [o for o in orders if all(_may_be(s, v) for s, v in zip(shapes, o))]
    for levels in (2, 1):
        wanted = [name[-levels:] for name in names]
        for order in orders:
            if [v.path.split("/")[-levels:] for v in order] == wanted:
                return order
    return orders[0] if orders else _weights_of(layer)


def _may_be(shape: tuple | None, variable) -> bool:
    wanted = tuple(variable.shape)
    return shape is not None and (shape == wanted or _differs_by_layout(shape, wanted))


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


def _problem(layer, weights: list, name: str, datasets: list[tuple[str, Any]]) -> str | None:
    if len(weights) != len(datasets):
        return (
            f"Weight count mismatch for layer '{layer.name}' (named '{name}' in the file). Layer "
            f"expects {len(weights)} weight(s). Received {len(datasets)} saved weight(s)."
        )
    for v, (weight, dataset) in zip(weights, datasets, strict=True):
        hdf5.check_dataset(dataset, f"Weight '{weight}'")
        shape = tuple(dataset.shape)
        if not _may_be(shape, v):
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
            if is_old_dialect(config, _version(h5)):
                config = from_keras_2(config)
            else:
                _mark_operations(config)
        config.pop("compile_config", None)
        model = restore_model(config, custom_objects, os.path.getsize(path) // 2)
        read_weights(model, group)
        if compile and training is not None:
            _compile(model, _json(training, "training_config"), custom_objects)
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


def _version(h5) -> str:
    """The version of Keras that wrote the file; early ones did not say it."""
    return (hdf5.attribute_strings(h5, "keras_version") or ["1"])[0]


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

    with CustomObjectScope(custom_objects), building("training configuration"):
        model.compile_from_config(compile_config_of_today(training))


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
