"""The programs that go into a file: what a native app replays."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable
from typing import Any

from addax import _core, tree
from addax.backend.function import RecordedFunction, _Static, record

_CHECKED_ELEMENTS = 4096


class Programs:
    """The recorded `predict`, `train` and `evaluate` of a model, as far as they can be recorded.

    Attributes:
        recorded: `RecordedFunction`s by name.
    """

    def __init__(self, model):
        self.model = model
        self.recorded: dict[str, RecordedFunction] = {}
        self._add("predict", _predict)
        if model.compiled and model.optimizer is not None:
            self._add("train", _train)
        if model.compiled:
            self._add("evaluate", _evaluate)

    def _add(self, name: str, make: Callable[[Any], RecordedFunction | None]) -> None:
        try:
            recorded = make(self.model)
        except Exception as error:
            # What cannot be recorded (a layer in Python alone) is saved without the program: the
            # file still holds topology and weights, and Python can go on with it.
            warnings.warn(
                f"The file of model '{self.model.name}' holds no program '{name}' for native "
                f"apps: it cannot be recorded. {type(error).__name__}: {error}",
                stacklevel=2,
            )
            return
        if recorded is not None:
            self.recorded[name] = recorded

    def variables(self) -> list[Any]:
        """The core's variables that the programs read or assign, each once."""
        found = {id(v): v for r in self.recorded.values() for v in r.program.variables}
        return list(found.values())

    def describe(self) -> dict[str, Any]:
        """What inputs and outputs of the programs are called, in order."""
        return {
            name: {
                "inputs": list(recorded.program.input_names),
                "outputs": _output_names(self.model, recorded),
            }
            for name, recorded in self.recorded.items()
        }

    def check_pair(self) -> dict[str, Any] | None:
        """A small input and what `predict` makes of it; `None` if there is none that is small."""
        recorded = self.recorded.get("predict")
        specs = _input_specs(self.model)
        if recorded is None or specs is None:
            return None
        inputs = [_sample(dtype, dims) for _, dtype, dims in specs]
        if sum(x.size for x in inputs) > _CHECKED_ELEMENTS:
            return None
        kept = [(v, v.concrete()) for v in recorded.program.variables]
        try:
            outputs = recorded.executable.run(inputs)
        except (ValueError, IndexError, TypeError, MemoryError):
            return None
        finally:
            for variable, value in kept:  # stateful layers and random draws go back
                variable.assign(value)
        if sum(x.numpy().size for x in outputs) > _CHECKED_ELEMENTS:
            return None
        return {
            "inputs": [encode_tensor(x) for x in inputs],
            "outputs": [encode_tensor(x.numpy()) for x in outputs],
        }


def encode_tensor(array) -> dict[str, Any]:
    """`{"dtype", "shape", "data"}` of an array, as constants stand in programs."""
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "data": base64.b64encode(array.tobytes()).decode(),
    }


def decode_tensor(entry: Any, what: str):
    """The array of `encode_tensor`.

    Raises:
        ValueError: If the entry is malformed.
    """
    import numpy as np

    from addax.backend.dtypes import TENSOR_DTYPES

    try:
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        if dtype not in TENSOR_DTYPES or dtype == "bfloat16":
            raise ValueError(f"unknown dtype {dtype!r}")
        data = base64.b64decode(entry["data"], validate=True)
        array = np.frombuffer(data, dtype="uint8" if dtype == "bool" else dtype)
        array = (array != 0 if dtype == "bool" else array).reshape(shape)
        if array.shape != shape:  # a -1 in it
            raise ValueError(f"a size of {shape}")
        return array
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{what} in the file is malformed: {error}") from error


def _sample(dtype: str, dims: tuple):
    """Values for an input: deterministic, of moderate size, valid ids for embeddings."""
    import numpy as np

    shape = tuple(
        size if isinstance(size, int) else (2 if i == 0 else 3) for i, size in enumerate(dims)
    )
    count = int(np.prod(shape, dtype="int64"))
    if count > _CHECKED_ELEMENTS:
        return np.broadcast_to(np.zeros((), dtype), shape)
    steps = np.arange(count).reshape(shape)
    if np.dtype(dtype).kind == "f":
        return ((steps * 37 % 101) / 101.0 - 0.5).astype(dtype)
    return (steps % 2).astype(dtype)


