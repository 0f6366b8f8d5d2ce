"""Writing the model folder: `model.json`, a TensorFlow.js layers-model, and a file of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from addax import _core
from addax.backend.names import unique_name
from addax.backend.warning import warn
from addax.saving import topology, training_config
from addax.saving.json_text import finite, to_json
from addax.saving.programs import Programs, encode_tensor
from addax.saving.serialization import serialize_keras_object
from addax.saving.tfjs_support import unknown_to_tfjs
from addax.saving.weight_names import layer_names, named_weights

# Optimizer state of more elements that belongs to no weight goes into the weights file.
_SMALL = 64
_QUANTIZATIONS = ("uint8", "uint16", "float16")


def save_folder(
    model: Any,
    path: str,
    include_optimizer: bool = True,
    shard_size: int | None = None,
    quantize: str | None = None,
) -> None:
    """Writes the model as `path/model.json` with a weights file beside it.

    Args:
        model: The model.
        path: The folder.
        include_optimizer: Whether the optimizer's state is written.
        shard_size: At most so many bytes go into one weights file; `None` for one file.
        quantize: "uint8", "uint16" or "float16": float32 weights become such codes; the state of
            the optimizer stays exact.

    Raises:
        OSError: If the files cannot be written; what was there stays as it was.
        ValueError: If the model has no config, or an option makes no sense.
    """
    if quantize is not None and quantize not in _QUANTIZATIONS:
        raise ValueError(
            f"`quantize` must be None or one of {_QUANTIZATIONS}. Received: quantize={quantize!r}"
        )
    whole = isinstance(shard_size, int) and not isinstance(shard_size, bool)
    if shard_size is not None and not (whole and shard_size > 0):
        raise ValueError(
            f"`shard_size` must be a number of bytes above 0. Received: shard_size={shard_size!r}"
        )
    writer = _Writer(model, include_optimizer, quantize or "")
    writer.write(path, shard_size or 0)


def save_weights_folder(model, path: str) -> None:
    """Writes the weights alone, as a folder of the same kind without a topology."""
    text = to_json({"format": "addax-weights", "generatedBy": _generator()})
    weights = [(name, v._variable.concrete(), "") for name, v in named_weights(model)]
    _core.write_model(path, text, weights, {})


class _Writer:
    def __init__(self, model: Any, include_optimizer: bool, quantize: str) -> None:
        self.model = model
        self.quantize = quantize
        self.weights: list[tuple[str, Any, str]] = []  # name, tensor, group
        self.state: list[dict[str, Any]] = []
        self.core: list[tuple[Any, str]] = []  # variable of the core, its name in the file
        self.taken: set[str] = set()
        self.section: dict[str, Any] = {}
        self.optimizer = model.optimizer if include_optimizer and model.compiled else None

    def write(self, path: str, shard_size: int) -> None:
        model = self.model
        config = finite(serialize_keras_object(model))
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
        with self._quantized_weights(named):
            check = programs.check_pair()
        if check is not None:
            self.section["check"] = check
        text = to_json(self._document(config))
        _warn_of_browsers(model, config)
        with _Renamed(self.core):
            recorded = {name: r.program for name, r in programs.recorded.items()}
            _core.write_model(path, text, self.weights, recorded, self.quantize, shard_size)

    @contextmanager
    def _quantized_weights(self, named: list[tuple[str, Any]]) -> Iterator[None]:
        """Context in which the weights are what the file will make of them."""
        kept = [(name, v, v._variable.concrete()) for name, v in named if self.quantize]
        try:
            for name, v, value in kept:
                v._variable.assign(_core.quantized(name, value, self.quantize))
            yield
        finally:
            for _, v, value in kept:
                v._variable.assign(value)

    def _document(self, config: dict[str, Any]) -> dict[str, Any]:
        layers = topology.with_sizes(topology.to_keras_2(config), self.model)
        document: dict[str, Any] = {
            "format": "layers-model",
            "generatedBy": _generator(),
            "convertedBy": None,
            "modelTopology": {
                **topology.with_names(layers, self.model, layer_names(self.model)),
                "keras_version": "2.15.0",
                "backend": "addax",
            },
        }
        if self.optimizer is not None and self.optimizer.built:
            training = training_config.training_config(self.model)
            if training is not None:
                document["trainingConfig"] = finite(training)
        metadata = dict(getattr(self.model, "_user_metadata", None) or {})
        document["userDefinedMetadata"] = {**metadata, "addax": self.section}
        return document

    def _add_weights(self, named: list[tuple[str, Any]]) -> None:
        for name, v in named:
            self._add_to_file(name, v, "")
        self.section["weights"] = [name for name, _ in named]

    def _add_to_file(self, name: str, v, group: str) -> str:
        name = unique_name(name, self.taken)
        self.weights.append((name, v._variable.concrete(), group))
        self.core.append((v._variable, name))
        return name

    def _add_to_state(self, name: str, variable) -> str:
        """Takes a variable of the core into the JSON."""
        name = unique_name(name, self.taken)
        self.state.append({"name": name, **encode_tensor(variable.concrete().numpy())})
        self.core.append((variable, name))
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
                name = unique_name(f"{weight_names.get(id(v), v.path)}/momentum", self.taken)
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
            scaled = unique_name(f"{name}/{title}", self.taken)
            made_of[scaled] = f"optimizer/{name}/{title}"
            self.weights.append((scaled, _scaled(slot, factor), "optimizer"))

    def _add_rest(self, programs: Programs) -> None:
        """Totals of metrics, and whatever else the programs read or assign."""
        known = {id(variable) for variable, _ in self.core}
        for variable in programs.variables():
            if id(variable) not in known:
                known.add(id(variable))
                self._add_to_state(f"state/{variable.name}", variable)


def _warn_of_browsers(model: Any, config: dict[str, Any]) -> None:
    unknown = unknown_to_tfjs(config)
    if unknown:
        more = f", and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        warn(
            f"Model '{model.name}' is saved, for Python and C++, but TensorFlow.js does not know "
            f"all of it: {'; '.join(unknown[:10])}{more}."
        )


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
