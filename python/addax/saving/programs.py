"""The programs that go into a file: what a native app replays."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from addax import _core, tree
from addax.backend.dtypes import numpy_dtype
from addax.backend.function import RecordedFunction, _Static, record
from addax.backend.warning import warn
from addax.saving.streams import record_stream, sample, sample_shape

_CHECKED_ELEMENTS = 4096  # a check pair is no larger


class FileProgram:
    """A program as a file holds it.

    Attributes:
        program: The core's program.
        outputs: Names of its outputs, in order.
        targets, weights, states: How many of its inputs, after the data, are targets, then sample
            weights, then states of a stream (as many as the last outputs).
    """

    def __init__(
        self,
        program: Any,
        outputs: list[str],
        targets: int = 0,
        weights: int = 0,
        states: int = 0,
    ) -> None:
        self.program = program
        self.outputs = outputs
        self.counts = {"targets": targets, "weights": weights, "states": states}

    def describe(self) -> dict[str, Any]:
        """What inputs and outputs are called, and what they are."""
        names = {"inputs": list(self.program.input_names), "outputs": self.outputs}
        return names | {key: count for key, count in self.counts.items() if count}


class Programs:
    """What native apps can do with a model, as far as it can be recorded: `predict`, `stream` (a
    sequence in pieces), and of a compiled model `train`, `evaluate`, both again `_weighted`, and
    `reset_metrics`.

    Attributes:
        recorded: `FileProgram`s by name.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._specs = _input_specs(model)
        self.recorded: dict[str, FileProgram] = {}
        self._predict: RecordedFunction | None = None
        with self._warning("predict"):
            self._add_predict()
        with self._warning("stream"):
            self._add_stream()
        if model.compiled:
            with _guesses_forgotten(model):
                self._add_steps()

    def _add_steps(self) -> None:
        model = self.model
        if model.optimizer is not None:
            with self._warning("train"):
                self._add_step("train", model.train_step, model.train_function)
        with self._warning("evaluate"):
            self._add_step("evaluate", model.test_step, model.test_function)
        if self.recorded.keys() & {"train", "train_weighted", "evaluate", "evaluate_weighted"}:
            self.recorded["reset_metrics"] = FileProgram(_record_reset(model), [])

    @contextmanager
    def _warning(self, name: str) -> Iterator[None]:
        """What cannot be recorded (a layer in Python alone) is saved without the program: the file
        still holds topology and weights, and Python can go on with it."""
        try:
            yield
        except Exception as error:
            warn(
                f"The file of model '{self.model.name}' holds no program '{name}' for native "
                f"apps: it cannot be recorded. {type(error).__name__}: {error}"
            )

    def _add_predict(self) -> None:
        model = self.model
        self._predict = recorded = _record_predict(model, self._specs)
        if recorded is None:
            return
        self.recorded["predict"] = FileProgram(recorded.program, _output_names(model, recorded))

    def _add_stream(self) -> None:
        if self._predict is None or self._specs is None:
            return
        streamed = record_stream(self.model, self._specs, self._predict)
        if streamed is not None:
            program, names = streamed
            outputs = [*self.recorded["predict"].outputs, *names]
            self.recorded["stream"] = FileProgram(program, outputs, states=len(names))

    def _add_step(self, name: str, step: Callable, function: Any) -> None:
        """Adds a step as the last batch was, or as the model's loss lets one guess, with sample
        weights and without."""
        model, specs = self.model, self._specs
        found = _last_recorded(function) or _with_guessed_targets(model, specs, step)
        if found is None:
            return
        known = _specs_of(found.program)
        if found.parts:
            x, y, weights = (*found.parts, 0, 0)[:3]
        else:  # guessed, of a model with a graph
            y, weights = len(model.outputs), 0
            x = len(known) - y
        self._put(f"{name}_weighted" if weights else name, found, y, weights)
        if specs is None or (x, y) != (len(specs), len(model.outputs)) or weights not in (0, y):
            return
        known = known[: x + y]
        if weights:
            other = _record_guess(step, (_x_structure(model), _y_structure(model)), known)
            self._put(name, other, y, 0)
        else:
            known += [
                ("sample_weight" if y == 1 else f"sample_weight_{i}", "float32", dims[:1])
                for i, (_, _, dims) in enumerate(known[x:])
            ]
            structures = (_x_structure(model), _y_structure(model), _y_structure(model))
            self._put(f"{name}_weighted", _record_guess(step, structures, known), y, y)

    def _put(
        self, title: str, recorded: RecordedFunction | None, targets: int, weights: int
    ) -> None:
        if recorded is None:
            return
        names = _output_names(self.model, recorded)
        self.recorded[title] = FileProgram(recorded.program, names, targets, weights)

    def variables(self) -> list[Any]:
        """The core's variables that the programs read or assign, each once."""
        found = {id(v): v for r in self.recorded.values() for v in r.program.variables}
        return list(found.values())

    def describe(self) -> dict[str, Any]:
        """What inputs and outputs of the programs are called, in order."""
        return {name: recorded.describe() for name, recorded in self.recorded.items()}

    def check_pair(self) -> dict[str, Any] | None:
        """A small input and what `predict` makes of it; `None` if there is none that is small."""
        recorded = self._predict
        specs = self._specs
        if recorded is None or specs is None:
            return None
        if sum(math.prod(sample_shape(dims)) for _, _, dims in specs) > _CHECKED_ELEMENTS:
            return None
        inputs = [sample(dtype, dims) for _, dtype, dims in specs]
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


