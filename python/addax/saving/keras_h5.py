"""`.weights.h5`: weights in the layout of Keras 3, by class names and order, not by names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from addax.backend.names import to_snake_case
from addax.backend.warning import warn
from addax.saving import hdf5
from addax.saving.files import write_file
from addax.saving.optimizer_state import build_optimizer, take_optimizer_state

_DEEPEST = 64
# Of a file whose groups contain each other there is no end.
_MOST_GROUPS = 200_000
_LAYERS_2_13 = "_layer_checkpoint_dependencies"


def save_weights_h5(model, path: str) -> None:
    """Writes weights and the optimizer's state to a file.

    Raises:
        ImportError: If h5py is missing.
        OSError: If the file cannot be written; the old one stays as it was.
    """
    write_file(path, lambda file: write_model_state(model, file))


def load_weights_h5(model, path: str, skip_mismatch: bool = False) -> None:
    """Takes weights, and the optimizer's state if the model is compiled, from a file.

    Raises:
        ValueError: If the file is damaged or does not fit the model.
    """
    with hdf5.opened(path, os.path.basename(path)) as h5:
        read_model_state(model, h5, skip_mismatch)


def write_model_state(model, file: Any, include_optimizer: bool = True) -> None:
    """Writes the state of a model into a file object."""

    def fill(h5) -> None:
        for inner_path, saveable in _saveables(model):
            if not include_optimizer and inner_path.split("/")[0] == "optimizer":
                continue
            group = h5.require_group(inner_path) if inner_path else h5
            variables = group.create_group("vars")
            variables.attrs["name"] = saveable.name
            saveable.save_own_variables(_Writing(variables))

    hdf5.write_h5(file, fill)


def read_model_state(model, h5, skip_mismatch: bool = False) -> None:
    """Takes the state of a model from an open file.

    Raises:
        ValueError: If a layer's weights are missing or do not fit, or the file has weights for
            which the model has no layer. With `skip_mismatch` both are warnings.
    """
    errors: dict[Any, Exception] = {}
    taken: set[str] = set()
    is_2_13 = hdf5.child(h5, _LAYERS_2_13) is not None
    for inner_path, saveable in _saveables(model, is_2_13):
        group = _group(h5, f"{inner_path}/vars")
        if inner_path == "optimizer/inner_optimizer":
            continue  # its state is part of the outer one's
        if inner_path == "optimizer":
            _read_optimizer(model, group)
            continue
        if group is not None:
            taken.add(group.name)
        store = _Reading(group, inner_path)
        if not store.keys() and not _own_variables(saveable):
            continue
        try:
            store.check_shapes(saveable)
            saveable.load_own_variables(store)
        except (ValueError, KeyError) as error:
            errors[saveable] = error
    leftover = _leftover(h5, taken)
    texts = []
    if errors:
        saveable, first = next(iter(errors.items()))
        texts.append(
            f"A total of {len(errors)} objects could not be loaded. Example error message for "
            f"object {saveable}:\n\n{first}\n\nList of objects that could not be loaded:\n"
            f"{list(errors)}"
        )
    if leftover:
        shown = ", ".join(f"'{name}'" for name in leftover[:10])
        texts.append(
            f"The file has weights for which model '{model.name}' has no layer: {shown}"
            + (f" and {len(leftover) - 10} more." if len(leftover) > 10 else ".")
        )
    if texts and not skip_mismatch:
        raise ValueError("\n".join(texts))
    for text in texts:
        warn(text)


def _leftover(h5, taken: set[str]) -> list[str]:
    """Paths of layers in the file with weights that nothing has taken."""
    found = []
    waiting = [(name, hdf5.child(h5, name), 1) for name in ("layers", _LAYERS_2_13)]
    visited = 0
    while waiting:
        path, group, depth = waiting.pop()
        if group is None or not hasattr(group, "keys"):
            continue
        visited += 1
        if depth > _DEEPEST or visited > _MOST_GROUPS:
            raise ValueError(f"The file's groups are too many or nested too deeply: '{path[:80]}'.")
        for name in group:
            inner = hdf5.child(group, name)
            if name != "vars":
                waiting.append((f"{path}/{name}", inner, depth + 1))
            elif hasattr(inner, "keys") and len(inner) and f"/{path}/vars" not in taken:
                found.append(path)
    return sorted(found)


def _group(h5, path: str):
    """The group at a path; `None` if there is none.

    Keras 2 kept the layers in an attention layer in private attributes: `_query_dense`.
    """
    group = h5
    for name in path.split("/"):
        if not name:
            continue
        inner = hdf5.descend(group, name)
        if inner is None and not name.startswith("_"):
            inner = hdf5.descend(group, f"_{name}")
        if inner is None:
            return None
        group = inner
    return group


def _read_optimizer(model, group) -> None:
    """Takes the optimizer's state; of a model that is not compiled, it has none."""
    optimizer = model.optimizer
    if group is None or not list(group.keys()):
        return
    store = _Reading(group, "optimizer")
    if "load_own_variables" in type(optimizer).__dict__:
        build_optimizer(model)
        optimizer.load_own_variables(store)
        return
    take_optimizer_state(model, store.in_order())


def _own_variables(saveable) -> list:
    return saveable._trainable_variables + saveable._non_trainable_variables


