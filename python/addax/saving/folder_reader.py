"""Reading model folders: ours, and those of TensorFlow.js, its converter and Keras."""

from __future__ import annotations

import json
import math
from typing import Any

from addax import _core
from addax.backend.warning import warn
from addax.saving import training_config
from addax.saving.keras2 import from_keras_2, is_old_dialect
from addax.saving.loading import building, compile_model, restore_model
from addax.saving.model_folder import seed_generators
from addax.saving.programs import decode_tensor
from addax.saving.weight_names import (
    assign_checked,
    assign_fitting,
    match_by_name,
    named_weights,
)


def load_folder(path: str, custom_objects=None, compile: bool = True):
    """The model of a folder, or of its `model.json`.

    Raises:
        ValueError: If the files are damaged or do not fit together.
        TypeError: If they name a class or function that is not known.
        OSError: If they cannot be read.
    """
    text, weights, _ = _core.read_model(path)
    document = json.loads(text)
    given = {name: tensor for name, tensor, group in weights if group != "optimizer"}
    state = {name: tensor for name, tensor, group in weights if group == "optimizer"}
    section, metadata = _section(document)
    if document.get("format") == "addax-weights":
        raise ValueError(f"'{path}' holds weights alone. Load them with `model.load_weights()`.")
    if "config" in section:
        model = _load_own(section, given, state, custom_objects, compile)
    else:
        model = _load_foreign(document, given, state, custom_objects, compile)
    if metadata:
        model._user_metadata = metadata
    return model


