"""All operations against NumPy, central differences and their own recordings, from one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from addax import _core
from operation_table import Row, rows

ROWS = rows()
BY_OP: dict[str, list[Row]] = {}
for _row in ROWS:
    BY_OP.setdefault(_row.op, []).append(_row)

# Operations that other files check, because a row cannot: random draws have no reference, control
# flow takes programs, passes make the rest.
ELSEWHERE = {
    "random_uniform": "tests/cpp/random_test.cpp",
    "random_normal": "tests/cpp/random_test.cpp",
    "random_truncated_normal": "tests/cpp/random_test.cpp",
    "random_integers": "tests/cpp/random_test.cpp",
    "random_gamma": "tests/cpp/random_test.cpp",
    "scan": "tests/python/core/test_operation_control_flow.py",
    "while_loop": "tests/python/core/test_operation_control_flow.py",
    "cond": "tests/python/core/test_operation_control_flow.py",
    "lstm_gradient": "tests/python/core/test_operation_recurrent.py",
    "gru_gradient": "tests/python/core/test_operation_recurrent.py",
    "simple_rnn_gradient": "tests/python/core/test_operation_recurrent.py",
}

TOLERANCE = {"float32": 3e-6, "float64": 1e-12}


def results(op: str, inputs: list, attributes: dict) -> tuple:
    out = _core.op(op)(*inputs, **attributes)
    return out if isinstance(out, tuple) else (out,)


def tensors(arrays: list[np.ndarray]) -> list:
    return [_core.tensor(a) for a in arrays]


def expected(row: Row, arrays: list[np.ndarray]) -> tuple:
    arrays = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]
    with np.errstate(all="ignore"):
        out = row.reference(*arrays)
    return out if isinstance(out, tuple) else (out,)


def assert_close(seen: np.ndarray, wanted, row: Row, note: str) -> None:
    wanted = np.asarray(wanted)
    assert seen.shape == wanted.shape, f"{row} {note}: shape {seen.shape}, wanted {wanted.shape}"
    if seen.dtype.kind != "f":
        assert np.array_equal(seen, wanted), f"{row} {note}: {seen} wanted {wanted}"
        return
    tolerance = row.tolerance * TOLERANCE[seen.dtype.name]
    scale = np.maximum(np.abs(wanted.astype(np.float64)), 1)
    with np.errstate(invalid="ignore"):
        error = np.abs(seen.astype(np.float64) - wanted.astype(np.float64)) / scale
    error = np.where((seen == wanted) | np.isnan(error), 0, error)
    worst = np.max(error, initial=0)
    where = np.unravel_index(np.argmax(error), error.shape) if worst else ()
    assert worst <= tolerance, f"{row} {note}: relative error {worst:.3g} at {where}"
    assert np.array_equal(np.isnan(seen), np.isnan(wanted)), f"{row} {note}: NaN in other places"


@pytest.mark.parametrize("op", sorted(BY_OP))
def test_operation_agrees_with_numpy(op):
    for row in BY_OP[op]:
        for dtype in row.dtypes:
            arrays = row.draw(dtype)
            seen = results(op, tensors(arrays), row.attributes)
            for i, (got, wanted) in enumerate(zip(seen, expected(row, arrays), strict=True)):
                assert_close(got.numpy(), wanted, row, f"{dtype} output {i}")


def floating_outputs(row: Row, arrays: list[np.ndarray]) -> list[np.ndarray]:
    seen = results(row.op, tensors(arrays), row.attributes)
    return [y.numpy() for y in seen if y.dtype == "float64"]


def gradients_of(row: Row, inputs: list, weights: list[np.ndarray], sources: list[int]) -> list:
    """The gradients of the weighted sum of the floating outputs with respect to the sources."""
    tape = _core.Tape()
    tape.start()
    for i in sources:
        tape.watch(inputs[i])
    outputs = results(row.op, inputs, row.attributes)
    tape.stop()
    targets = [y for y in outputs if y.dtype == "float64"]
    return tape.gradient(targets, [inputs[i] for i in sources], tensors(weights))


def central_differences(f, weights, array: np.ndarray, places, step: float = 1e-6) -> np.ndarray:
    """Of the weighted sum of f's results. Differences are taken before sums: less is rounded."""
    out = []
    for at in places:
        high, low = array.copy(), array.copy()
        high.flat[at] += step
        low.flat[at] -= step
        pairs = zip(weights, f(high), f(low), strict=True)
        out.append(sum(float((w * (a - b)).sum()) for w, a, b in pairs) / (2 * step))
    return np.array(out)


def differentiable_rows() -> list[str]:
    return sorted(op for op in BY_OP if _core.op(op).differentiable)


def gradient_rows(op: str) -> list[Row]:
    """Casts to float32 hide a step of 1e-6, and those to integers have no gradient."""
    found = [r for r in BY_OP[op] if r.gradient and "float64" in r.dtypes]
    return [r for r in found if op != "cast" or r.attributes["dtype"] == "float64"]


