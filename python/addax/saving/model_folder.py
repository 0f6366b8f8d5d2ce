"""The model folder: `model.json`, a TensorFlow.js layers-model, and a file of weights."""

from __future__ import annotations

import json
import math
import os
import warnings
from typing import Any

from addax import _core
from addax.saving import topology, training_config
from addax.saving.keras2 import from_keras_2, is_old_dialect
from addax.saving.loading import building, restore_model
from addax.saving.programs import Programs, decode_tensor, encode_tensor
from addax.saving.serialization import serialize_keras_object
from addax.saving.weight_names import assign_checked, match_by_name, named_weights

# Optimizer state of more elements that belongs to no weight goes into the weights file.
_SMALL = 64


# Writing


def save_folder(model, path: str, include_optimizer: bool = True) -> None:
    """Writes the model as `path/model.json` with a weights file beside it.

    Raises:
        OSError: If the files cannot be written; what was there stays as it was.
        ValueError: If the model has no config.
    """
    _Writer(model, include_optimizer).write(path)


def save_weights_folder(model, path: str) -> None:
    """Writes the weights alone, as a folder of the same kind without a topology."""
    text = _to_json({"format": "addax-weights", "generatedBy": _generator()})
    weights = [(name, v._variable.concrete(), "") for name, v in named_weights(model)]
    _core.write_model(path, text, weights, {})


class _Writer:
    def __init__(self, model, include_optimizer: bool):
        self.model = model
        self.weights: list[tuple[str, Any, str]] = []  # name, tensor, group
        self.state: list[dict[str, Any]] = []
        self.core: list[tuple[Any, str]] = []  # variable of the core, its name in the file
        self.taken: set[str] = set()
        self.section: dict[str, Any] = {}
        self.optimizer = model.optimizer if include_optimizer and model.compiled else None

    def write(self, path: str) -> None:
        model = self.model
        config = _finite(serialize_keras_object(model))
        compile_config = config.pop("compile_config", None)
        self.section["config"] = config
        if compile_config is not None:
            self.section["compileConfig"] = compile_config
        # Recording builds the optimizer, so it comes before its state is listed.
        programs = Programs(model)
        named = named_weights(model)
        self._add_weights(named)
        self._add_seeds(programs)
        if self.optimizer is not None:
            self._add_optimizer({id(v): name for name, v in named})
        self._add_rest(programs)
        if model._shuffle_state is not None:
            self.section["shuffle"] = list(model._shuffle_state)
        self.section["state"] = self.state
        self.section["signatures"] = programs.describe()
        check = programs.check_pair()
        if check is not None:
            self.section["check"] = check
        text = _to_json(self._document(config))
        with _Renamed(self.core):
            recorded = {name: r.program for name, r in programs.recorded.items()}
            _core.write_model(path, text, self.weights, recorded)

    def _document(self, config: dict[str, Any]) -> dict[str, Any]:
        document: dict[str, Any] = {
            "format": "layers-model",
            "generatedBy": _generator(),
            "convertedBy": None,
            "modelTopology": {
                **topology.to_keras_2(config),
                "keras_version": "2.15.0",
                "backend": "addax",
            },
        }
        if self.optimizer is not None and self.optimizer.built:
            training = training_config.training_config(self.model)
            if training is not None:
                document["trainingConfig"] = _finite(training)
        metadata = dict(getattr(self.model, "_user_metadata", None) or {})
        document["userDefinedMetadata"] = {**metadata, "addax": self.section}
        return document

    def _add_weights(self, named: list[tuple[str, Any]]) -> None:
        for name, v in named:
            self._add_to_file(name, v, "")
        self.section["weights"] = [name for name, _ in named]

    def _add_to_file(self, name: str, v, group: str) -> str:
        name = self._unique(name)
        self.weights.append((name, v._variable.concrete(), group))
        self.core.append((v._variable, name))
        return name

    def _add_to_state(self, name: str, variable) -> str:
        """Takes a variable of the core into the JSON."""
        name = self._unique(name)
        self.state.append({"name": name, **encode_tensor(variable.concrete().numpy())})
        self.core.append((variable, name))
        return name

    def _unique(self, name: str) -> str:
        base, n = name, 0
        while name in self.taken:
            n += 1
            name = f"{base}_{n}"
        self.taken.add(name)
        return name

    def _add_seeds(self, programs: Programs) -> None:
        generators = seed_generators(self.model)
        self.section["seeds"] = [
            self._add_to_state(f"seed/{g.name}", g.state._variable) for g in generators
        ]
        from addax.random import seed_generator

        shared = seed_generator._global
        if shared is not None and any(v is shared.state._variable for v in programs.variables()):
            self.section["globalSeed"] = self._add_to_state("seed/global", shared.state._variable)

    def _add_optimizer(self, weight_names: dict[int, str]) -> None:
        optimizer: Any = self.optimizer
        known = training_config.tfjs_optimizer(optimizer)
        titles = {ours: theirs for theirs, ours in known[2].items()} if known else {}
        count = min(int(optimizer.iterations), 2**31 - 1)
        # TensorFlow.js wants its count first, as int32; the exact one is in the state.
        self.taken.add("iter")
        self.weights.append(("iter", _core_int32(count), "optimizer"))
        names: dict[int, str] = {}
        slots = [
            (weight_names.get(id(weight), weight.path), titles.get(title, title), slot)
            for part in _optimizers(optimizer)
            for i, title, slot in training_config.slots_of(part)
            for weight in [part._trainable_variables[i]]
        ]
        scaled = bool(known) and training_config.has_other_momentum(optimizer)
        if scaled:
            self._add_momentum_for_tfjs(slots, -1.0 / float(optimizer.learning_rate))
        for name, title, slot in slots:
            title = f"optimizer/{name}/{title}" if scaled else f"{name}/{title}"
            names[id(slot)] = self._add_to_file(title, slot, "optimizer")
        if known and known[0] == "RMSProp" and not optimizer.momentum:
            # TensorFlow.js's RMSProp always has a momentum, here one that is never used.
            for v in optimizer._trainable_variables:
                name = self._unique(f"{weight_names.get(id(v), v.path)}/momentum")
                self.weights.append((name, _zeros_like(v), "optimizer"))
        for v in optimizer.variables:
            if id(v) in names:
                continue
            if v.size <= _SMALL:
                names[id(v)] = self._add_to_state(f"optimizer/{v.name}", v._variable)
            else:
                names[id(v)] = self._add_to_file(f"optimizer/{v.name}", v, "optimizer")
        self.section["optimizer"] = [names[id(v)] for v in optimizer.variables]

    def _add_momentum_for_tfjs(self, slots: list[tuple[str, str, Any]], factor: float) -> None:
        """The momentum in TensorFlow.js's scale. The section says what it was made of, so that a
        native app that trains and saves makes it anew."""
        made_of = self.section["momentumForTfjs"] = {}
        for name, title, slot in slots:
            scaled = self._unique(f"{name}/{title}")
            made_of[scaled] = f"optimizer/{name}/{title}"
            self.weights.append((scaled, _scaled(slot, factor), "optimizer"))

    def _add_rest(self, programs: Programs) -> None:
        """Totals of metrics, and whatever else the programs read or assign."""
        known = {id(variable) for variable, _ in self.core}
        for variable in programs.variables():
            if id(variable) not in known:
                known.add(id(variable))
                self._add_to_state(f"state/{variable.name}", variable)