def _section(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What we wrote into the user's metadata, and the rest of it.

    TensorFlow.js keeps the metadata when it trains and saves a model of ours; then our part of it
    is out of date.
    """
    metadata = document.get("userDefinedMetadata") or {}  # the core has seen that it is an object
    writer = document.get("generatedBy")
    ours = not isinstance(writer, str) or writer.startswith("addax")
    section = metadata.get("addax", {}) if ours else {}
    return section, {k: v for k, v in metadata.items() if k != "addax"}


def _load_own(section, given, state, custom_objects, compile: bool):
    config = section["config"]
    elements = _elements(given)
    model = restore_model(config, custom_objects, elements)
    variables = named_weights(model)
    listed = _names(section, "weights")
    if set(listed) != set(given) or len(set(listed)) != len(listed):
        raise ValueError("The list of weights in the file is not that of the weights file.")
    if len(listed) != len(variables):
        raise ValueError(
            f"The file has {len(listed)} weights, but model '{model.name}' of its topology has "
            f"{len(variables)}."
        )
    by_name = dict(variables)
    # Layers of subclassed models may get other names each time; their order stays.
    if set(by_name) == set(listed):
        pairs = [(name, by_name[name]) for name in listed]
    else:
        pairs = [(name, v) for name, (_, v) in zip(listed, variables, strict=True)]
    for name, v in pairs:
        assign_checked(name, v, given[name])
    saved = _State(section)
    _restore_seeds(model, section, saved)
    compile_config = section.get("compileConfig")
    if compile and compile_config is not None:
        _compile(model, compile_config, custom_objects)
        _restore_optimizer(model, section, saved, state)
    shuffle = section.get("shuffle")
    if shuffle is not None:
        if not (isinstance(shuffle, list) and len(shuffle) == 2 and all(map(_is_int, shuffle))):
            raise ValueError("`shuffle` in the file must be two whole numbers.")
        model._shuffle_state = (shuffle[0], shuffle[1])
    return model


class _State:
    """The small tensors in the JSON, by name."""

    def __init__(self, section: dict[str, Any]):
        entries = section.get("state", [])
        if not isinstance(entries, list):
            raise ValueError("`state` in the file must be a list.")
        self._entries: dict[str, Any] = {}
        for entry in entries:
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str) or name in self._entries:
                raise ValueError(f"`state` in the file has a malformed or repeated entry {name!r}.")
            self._entries[name] = entry

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __getitem__(self, name: str):
        return decode_tensor(self._entries[name], f"State '{name}'")


def _restore_seeds(model, section, saved: _State) -> None:
    names = _names(section, "seeds")
    generators = seed_generators(model)
    if len(names) != len(generators):
        raise ValueError(
            f"The file has {len(names)} seeds, but its topology makes {len(generators)} seed "
            "generators."
        )
    variables = [g.state for g in generators]
    shared = section.get("globalSeed")
    if shared is not None:
        from addax.random import seed_generator

        names, variables = (
            [*names, shared],
            [*variables, seed_generator.global_seed_generator().state],
        )
    for name, v in zip(names, variables, strict=True):
        if not isinstance(name, str) or name not in saved:
            raise ValueError(f"The file lacks the seed {name!r}.")
        assign_checked(name, v, saved[name])


def _compile(model, config: Any, custom_objects) -> None:
    if not isinstance(config, dict):
        raise ValueError("`compileConfig` in the file must be an object.")
    compile_model(model, config, custom_objects)


def _restore_optimizer(model, section, saved: _State, state: dict[str, Any]) -> None:
    optimizer = model.optimizer
    if optimizer is None or "optimizer" not in section:
        return
    names = _names(section, "optimizer")
    variables = optimizer.variables
    if len(names) != len(variables):
        # An optimizer that has made no step before it was saved has no slots yet.
        if len(names) > 2:
            warn(
                f"Skipping variable loading for optimizer '{optimizer.name}', because it has "
                f"{len(variables)} variables whereas the saved optimizer has {len(names)} "
                "variables. "
            )
        names = names[:2]
    for name, v in zip(names, variables, strict=False):
        if name in state:
            value = state[name]
        elif name in saved:
            value = saved[name]
        else:
            raise ValueError(f"The file lacks the optimizer's variable '{name}'.")
        assign_checked(name, v, value)


def _load_foreign(document, given, state, custom_objects, compile: bool):
    """A model that TensorFlow.js, its converter or Keras wrote."""
    top = document.get("modelTopology")
    if not isinstance(top, dict):
        raise ValueError(
            "The file has no `modelTopology`: it is no layers-model. Found keys: "
            f"{sorted(map(str, document))[:20]}."
        )
    config = top.get("model_config", top)
    if isinstance(config, str):
        with building("topology"):
            config = json.loads(config)
    if not isinstance(config, dict):
        raise ValueError("The topology in the file must be an object.")
    config = {k: config[k] for k in config if k not in ("keras_version", "backend")}
    with building("topology"):
        if is_old_dialect(config):
            config = from_keras_2(config, given)
    compile_config = config.pop("compile_config", None)
    model = restore_model(config, custom_objects, _elements(given))
    pairs = match_by_name(model, given)
    for name, v in pairs:
        assign_checked(name, v, given[name])
    if compile and document.get("trainingConfig") is not None:
        by_name = dict(pairs)
        names = {id(by_name[name]): name for name in given}
        with building("trainingConfig"):
            training_config.compile_from_tfjs(model, document["trainingConfig"], state, names)
    elif compile and compile_config is not None:
        _compile(model, compile_config, custom_objects)
    return model


def _elements(given: dict[str, Any]) -> int:
    return sum(math.prod(tensor.shape) for tensor in given.values())


def _names(section: dict[str, Any], key: str) -> list[str]:
    names = section.get(key, [])
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError(f"`{key}` in the file must be a list of names.")
    return names


def _is_int(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def load_weights_folder(model, path: str, skip_mismatch: bool = False) -> None:
    """Takes the weights of a folder into a built model, by name."""
    _, weights, _ = _core.read_model(path)
    given = {name: tensor for name, tensor, group in weights if group != "optimizer"}
    if skip_mismatch:
        assign_fitting(model, given)
        return
    for name, v in match_by_name(model, given):
        assign_checked(name, v, given[name])