def some_places(array: np.ndarray, rng: np.random.Generator, most: int = 12) -> np.ndarray:
    few = array.size <= most
    return np.arange(array.size) if few else rng.choice(array.size, most, replace=False)


def replaced(arrays: list[np.ndarray], i: int, by: np.ndarray) -> list[np.ndarray]:
    return [*arrays[:i], by, *arrays[i + 1 :]]


@pytest.mark.parametrize("op", differentiable_rows())
def test_gradient_agrees_with_central_differences(op):
    assert gradient_rows(op), f"{op} has a gradient rule and no row that checks it"
    for row in gradient_rows(op):
        rng = np.random.default_rng(1)
        arrays = row.draw("float64")
        weights = [rng.uniform(-1, 1, y.shape) for y in floating_outputs(row, arrays)]
        sources = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
        seen = gradients_of(row, tensors(arrays), weights, sources)
        for i, gradient in zip(sources, seen, strict=True):
            assert gradient is not None, f"{row}: no gradient for input {i}"
            assert gradient.shape == arrays[i].shape, f"{row}: {gradient.shape} for input {i}"
            places = some_places(arrays[i], rng)

            def f(moved, i=i, arrays=arrays, row=row):
                return floating_outputs(row, replaced(arrays, i, moved))

            numeric = central_differences(f, weights, arrays[i], places)
            exact = gradient.numpy().reshape(-1)[places]
            allowed = 1e-6 + 1e-5 * np.abs(numeric)
            message = f"{row} input {i}: {exact} by the rule, {numeric} by differences"
            assert (np.abs(exact - numeric) <= allowed).all(), message


# The gradient rule, being made of operations, is differentiated like any other function.
@pytest.mark.parametrize("op", differentiable_rows())
def test_second_derivative_agrees_with_differences_of_the_first(op):
    sizes = {row: [int(np.prod(i.shape)) for i in row.inputs] for row in gradient_rows(op)}
    usable = [row for row, n in sizes.items() if min(n) > 0 and max(n) <= 200]
    for row in usable[:: max(1, len(usable) // 4)]:
        rng = np.random.default_rng(2)
        arrays = row.draw("float64")
        weights = [rng.uniform(-1, 1, y.shape) for y in floating_outputs(row, arrays)]
        sources = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
        mixing = [rng.uniform(-1, 1, arrays[i].shape) for i in sources]

        inputs = tensors(arrays)
        outer = _core.Tape()
        outer.start()
        for i in sources:
            outer.watch(inputs[i])
        first = gradients_of(row, inputs, weights, sources)
        outer.stop()
        second = outer.gradient(first, [inputs[i] for i in sources], tensors(mixing))
        for i, gradient in zip(sources, second, strict=True):
            places = some_places(arrays[i], rng, 5)

            def f(moved, i=i, arrays=arrays, row=row, weights=weights, sources=sources):
                at = tensors(replaced(arrays, i, moved))
                return [g.numpy() for g in gradients_of(row, at, weights, sources)]

            numeric = central_differences(f, mixing, arrays[i], places)
            nothing = np.zeros(len(places))
            exact = nothing if gradient is None else gradient.numpy().reshape(-1)[places]
            allowed = 1e-6 + 1e-5 * np.abs(numeric)
            message = f"{row} input {i}: {exact} by the rule, {numeric} by differences"
            assert (np.abs(exact - numeric) <= allowed).all(), message


@pytest.mark.parametrize("op", sorted(BY_OP))
def test_recording_with_unknown_sizes_gives_what_running_gives(op):
    for row in BY_OP[op]:
        if not row.symbolic or not row.inputs:
            continue
        arrays = row.draw(row.dtypes[0])
        unknown = range(len(arrays)) if row.symbolic is True else row.symbolic
        with _core.Recording() as recording:
            inputs = []
            for i, array in enumerate(arrays):
                shape = list(array.shape)
                if i in unknown and shape and shape[0] != 1:
                    shape[0] = _core.Dim.unknown(f"n{shape[0]}")
                inputs.append(recording.input(f"x{i}", array.dtype.name, shape))
            program = recording.finish(list(results(op, inputs, row.attributes)))
        replayed = _core.Executable(program).run(arrays)
        for i, (got, wanted) in enumerate(
            zip(replayed, results(op, tensors(arrays), row.attributes), strict=True)
        ):
            assert_close(got.numpy(), wanted.numpy(), row, f"replayed output {i}")


def test_every_operation_has_a_row_and_a_gradient_check_or_a_reason():
    missing = []
    for name in _core.operation_names():
        op = _core.op(name)
        if op.internal:
            continue
        if name not in BY_OP and name not in ELSEWHERE:
            missing.append(f"{name}: no row in the table")
        if not op.differentiable and not op.no_gradient:
            missing.append(f"{name}: neither a gradient rule nor a reason for having none")
    assert not missing, "\n".join(missing)


def test_the_table_names_only_operations_and_files_that_exist():
    assert set(BY_OP) | set(ELSEWHERE) <= set(_core.operation_names())
    root = Path(__file__).parents[3]
    assert [path for path in ELSEWHERE.values() if not (root / path).exists()] == []