def _input_specs(model) -> list[tuple] | None:
    """(name, dtype, dims) of each input of a model with a graph; `None` for others."""
    try:
        inputs = model.inputs
        names = model.input_names
    except AttributeError:
        return None
    if not inputs:
        return None
    return [(name, x.dtype, _dims(x.shape)) for name, x in zip(names, inputs, strict=True)]


def _dims(shape: tuple) -> tuple:
    return tuple(
        size if size is not None else _core.Dim.unknown("batch" if axis == 0 else f"axis{axis}")
        for axis, size in enumerate(shape)
    )


class _Slot:
    """A leaf that a recording replaces by a symbolic tensor."""


def _record(step, structures: tuple, specs: list[tuple]) -> RecordedFunction:
    """Records `step((x, y…))`; `structures` have a `_Slot` where `specs` has an input."""
    leaves = tree.flatten(((structures,), {}))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, _Slot)]
    return record(step, (structures,), {}, dict(zip(places, specs, strict=True)))


def _last_recorded(step_function) -> RecordedFunction | None:
    """What `fit`, `evaluate` or `predict` recorded last, if they did."""
    functions = list(getattr(step_function, "_functions", {}).values())
    recorded = functions[-1]._recorded if functions else None
    return next(reversed(recorded.values())) if recorded else None


def _x_structure(model) -> Any:
    return tree.map_structure(lambda _: _Slot(), model.input)


def _predict(model) -> RecordedFunction | None:
    specs = _input_specs(model)
    if specs is None:
        return _last_recorded(model.predict_function)
    return _record(model.predict_step, (_x_structure(model),), specs)


def _train(model) -> RecordedFunction | None:
    recorded = _last_recorded(model.train_function)
    if recorded is not None:
        return recorded
    return _with_guessed_targets(model, model.train_step)


def _evaluate(model) -> RecordedFunction | None:
    recorded = _last_recorded(model.test_function)
    if recorded is not None:
        return recorded
    return _with_guessed_targets(model, model.test_step)


def _with_guessed_targets(model, step) -> RecordedFunction | None:
    """Records a step of a compiled model that has seen no data yet.

    Targets have the outputs' shapes, or those of class ids where the loss says so.
    """
    specs = _input_specs(model)
    if specs is None or model.loss is None:
        return None
    names, losses = model.output_names, _losses_by_output(model)
    for name, output, loss in zip(names, model.outputs, losses, strict=True):
        sparse = "sparse" in loss
        shape = output.shape[:-1] if sparse else output.shape
        title = "y" if len(names) == 1 else f"y_{name}"
        specs.append((title, "int32" if sparse else "float32", _dims(shape)))
    y = tree.map_structure(lambda _: _Slot(), model.output)
    metrics = model._compile_metrics
    built = metrics.built if metrics is not None else True
    loss_built = model._compile_loss.built
    try:
        return _record(step, (_x_structure(model), y), specs)
    finally:
        # The first real batch decides what "accuracy" means, not the guess.
        if not built:
            metrics._sets, metrics._outputs, metrics.built = [], None, False
        if not loss_built:
            model._compile_loss.built = False


def _losses_by_output(model) -> list[str]:
    """A name of the loss of each output, empty where there is none."""

    def name_of(loss: Any) -> str:
        if isinstance(loss, str):
            return loss.lower()
        found = getattr(loss, "name", None) or getattr(loss, "__name__", None)
        return str(found or type(loss).__name__).lower()

    count = len(model.outputs)
    loss = model.loss
    if isinstance(loss, dict):
        return [name_of(loss.get(name)) for name in model.output_names]
    flat = list(loss) if isinstance(loss, (list, tuple)) else [loss] * count
    return [name_of(x) for x in flat[:count]] + [""] * (count - len(flat))


def _output_names(model, recorded: RecordedFunction) -> list[str]:
    """Names of a program's outputs: keys of the step's dict, or the model's own."""
    names: dict[int, str] = {}

    def visit(x: Any, path: tuple) -> None:
        if isinstance(x, _Static):
            return
        if isinstance(x, dict):
            for key, value in x.items():
                visit(value, (*path, str(key)))
        elif isinstance(x, (list, tuple)):
            for i, value in enumerate(x):
                visit(value, (*path, str(i)))
        else:
            names[x] = "/".join(path)

    visit(recorded.outputs, ())
    found = [names[i] for i in sorted(names)]
    own = getattr(model, "output_names", None)
    if own and len(own) == len(found) and all(n == "" or n.isdigit() for n in found):
        return list(own)
    return found