class _Writing:
    """What `save_own_variables` writes into: a group of datasets."""

    def __init__(self, group):
        self._group = group

    def __setitem__(self, key: str, value: Any) -> None:
        import numpy as np

        self._group.create_dataset(str(key), data=np.asarray(value))

    def keys(self):
        return self._group.keys()


class _Reading:
    """What `load_own_variables` reads from: the datasets of a group, behind guards."""

    def __init__(self, group, inner_path: str):
        self._group = group
        self._inner_path = inner_path
        self._keys = list(group.keys()) if group is not None else []

    def keys(self) -> list[str]:
        return self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def _dataset(self, key: str):
        dataset = hdf5.child(self._group, str(key)) if self._group is not None else None
        if dataset is None:
            raise ValueError(f"'{self._inner_path}/vars/{key}' is missing in the file.")
        return dataset

    def __getitem__(self, key: str):
        dataset = self._dataset(key)
        what = f"'{self._inner_path}/vars/{key}'"
        return hdf5.read(dataset, what)

    def in_order(self) -> list[tuple[str, Any]]:
        """Name and dataset of what is numbered from 0."""
        return [
            (f"{self._inner_path}/vars/{i}", self._dataset(str(i))) for i in range(len(self._keys))
        ]

    def check_shapes(self, saveable) -> None:
        """Compares shapes with the variables' before anything is read."""
        own = _own_variables(saveable)
        plain = "load_own_variables" not in type(saveable).__dict__
        if plain and len(own) == len(self._keys):
            self.check_against([tuple(v.shape) for v in own])

    def check_against(self, shapes: list[tuple]) -> None:
        """Compares shapes with those of the datasets in order.

        Raises:
            ValueError: If one is missing or has another shape.
        """
        for i, shape in enumerate(shapes):
            found = getattr(self._dataset(str(i)), "shape", None)
            if found is None or tuple(found) != shape:
                raise ValueError(
                    f"'{self._inner_path}/vars/{i}' has shape {found} in the file; expected "
                    f"{shape}."
                )


# The tree of what has state


def _saveables(model, is_2_13: bool = False) -> Iterator[tuple[str, Any]]:
    """(path, object) of the model and all in it, each once, in Keras's order.

    Args:
        model: The model.
        is_2_13: Whether paths are those of Keras 2.13.
    """
    yield from _walk(model, "", set(), 0, is_2_13)


def _walk(
    saveable, path: str, seen: set[int], depth: int, is_2_13: bool
) -> Iterator[tuple[str, Any]]:
    if id(saveable) in seen:
        return
    if depth > _DEEPEST:
        raise ValueError(f"'{path[:200]}' is nested too deeply to be saved as HDF5.")
    seen.add(id(saveable))
    yield path, saveable
    if _is_saveable(getattr(saveable, "inner_optimizer", None)):
        yield from _walk(
            saveable.inner_optimizer, f"{path}/inner_optimizer", seen, depth + 1, is_2_13
        )
    for name, value in _children(saveable, depth == 0):
        name = _LAYERS_2_13 if is_2_13 and name == "layers" else name
        inner = f"{path}/{name}" if path else name
        if _is_saveable(value):
            yield from _walk(value, inner, seen, depth + 1, is_2_13)
        elif isinstance(value, (list, tuple, set, dict)):
            yield from _walk_container(value, inner, seen, depth + 1, is_2_13)


def _walk_container(items: Any, path: str, seen: set[int], depth: int, is_2_13: bool):
    counts: dict[str, int] = {}
    for item in items.values() if isinstance(items, dict) else items:
        if not _is_saveable(item):
            continue
        title = type(item).__name__
        base = to_snake_case(_OWN_NAMES.get(title, title))
        number = counts.get(base, 0)
        # Keras 2.13 had layers with weights twice in its list.
        twice = path.endswith(_LAYERS_2_13) and item.weights
        counts[base] = number + (2 if twice else 1)
        name = f"{base}_{number}" if number else base
        yield from _walk(item, f"{path}/{name}", seen, depth + 1, is_2_13)


def _children(saveable, is_root: bool) -> Iterator[tuple[str, Any]]:
    from addax.layers.layer import Layer
    from addax.models.functional import Functional
    from addax.models.model import Model
    from addax.models.sequential import Sequential

    if isinstance(saveable, (Functional, Sequential)):
        yield "layers", saveable.layers
    if not isinstance(saveable, Layer):
        return
    base = next(b for b in (Sequential, Functional, Model, Layer) if isinstance(saveable, b))
    known = set(dir(base)) | saveable._untracked | _PRIVATE
    names = [n for n in dir(saveable) if not n.startswith("__") and n not in known]
    if base is Model:
        names.append("layers")  # among the others: what comes later by name is found here
    if is_root and isinstance(saveable, Model):
        names.append("optimizer")
    # Private attributes come last: what has a public name too is found under that.
    for name in sorted(names, key=lambda n: (n.startswith("_"), n)):
        try:
            value = getattr(saveable, name)
        except (AttributeError, ValueError, RuntimeError):
            continue  # a property that has no value yet
        yield name, value


# Classes that Keras calls otherwise inside than outside.
_OWN_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}
_PRIVATE = {"_sequence", "_graph", "_init_arguments"}


def _is_saveable(x: Any) -> bool:
    from addax.layers.layer import Layer
    from addax.optimizers.optimizer import Optimizer

    return isinstance(x, (Layer, Optimizer))
