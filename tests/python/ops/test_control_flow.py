"""scan, loops, conditions, maps and custom gradients: eagerly and in recorded programs."""

from __future__ import annotations

import numpy as np
import pytest
from addax import ops
from addax.backend import CompiledFunction, Variable
from addax.gradient_tape import GradientTape


def both(function):
    """The function as it is, and as a recorded program."""
    return [
        pytest.param(function, id="eager"),
        pytest.param(CompiledFunction(function), id="recorded"),
    ]


XS = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize(
    "run", both(lambda xs: ops.scan(lambda c, x: (c + x, c * x), ops.zeros(3), xs))
)
def test_scan_carries_and_stacks(run) -> None:
    carry, ys = run(XS)
    np.testing.assert_allclose(carry.numpy(), XS.sum(0))
    before = np.cumsum(XS, 0) - XS
    np.testing.assert_allclose(ys.numpy(), before * XS)


@pytest.mark.parametrize(
    "run", both(lambda xs: ops.scan(lambda c, x: (c + x, c), ops.zeros(3), xs, reverse=True))
)
def test_scan_backwards_starts_at_the_end(run) -> None:
    carry, ys = run(XS)
    np.testing.assert_allclose(carry.numpy(), XS.sum(0))
    np.testing.assert_allclose(ys.numpy(), np.cumsum(XS[::-1], 0)[::-1] - XS)


def test_scan_takes_structures_and_no_xs() -> None:
    def step(carry, x):
        assert x is None
        return {"a": carry["a"] * 2, "n": carry["n"] + 1}, None

    carry, ys = ops.scan(step, {"a": ops.ones(2), "n": 0}, length=3)
    assert ys is None
    assert carry["a"].numpy().tolist() == [8, 8]
    assert int(carry["n"]) == 3


def test_scan_over_an_unknown_length_has_a_gradient() -> None:
    w = Variable(np.float32(0.5))

    def loss(xs):
        with GradientTape() as tape:
            carry, _ = ops.scan(lambda c, x: (c * w + x, c), ops.zeros(3), xs)
            total = ops.sum(carry)
        return total, tape.gradient(total, w)

    compiled = CompiledFunction(loss)
    for xs in (XS, XS[:2]):
        total, gradient = compiled(xs)
        powers = np.arange(len(xs))[::-1]
        np.testing.assert_allclose(total.numpy(), (xs.sum(1) * 0.5**powers).sum(), rtol=1e-5)
        slope = (xs.sum(1) * powers * 0.5 ** np.maximum(powers - 1, 0)).sum()
        np.testing.assert_allclose(gradient.numpy(), slope, rtol=1e-5)


@pytest.mark.parametrize(
    "run",
    both(lambda n: ops.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + i), (0, 0))),
)
def test_while_loop_runs_while_the_condition_holds(run) -> None:
    for n in (0, 1, 7):
        i, total = run(np.int32(n))
        assert int(i) == n
        assert int(total) == sum(range(n))


@pytest.mark.parametrize("limit", [0, 3, 100])
def test_while_loop_stops_at_the_maximum(limit) -> None:
    def f(x):
        return ops.while_loop(lambda x: x < 10.0, lambda x: x + 1, x, maximum_iterations=limit)

    for run in (f, CompiledFunction(f)):
        assert float(run(np.float32(0))) == min(limit, 10)


@pytest.mark.parametrize("run", both(lambda x: ops.fori_loop(2, 5, lambda i, v: v * i, x)))
def test_fori_loop_multiplies(run) -> None:
    assert run(np.float32([1, 2])).numpy().tolist() == [24, 48]


