"""scan, while_loop and cond: values, gradients by central differences, recordings."""

from __future__ import annotations

import numpy as np
import pytest
from addax import _core


def op(name, *values, **attributes):
    return _core.op(name)(*values, **attributes)


def tensor(values, dtype=np.float64):
    return _core.tensor(np.asarray(values, dtype))


def recur(carry, x, w):
    """h' = tanh(h · w + x), which is also what each step gives."""
    h = op("tanh", op("add", op("multiply", carry, w), x))
    return h


def scanned(h0, xs, w, reverse=False):
    def body(carry, x):
        h = recur(carry[0], x[0], w)
        return [h], [h]

    carry, ys = _core.scan(body, [h0], [xs], reverse=reverse)
    return carry[0], ys[0]


def reference(h, xs, w, reverse=False):
    ys = np.zeros_like(xs)
    order = range(len(xs) - 1, -1, -1) if reverse else range(len(xs))
    for i in order:
        h = np.tanh(h * w + xs[i])
        ys[i] = h
    return h, ys


def gradients(f, arrays, weights):
    inputs = [tensor(a) for a in arrays]
    tape = _core.Tape()
    tape.start()
    for x in inputs:
        tape.watch(x)
    outputs = f(*inputs)
    tape.stop()
    return [g.numpy() for g in tape.gradient(list(outputs), inputs, [tensor(w) for w in weights])]


def check_gradients(f, arrays, weights):
    def loss(values):
        outputs = f(*(tensor(v) for v in values))
        return sum(float((w * y.numpy()).sum()) for w, y in zip(weights, outputs, strict=True))

    for i, gradient in enumerate(gradients(f, arrays, weights)):
        for at in np.ndindex(arrays[i].shape):
            moved = [[a.copy() for a in arrays] for _ in range(2)]
            moved[0][i][at] += 1e-6
            moved[1][i][at] -= 1e-6
            numeric = (loss(moved[0]) - loss(moved[1])) / 2e-6
            assert abs(gradient[at] - numeric) <= 1e-6 + 1e-5 * abs(numeric), (i, at)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [1, 5])
def test_scan_and_its_gradient(steps, reverse):
    rng = np.random.default_rng(steps)
    h, xs, w = rng.normal(size=3), rng.normal(size=(steps, 3)), rng.normal(size=3)
    last, ys = scanned(tensor(h), tensor(xs), tensor(w), reverse)
    wanted_last, wanted_ys = reference(h, xs, w, reverse)
    assert np.allclose(last.numpy(), wanted_last) and np.allclose(ys.numpy(), wanted_ys)
    weights = [rng.normal(size=3), rng.normal(size=(steps, 3))]
    check_gradients(lambda h, xs, w: scanned(h, xs, w, reverse), [h, xs, w], weights)


def test_a_recorded_scan_runs_at_any_length():
    with _core.Recording() as recording:
        h = recording.input("h", "float64", [3])
        xs = recording.input("xs", "float64", [_core.Dim.unknown("time"), 3])
        w = recording.input("w", "float64", [3])
        program = recording.finish(list(scanned(h, xs, w)))
    executable = _core.Executable(program)
    rng = np.random.default_rng(0)
    for steps in (1, 2, 9):
        arrays = rng.normal(size=3), rng.normal(size=(steps, 3)), rng.normal(size=3)
        for got, wanted in zip(executable.run(list(arrays)), reference(*arrays), strict=True):
            assert np.allclose(got.numpy(), wanted)


def test_while_loop_runs_until_the_condition_fails():
    def condition(values):
        return op("less", values[0], tensor(100.0))

    def body(values):
        return [op("multiply", values[0], tensor(3.0)), op("add", values[1], tensor(1.0))]

    x, count = _core.while_loop(condition, body, [tensor(2.0), tensor(0.0)])
    assert (float(x), float(count)) == (162.0, 4.0)


@pytest.mark.parametrize("positive", [True, False])
def test_cond_and_its_gradient(positive):
    def f(x, y):
        predicate = tensor(positive, bool)
        return _core.cond(predicate, lambda: [op("multiply", x, y)], lambda: [op("sin", x)])

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=4), rng.normal(size=4)
    seen = f(tensor(x), tensor(y))[0].numpy()
    assert np.allclose(seen, x * y if positive else np.sin(x))
    weights = [rng.normal(size=4)]
    if positive:
        check_gradients(f, [x, y], weights)
    else:
        check_gradients(lambda x: f(x, tensor(y)), [x], weights)
