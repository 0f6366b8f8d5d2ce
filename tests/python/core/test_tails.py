"""Element-wise steps after a product run inside it, block by block."""

from __future__ import annotations

import numpy as np
import pytest
from addax import Variable, _core, ops

generator = np.random.default_rng(3)
W = Variable(generator.normal(size=(6, 40)).astype("float32"))
B = Variable(generator.normal(size=(40,)).astype("float32"))
COLUMN = Variable(generator.normal(size=(5, 1)).astype("float32"))

TAILS = {
    "tanh": lambda y, r: ops.tanh(y + B),
    "exact gelu": lambda y, r: ops.gelu(y + B, approximate=False),
    "residual": lambda y, r: y + r,
    "residual before relu": lambda y, r: ops.relu(y + B + r),
    "twice the result": lambda y, r: y + y,
    "vector, column and number": lambda y, r: (y * B - COLUMN) * 0.5,
    "mask": lambda y, r: ops.where(r > 0, y, 0.0),
}


def record(fn, *shapes: tuple):
    with _core.Recording() as recording:
        inputs = [recording.input(f"x{i}", "float32", s) for i, s in enumerate(shapes)]
        result = fn(*inputs)
        program = recording.finish(list(result) if isinstance(result, tuple) else [result])
    return program.optimize()


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("rows", [5, 1500])
def test_steps_after_a_product_become_its_tail(name, rows):
    if rows != 5 and "column" in name:
        pytest.skip("the column has five rows")

    def fn(x, r):
        return TAILS[name](ops.matmul(x, W), r)

    x = generator.normal(size=(rows, 6)).astype("float32")
    r = generator.normal(size=(rows, 40)).astype("float32")
    program = record(fn, (rows, 6), (rows, 40))
    names = [n for n in program.step_names if n not in ("greater", "reshape")]
    assert names == ["matmul_epilogue"]
    found = _core.Executable(program).run([x, r])[0].numpy()
    np.testing.assert_allclose(found, fn(ops.array(x), ops.array(r)).numpy(), rtol=2e-6, atol=2e-6)


def test_a_result_that_others_read_is_kept():
    def fn(x):
        y = ops.matmul(x, W)
        return ops.tanh(y), ops.sum(y, axis=0)

    x = generator.normal(size=(7, 6)).astype("float32")
    program = record(fn, (None, 6))
    assert "tanh" not in program.step_names
    found = [t.numpy() for t in _core.Executable(program).run([x])]
    for seen, wanted in zip(found, fn(ops.array(x)), strict=True):
        np.testing.assert_allclose(seen, wanted.numpy(), rtol=2e-5, atol=2e-5)


def test_what_the_tail_needs_is_there_when_it_runs():
    def fn(x):
        y = ops.matmul(x, W)
        return ops.tanh(y) * ops.sum(y, axis=0)  # the sum needs the whole product

    x = generator.normal(size=(7, 6)).astype("float32")
    found = _core.Executable(record(fn, (None, 6))).run([x])[0].numpy()
    np.testing.assert_allclose(found, fn(ops.array(x)).numpy(), rtol=2e-5, atol=2e-5)


def test_a_truth_value_alone_leaves_the_product_its_memory():
    def fn(x):
        return ops.matmul(x, W) > 0.25

    x = generator.normal(size=(7, 6)).astype("float32")
    found = _core.Executable(record(fn, (None, 6))).run([x])[0].numpy()
    np.testing.assert_array_equal(found, fn(ops.array(x)).numpy())


def test_products_of_no_rows_have_tails_too():
    program = record(lambda x: ops.tanh(ops.matmul(x, W) + B), (None, 6))
    found = _core.Executable(program).run([np.zeros((0, 6), "float32")])[0]
    assert found.shape == (0, 40)


def test_a_new_value_of_a_variable_is_written_over_the_old_one_by_its_own_step():
    weight = Variable(np.ones((6, 40), "float32"))

    def update(x, dy):
        weight.assign(weight - 0.1 * ops.matmul(ops.transpose(x), dy))
        return ops.sum(dy)

    names = record(update, (5, 6), (5, 40)).step_names
    assert "fused" in names and "matmul" in names
    x, dy = generator.normal(size=(5, 6)), generator.normal(size=(5, 40))
    x, dy = x.astype("float32"), dy.astype("float32")
    _core.Executable(record(update, (5, 6), (5, 40))).run([x, dy])
    assert np.allclose(ops.convert_to_numpy(weight), 1 - 0.1 * x.T @ dy, atol=1e-5)