class _Renamed:
    """Context in which variables of the core have the names that they have in the file."""

    def __init__(self, names: list[tuple[Any, str]]):
        self._names = names
        self._before: list[tuple[Any, str]] = []

    def __enter__(self) -> None:
        for variable, name in self._names:
            self._before.append((variable, variable.name))
            variable.name = name

    def __exit__(self, *_: object) -> None:
        for variable, name in self._before:
            variable.name = name


def _optimizers(optimizer) -> list:
    inner = getattr(optimizer, "inner_optimizer", None)
    return [optimizer] if inner is None else [optimizer, inner]


def seed_generators(model) -> list:
    """The seed generators of a model's layers, each once, in order."""
    found: dict[int, Any] = {}
    for layer in model._flatten_layers():
        for generator in layer._seed_generators:
            found.setdefault(id(generator), generator)
    return list(found.values())


def _core_int32(value: int):
    import numpy as np

    return _core.tensor(np.array(value, dtype="int32"))


def _scaled(v: Any, factor: float) -> Any:
    import numpy as np

    values = np.asarray(v)
    return _core.tensor((values * factor).astype(values.dtype))


def _zeros_like(v):
    import numpy as np

    return _core.tensor(np.zeros(v.shape, dtype=v._dtype))


def _generator() -> str:
    import addax

    return f"addax {addax.__version__}"


def _finite(x: Any) -> Any:
    """Plain JSON: tuples as lists, and the floats that JSON lacks as `__float__` entries."""
    if isinstance(x, float) and not math.isfinite(x):
        return {"class_name": "__float__", "config": {"value": repr(x)}}
    if isinstance(x, dict):
        return {str(k): _finite(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_finite(v) for v in x]
    return x


def _to_json(document: dict[str, Any]) -> str:
    try:
        return json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The model cannot be saved: its configuration is no JSON ({error}). `get_config()` of "
            "custom objects must return plain values, or use `serialize_keras_object`."
        ) from error


# Reading


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
    """What we wrote into the user's metadata, and the rest of it."""
    metadata = document.get("userDefinedMetadata") or {}  # the core has seen that it is an object
    return metadata.get("addax", {}), {k: v for k, v in metadata.items() if k != "addax"}


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
    from addax.saving.registration import CustomObjectScope

    if not isinstance(config, dict):
        raise ValueError("`compileConfig` in the file must be an object.")
    with CustomObjectScope(custom_objects), building("compile configuration"):
        model.compile_from_config(config)


def _restore_optimizer(model, section, saved: _State, state: dict[str, Any]) -> None:
    optimizer = model.optimizer
    if optimizer is None or "optimizer" not in section:
        return
    names = _names(section, "optimizer")
    variables = optimizer.variables
    if len(names) != len(variables):
        # An optimizer that has made no step before it was saved has no slots yet.
        if len(names) > 2:
            warnings.warn(
                f"Skipping variable loading for optimizer '{optimizer.name}', because it has "
                f"{len(variables)} variables whereas the saved optimizer has {len(names)} "
                "variables. ",
                stacklevel=4,
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
    if "node" in top or document.get("format") == "graph-model":
        raise ValueError(
            "The file holds a graph-model of TensorFlow (`tf.loadGraphModel`), not a layers-model; "
            "only layers-models can be loaded."
        )
    config = top.get("model_config", top)
    if isinstance(config, str):
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
        for name, v in named_weights(model):
            if name in given and tuple(given[name].shape) == tuple(v.shape):
                v.assign(given[name])
            else:
                found = f"shape {tuple(given[name].shape)}" if name in given else "nothing"
                warnings.warn(
                    f"Weight '{name}' of shape {tuple(v.shape)} is left as it is: the file "
                    f"'{os.path.basename(path)}' has {found} for it.",
                    stacklevel=4,
                )
        return
    pairs = match_by_name(model, given)
    for name, v in pairs:
        if tuple(given[name].shape) != tuple(v.shape):
            assign_checked(name, v, given[name])
    for name, v in pairs:
        assign_checked(name, v, given[name])