def test_fori_loop_has_a_gradient_and_takes_tensor_bounds() -> None:
    x = ops.convert_to_tensor(2.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = ops.fori_loop(0, 3, lambda i, v: v * x, ops.ones(()))
    assert float(y) == 8
    assert float(tape.gradient(y, x)) == 12
    run = CompiledFunction(lambda n: ops.fori_loop(0, n, lambda i, v: v + i, 0))
    assert int(run(np.int32(5))) == 10


@pytest.mark.parametrize(
    "run",
    both(
        lambda x: ops.cond(
            ops.sum(x) > 0,
            lambda: {"y": ops.multiply(x, 2), "z": None},
            lambda: {"y": ops.negative(x), "z": None},
        )
    ),
)
def test_cond_takes_one_branch(run) -> None:
    assert run(np.float32([1, 2]))["y"].numpy().tolist() == [2, 4]
    result = run(np.float32([-1, -2]))
    assert result["y"].numpy().tolist() == [1, 2]
    assert result["z"] is None


def test_cond_with_a_python_boolean_is_python_s() -> None:
    assert ops.cond(True, lambda: 1, lambda: 2) == 1
    with pytest.raises(TypeError):
        ops.cond(True, 1, 2)


@pytest.mark.parametrize(
    "run",
    both(lambda i, x: ops.switch(i, [lambda x: x, lambda x: x * 2, lambda x: x * 3], x)),
)
def test_switch_takes_the_branch_of_the_index(run) -> None:
    for i, factor in ((0, 1), (1, 2), (2, 3), (-1, 1), (9, 3)):
        assert float(run(np.int32(i), np.float32(5))) == 5 * factor


@pytest.mark.parametrize("run", both(lambda xs: ops.map(lambda x: ops.sum(x) * x, xs)))
def test_map_applies_to_each_row(run) -> None:
    np.testing.assert_allclose(run(XS).numpy(), XS * XS.sum(1, keepdims=True))


@pytest.mark.parametrize(
    "run", both(lambda a, b: ops.vectorized_map(lambda e: ops.dot(e[0], e[1]), (a, b)))
)
def test_vectorized_map_takes_structures(run) -> None:
    np.testing.assert_allclose(run(XS, XS).numpy(), (XS * XS).sum(1))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_associative_scan_is_a_running_combination(axis, reverse) -> None:
    x = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    result = ops.associative_scan(ops.add, x, reverse=reverse, axis=axis)
    source = np.flip(x, axis) if reverse else x
    want = np.cumsum(source, axis)
    np.testing.assert_allclose(result.numpy(), np.flip(want, axis) if reverse else want)


def test_associative_scan_of_structures_keeps_the_order_of_operands() -> None:
    # Composition of affine maps is associative but not commutative.
    def compose(first, second):
        return {"a": second["a"] * first["a"], "b": second["a"] * first["b"] + second["b"]}

    a, b = np.float32([2, 3, 0.5, -1]), np.float32([1, 0, 2, 4])
    result = ops.associative_scan(compose, {"a": a, "b": b})
    x, want = 0.0, []
    for p, q in zip(a, b):
        x = p * x + q
        want.append(x)
    np.testing.assert_allclose(result["b"].numpy(), want)


@ops.custom_gradient
def doubled_gradient(x, y):
    def grad(upstream):
        return upstream * 2 * y, None

    return x * y, grad


def test_custom_gradient_replaces_the_gradient() -> None:
    def f(x, y):
        with GradientTape() as tape:
            tape.watch((x, y))
            z = ops.sum(doubled_gradient(x, y))
        return tape.gradient(z, [x, y])

    x, y = ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([3.0, 4.0])
    dx, dy = f(x, y)
    assert dx.numpy().tolist() == [6, 8]
    assert dy is None
    dx, dy = CompiledFunction(f)(x, y)
    assert dx.numpy().tolist() == [6, 8]
    assert dy is None


def test_custom_gradient_of_the_documentation() -> None:
    @ops.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

        return ops.log(1 + e), grad

    x = Variable(100.0)
    with GradientTape() as tape:
        y = log1pexp(x)
    assert float(tape.gradient(y, x)) == 1.0


def test_stop_gradient_stops_it() -> None:
    x = Variable(3.0)
    with GradientTape() as tape:
        y = x * ops.stop_gradient(x)
    assert float(tape.gradient(y, x)) == 3.0


def test_a_loop_inside_a_condition_inside_a_scan() -> None:
    def step(carry, x):
        def loop():
            return ops.while_loop(lambda v: ops.max(v) < 10.0, lambda v: v * 2.0, carry + x)

        return ops.cond(ops.sum(x) > 20.0, loop, lambda: carry + x), ops.sum(carry)

    def reference(xs):
        carry, ys = np.ones(3, np.float32), []
        for x in xs:
            ys.append(carry.sum())
            carry = carry + x
            if x.sum() > 20:
                while carry.max() < 10:
                    carry = carry * 2
        return carry, ys

    run = CompiledFunction(lambda xs: ops.scan(step, ops.ones(3), xs))
    carry, ys = run(XS)
    want_carry, want_ys = reference(XS)
    np.testing.assert_allclose(carry.numpy(), want_carry)
    np.testing.assert_allclose(ys.numpy(), want_ys)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: ops.scan(None, 0, XS), TypeError),
        (lambda: ops.scan(lambda c, x: (c, x), 0), ValueError),
        (lambda: ops.scan(lambda c, x: (c, x), 0, (XS, XS[:2])), ValueError),
        (lambda: ops.scan(lambda c, x: ((c, c), x), 0, XS), ValueError),
        (lambda: ops.scan(lambda c, x: (ops.stack([c, c]), x), ops.ones(2), XS), ValueError),
        (lambda: ops.switch(0, []), ValueError),
    ],
)
def test_wrong_loops_are_errors(call, error) -> None:
    with pytest.raises(error):
        call()


def test_vectorize_broadcasts_a_function_of_numbers() -> None:
    def larger(x, y, factor):
        return ops.cond(x > y, lambda: x * factor, lambda: y * 1.0)

    f = ops.vectorize(larger, excluded={2})
    got = f(np.float32([[1.0], [5.0]]), np.float32([2.0, 3.0]), 10.0)
    assert got.numpy().tolist() == [[2, 3], [50, 50]]
    with pytest.raises(ValueError):
        ops.vectorize(larger, signature="(n)->()")


@pytest.mark.parametrize("positive", [True, False])
def test_recorded_cond_counts_what_both_branches_use_once(positive) -> None:
    x = np.array([1.0, 2.0, 3.0], "float32") * (1 if positive else -1)
    v = Variable(2.0)

    def gradients(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.cond(ops.sum(x) > 0, lambda: x * v, lambda: x * x * v)
            loss = ops.sum(y)
        return tape.gradient(loss, [x, v])

    for got in (gradients(ops.convert_to_tensor(x)), CompiledFunction(gradients)(x)):
        np.testing.assert_allclose(got[0].numpy(), [2, 2, 2] if positive else 4 * x)
        assert float(got[1]) == (6 if positive else 14)


def test_gradient_of_a_recorded_while_loop_is_an_error() -> None:
    def gradient(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = ops.while_loop(lambda a: a < 10.0, lambda a: a * 2.0, x)
        return tape.gradient(y, x)

    assert float(gradient(ops.convert_to_tensor(3.0))) == 4.0
    with pytest.raises(ValueError, match=r"a recorded loop has no gradient.*Use `scan`"):
        CompiledFunction(gradient)(np.float32(3.0))
