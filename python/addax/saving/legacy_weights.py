"""Weights in legacy `.h5` files of Keras: a group per layer, taken in order or by name."""

from __future__ import annotations

import math
import os
from typing import Any

from addax.backend.names import unique_name
from addax.backend.warning import warn
from addax.saving import hdf5
from addax.saving.keras1 import is_keras_1
from addax.saving.old_weights import converted

# HDF5 keeps at most 64 KiB in one attribute.
_MOST_ATTRIBUTE = 64512
# The version whose layouts ours are: Keras decides by it how to read.
KERAS_VERSION = "3.15.1"


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
    is_old = is_keras_1(_attribute(group, "keras_version"))
    flipped = _attribute(group, "backend") == "theano"
    saved = [(name, _entries(group, name)) for name in names]
    saved = [(name, entries) for name, entries in saved if entries]
    layers = [layer for layer in model.layers if _weights_of(layer)]
    if by_name:
        known = {layer.name: layer for layer in layers}
        pairs = [(known[name], name, entries) for name, entries in saved if name in known]
    else:
        if len(saved) != len(layers):
            raise ValueError(
                "Layer count mismatch when loading weights from file. Model expected "
                f"{len(layers)} layers, found {len(saved)} saved layers."
            )
        pairs = [(layer, *entry) for layer, entry in zip(layers, saved, strict=True)]
    fitting: list[tuple[Any, Entry]] = []
    for layer, name, found in pairs:
        entries = _of_today(layer, found, is_old, flipped)
        weights = _weights_for(layer, entries)
        problem = _problem(layer, weights, name, entries)
        if problem is None:
            fitting += zip(weights, entries)
        elif skip_mismatch:
            warn(f"Skipping loading of weights for layer '{layer.name}'. {problem}")
        else:
            raise ValueError(problem)
    for v, entry in fitting:
        v.assign(entry.array().reshape(v.shape))


def _attribute(group, name: str) -> str | None:
    found = hdf5.attribute_strings(group, name) or hdf5.attribute_strings(group.file, name)
    return found[0] if found else None


class Entry:
    """A weight in the file: its name, its shape and, when asked for, its numbers."""

    def __init__(self, name: str, source: Any):
        self.name, self.shape = name, tuple(source.shape)
        self._source = source

    def array(self) -> Any:
        """Its numbers.

        Raises:
            ValueError: If the dataset is refused.
        """
        import numpy as np

        if isinstance(self._source, np.ndarray):
            return self._source
        return hdf5.read(self._source, f"Weight '{self.name}'")


def _entries(group, name: str) -> list[Entry]:
    layer = hdf5.descend(group, name)
    if layer is None:
        raise ValueError(f"The file lists layer '{name[:120]}', but has no group for it.")
    found = []
    for weight in hdf5.attribute_strings(layer, "weight_names") or []:
        dataset = hdf5.descend(layer, weight)
        if dataset is None:
            raise ValueError(f"The file lists weight '{weight[:120]}', but does not have it.")
        hdf5.check_dataset(dataset, f"Weight '{weight}'")
        found.append(Entry(weight, dataset))
    return found


def _of_today(layer, entries: list[Entry], is_old: bool, flipped: bool) -> list[Entry]:
    """The entries as they are, or rearranged if an old Keras or CuDNN wrote them."""
    fit = sorted(e.shape for e in entries) == sorted(tuple(v.shape) for v in layer.weights)
    if fit and not is_old and not flipped:
        return entries
    arrays = [entry.array() for entry in entries]
    new = converted(layer, arrays, is_old, flipped)
    names = [e.name for e in entries]
    if len(new) != len(arrays):
        names = [f"{layer.name}/{v.name}" for v in layer.weights]
    return [Entry(name, array) for name, array in zip(names, new, strict=False)]


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


def _weights_for(layer, entries: list[Entry]) -> list:
    """The weights in the order of the file's, told by names as far as they are the same."""
    names = [entry.name.removesuffix(":0").split("/") for entry in entries]
    orders = [o for o in _orders(layer) if len(o) == len(entries)]
    orders = [o for o in orders if all(_may_be(e.shape, v) for e, v in zip(entries, o))]
    for levels in (2, 1):
        wanted = [name[-levels:] for name in names]
        for order in orders:
            if [v.path.split("/")[-levels:] for v in order] == wanted:
                return order
    return orders[0] if orders else _weights_of(layer)


def _may_be(shape: tuple, variable) -> bool:
    wanted = tuple(variable.shape)
    return shape == wanted or _differs_by_layout(shape, wanted)


def _problem(layer, weights: list, name: str, entries: list[Entry]) -> str | None:
    if len(weights) != len(entries):
        return (
            f"Weight count mismatch for layer '{layer.name}' (named '{name}' in the file). Layer "
            f"expects {len(weights)} weight(s). Received {len(entries)} saved weight(s)."
        )
    for v, entry in zip(weights, entries, strict=True):
        if not _may_be(entry.shape, v):
            return (
                f"Shape mismatch in layer '{layer.name}' for weight '{v.path}'. Weight expects "
                f"shape {tuple(v.shape)}. Received saved weight '{entry.name}' with shape "
                f"{entry.shape}."
            )
    return None


def _differs_by_layout(saved: tuple, wanted: tuple) -> bool:
    """Whether only axes of length 1 differ, as in pointwise kernels of old files."""
    return len(saved) == len(wanted) + 2 and saved[:2] == (1, 1) and saved[2:] == wanted


def write_weights(group, model) -> None:
    """Writes the weights of a model into a new group, layer by layer.

    Raises:
        ValueError: If a name is too long for the format.
    """
    layers = model.layers
    write_strings(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"] = "addax"
    group.attrs["keras_version"] = KERAS_VERSION
    for layer in layers:
        inner = group.create_group(layer.name)
        weights = _weights_of(layer)
        names = unique_names([v.path for v in weights])
        for name, v in zip(names, weights, strict=True):
            inner.create_dataset(name, data=v.numpy())
        write_strings(inner, "weight_names", names)


def unique_names(names: list[str]) -> list[str]:
    """The names, in order; those that stand there before get numbers."""
    taken: set[str] = set()
    return [unique_name(name, taken) for name in names]


def write_strings(group, name: str, values: list[str]) -> None:
    """Writes a list of strings, in parts where one attribute cannot hold it.

    Raises:
        ValueError: If one string alone is too long.
    """
    import numpy as np

    # All strings of an array take the room of the longest.
    data = np.array([value.encode("utf-8") for value in values], None if values else "S1")
    if data.itemsize > _MOST_ATTRIBUTE:
        raise ValueError(
            f"A name of {data.itemsize} bytes in '{group.name}' is too long for a legacy `.h5` "
            f"file, which takes {_MOST_ATTRIBUTE}: '{max(values, key=len)[:80]}…'. Shorten it, or "
            "use another format."
        )
    if data.nbytes <= _MOST_ATTRIBUTE:
        group.attrs[name] = data
        return
    parts = math.ceil(len(data) / (_MOST_ATTRIBUTE // data.itemsize))
    for n, part in enumerate(np.array_split(data, parts)):
        group.attrs[f"{name}{n}"] = part
