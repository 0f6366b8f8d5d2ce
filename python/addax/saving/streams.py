"""The program that steps a recurrent model through time."""

from __future__ import annotations

import math
from typing import Any

from addax import _core, tree
from addax.backend.function import RecordedFunction
from addax.layers.rnn.rnn import RNN
from addax.layers.rnn.streaming import Stream

_TIME = 5  # steps of the sequence on which pieces are compared with the whole


def record_stream(model, specs: list[tuple], predict: RecordedFunction) -> tuple | None:
    """Records the model with the states of its recurrent layers as further inputs and outputs.

    Args:
        model: A model with a graph.
        specs: (name, dtype, dims) of its inputs.
        predict: The recorded `predict`.

    Returns:
        The program and the names of the states; `None` if a sequence in pieces would not give what
        the whole sequence gives, or there is nothing to keep between pieces. The program's steps
        decide (`stepwise.h`), and then a trial: states that are taken for one another show there.
    """
    if not any(isinstance(layer, RNN) for layer in model._flatten_layers()):
        return None
    if any(len(dims) < 2 for _, _, dims in specs):
        return None
    steps = specs[0][2][1]
    time = _core.Dim.unknown("time") if isinstance(steps, int) else steps
    inputs = [(name, dtype, (dims[0], time, *dims[2:])) for name, dtype, dims in specs]
    try:
        program, names = _record(model, inputs)
        _core.require_stepwise(program, time)
    except (ValueError, TypeError, NotImplementedError):
        return None  # a layer asks how long the sequence is, or looks elsewhere in it
    steps = steps if isinstance(steps, int) else _TIME
    inputs = [sample(dtype, (dims[0], steps, *dims[2:])) for _, dtype, dims in specs]
    whole = _from_the_beginning(model, predict, inputs)
    return (program, names) if _pieces_fit(program, inputs, len(names), whole) else None


def _record(model, specs: list[tuple]) -> tuple[Any, list[str]]:
    """The program, with states behind its inputs and outputs, and the states' names."""
    names: list[str] = []
    with _core.Recording() as recording:
        inputs = [recording.input(*spec) for spec in specs]

        def begin(layer: str, states: Any) -> Any:
            def state(x: Any) -> Any:
                names.append(f"state/{layer}/{len(names)}")
                return recording.input(names[-1], x.dtype, tuple(x.shape))

            return tree.map_structure(state, states)

        with Stream(begin) as stream:
            outputs = model(tree.pack_sequence_as(model.input, inputs), training=False)
        return recording.finish([*tree.flatten(outputs), *stream.states]), names


def _from_the_beginning(model, predict: RecordedFunction, inputs: list) -> list:
    """What the model makes of whole sequences when it has seen nothing before; what it has seen
    stays as it is."""
    kept = [(v, v.concrete()) for v in predict.program.variables]
    try:
        for layer in model._flatten_layers():
            if isinstance(layer, RNN) and layer.stateful:
                layer.reset_state()
        return [x.numpy() for x in predict.executable.run(inputs)]
    finally:
        for variable, value in kept:
            variable.assign(value)


def _pieces_fit(program, inputs: list, states: int, wholes: list) -> bool:
    """Whether sequences in pieces give what the whole gives."""
    import numpy as np

    steps = inputs[0].shape[1]
    executable = _core.Executable(program)
    kept = [np.zeros(_concrete(s, inputs[0]), d) for d, s in program.input_specs[len(inputs) :]]
    pieces: list[list[Any]] = []
    for first, last in ((0, 1), (1, 3), (3, steps)):
        results = executable.run([*(x[:, first:last] for x in inputs), *kept])
        count = len(results) - states
        pieces.append([x.numpy() for x in results[:count]])
        kept = [x.numpy() for x in results[count:]]
    for i, whole in enumerate(wholes):
        parts = [piece[i] for piece in pieces]
        if whole.ndim > 1 and sum(p.shape[1] for p in parts) == whole.shape[1] == steps:
            joined = np.concatenate(parts, axis=1)
        else:
            joined = parts[-1]
        if joined.shape != whole.shape or not np.allclose(joined, whole, 1e-4, 1e-5):
            return False
    return True


def _concrete(dims: list, first) -> tuple:
    """Sizes of a state: its unknown one is the batch."""
    return tuple(d if isinstance(d, int) else first.shape[0] for d in dims)


def sample_shape(dims: tuple) -> tuple:
    """Sizes for an input: a batch of 2, and 3 where another size is open."""
    return tuple(
        size if isinstance(size, int) else (2 if i == 0 else 3) for i, size in enumerate(dims)
    )


def sample(dtype: str, dims: tuple):
    """Values for an input: deterministic, of moderate size, valid ids for embeddings."""
    import numpy as np

    shape = sample_shape(dims)
    steps = np.arange(math.prod(shape)).reshape(shape)
    if np.dtype(dtype).kind == "f":
        return ((steps * 37 % 101) / 101.0 - 0.5).astype(dtype)
    return (steps % 2).astype(dtype)