def encode_tensor(array: Any) -> dict[str, Any]:
    """`{"dtype", "shape", "data"}` of an array, as constants stand in programs."""
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "data": base64.b64encode(array.tobytes()).decode(),
    }


def decode_tensor(entry: Any, what: str) -> Any:
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


def _input_specs(model: Any) -> list[tuple] | None:
    """(name, dtype, dims) of each input of a model with a graph; `None` for others."""
    try:
        inputs = model.inputs
        names = model.input_names
    except AttributeError:
        return None
    if not inputs:
        return None
    return [
        (name, numpy_dtype(x.dtype), _dims(x.shape)) for name, x in zip(names, inputs, strict=True)
    ]


def _dims(shape: tuple) -> tuple:
    return tuple(
        size if size is not None else _core.Dim.unknown("batch" if axis == 0 else f"axis{axis}")
        for axis, size in enumerate(shape)
    )


class _Slot:
    """A leaf that a recording replaces by a symbolic tensor."""


def _record(step: Callable, structures: tuple, specs: list[tuple]) -> RecordedFunction:
    """Records `step((x, y…))`; `structures` have a `_Slot` where `specs` has an input."""
    leaves = tree.flatten(((structures,), {}))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, _Slot)]
    return record(step, (structures,), {}, dict(zip(places, specs, strict=True)))


def _record_guess(step: Callable, structures: tuple, specs: list[tuple]) -> RecordedFunction | None:
    """Records a step with or without sample weights, as it was not used; `None` where a step of the
    user's own does not take such a batch, which then was never meant."""
    try:
        return _record(step, structures, specs)
    except Exception:  # whatever the step makes of it
        return None


def _last_recorded(step_function: Any) -> RecordedFunction | None:
    """What `fit`, `evaluate` or `predict` recorded last, if they did."""
    functions = list(getattr(step_function, "_functions", {}).values())
    recorded = functions[-1]._recorded if functions else None
    return next(reversed(recorded.values())) if recorded else None


def _x_structure(model: Any) -> Any:
    return tree.map_structure(lambda _: _Slot(), model.input)


def _record_predict(model: Any, specs: list[tuple] | None) -> RecordedFunction | None:
    if specs is None:
        return _last_recorded(model.predict_function)
    return _record(model._predict_arrays, (_x_structure(model),), specs)


def _y_structure(model: Any) -> Any:
    return tree.map_structure(lambda _: _Slot(), model.output)


def _specs_of(program: Any) -> list[tuple]:
    """(name, dtype, dims) of each input of a program."""
    return [(n, *spec) for n, spec in zip(program.input_names, program.input_specs, strict=True)]


def _record_reset(model: Any) -> Any:
    """The program that sets all metrics to their beginning."""
    with _core.Recording() as recording:
        model.reset_metrics()
        return recording.finish([])


def _with_guessed_targets(
    model: Any, specs: list[tuple] | None, step: Callable
) -> RecordedFunction | None:
    """Records a step of a compiled model that has seen no data yet.

    Targets have the outputs' shapes, or those of class ids where the loss says so.
    """
    if specs is None or model.loss is None:
        return None
    targets: list[tuple] = []
    names, losses = model.output_names, _losses_by_output(model)
    for name, output, loss in zip(names, model.outputs, losses, strict=True):
        sparse = "sparse" in loss
        shape = output.shape[:-1] if sparse else output.shape
        title = "y" if len(names) == 1 else f"y_{name}"
        targets.append((title, "int32" if sparse else "float32", _dims(shape)))
    return _record(step, (_x_structure(model), _y_structure(model)), [*specs, *targets])


@contextmanager
def _guesses_forgotten(model: Any) -> Iterator[None]:
    """The first real batch decides what "accuracy" means, not what was guessed within."""
    metrics, loss = model._compile_metrics, model._compile_loss
    built = metrics.built if metrics is not None else True
    loss_built = loss.built if loss is not None else True
    try:
        yield
    finally:
        if not built:
            metrics._sets, metrics._outputs, metrics.built = [], None, False
        if not loss_built:
            loss.built = False


def _losses_by_output(model: Any) -> list[str]:
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


def _output_names(model: Any, recorded: RecordedFunction) -> list[str]:
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
