"""What programs make of batch normalization and its neighbours, and of means of gathered rows."""

from __future__ import annotations

import numpy as np
import pytest
from addax import _core, ops


def optimized(fn, *shapes, dtypes=None):
    """The optimized program's step names and what it computes, for random inputs."""
    rng = np.random.default_rng(3)
    dtypes = dtypes or ["float32"] * len(shapes)
    with _core.Recording() as recording:
        inputs = [recording.input(f"x{i}", d, s) for i, (s, d) in enumerate(zip(shapes, dtypes))]
        program = recording.finish(fn(*inputs))
    arrays = [
        rng.normal(size=s).astype(d) if d == "float32" else rng.integers(0, 5, s).astype(d)
        for s, d in zip(shapes, dtypes)
    ]
    eager = [y.numpy() for y in fn(*(_core.tensor(a) for a in arrays))]
    replayed = [y.numpy() for y in _core.Executable(program).run(arrays)]
    for seen, wanted in zip(replayed, eager, strict=True):
        np.testing.assert_allclose(seen, wanted, rtol=1e-5, atol=1e-5)
    return program.optimize().step_names


def normalized(x, gamma, beta):
    return _core.op("batch_normalization")(x, gamma, beta, epsilon=1e-3)


def with_gradient(forward):
    """The results of `forward` and the gradients of the first by all inputs."""

    def fn(upstream, *inputs):
        tape = _core.Tape()
        tape.start()
        for x in inputs:
            tape.watch(x)
        results = forward(*inputs)
        tape.stop()
        return [*results, *tape.gradient([results[0]], list(inputs), [upstream])]

    return fn


IMAGE, CHANNELS = (7, 5, 6), (6,)


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_an_activation_joins_batch_normalization_and_its_gradient(activation):
    def forward(x, gamma, beta):
        y, mean, variance = normalized(x, gamma * 4.0, beta)
        return [getattr(ops, activation)(y), mean, variance]

    names = optimized(with_gradient(forward), IMAGE, IMAGE, CHANNELS, CHANNELS)
    assert {"batch_normalization", "batch_normalization_gradient"} <= set(names)
    assert not {"relu", "minimum", "where", "greater"}.intersection(names), names


@pytest.mark.parametrize("activation", ["relu", "relu6"])
def test_an_activation_joins_without_a_gradient_too(activation):
    names = optimized(
        lambda x, g, b: [getattr(ops, activation)(normalized(x, g, b)[0])],
        IMAGE,
        CHANNELS,
        CHANNELS,
    )
    assert names == ["batch_normalization"]


def test_a_shortcut_joins_batch_normalization():
    def forward(x, gamma, beta, shortcut):
        return [ops.relu(normalized(x, gamma, beta)[0] + shortcut)]

    names = optimized(with_gradient(forward), IMAGE, IMAGE, CHANNELS, CHANNELS, IMAGE)
    assert "batch_normalization_add" in names
    assert "relu" not in names and "add" not in names


def test_of_two_normalized_branches_the_later_adds():
    def forward(x, gamma, beta, other):
        return [normalized(x, gamma, beta)[0] + normalized(other, gamma, beta)[0]]

    names = optimized(with_gradient(forward), IMAGE, IMAGE, CHANNELS, CHANNELS, IMAGE)
    assert names.count("batch_normalization_add") == 1


def test_a_normalized_value_that_others_read_stays():
    def forward(x, gamma, beta):
        y = normalized(x, gamma, beta)[0]
        return [ops.relu(y), y]

    names = optimized(with_gradient(forward), IMAGE, IMAGE, CHANNELS, CHANNELS)
    assert "batch_normalization" in names and "fused" in names  # relu and its mask


def test_a_relu_whose_positive_part_others_read_is_not_taken_for_relu6():
    def forward(x, gamma, beta):
        y = ops.relu(normalized(x, gamma * 4.0, beta)[0])
        return [ops.minimum(y, np.float32(6)), y]

    names = optimized(with_gradient(forward), IMAGE, IMAGE, CHANNELS, CHANNELS)
    assert "fused" in names  # the minimum and its mask stay; what they give `optimized` compares


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("width", [1, 7, 16, 70, 200])
def test_the_mean_of_gathered_rows_reads_them_where_they_lie(dtype, width):
    fn = lambda x, at: [ops.mean(_core.op("gather")(x, at, axis=0), axis=1)]  # noqa: E731
    dtypes = ["float32", dtype]
    assert optimized(fn, (5, width), (3, 300), dtypes=dtypes) == ["gather_mean"]


def test_a_mean_over_other_axes_of_gathered_rows_stays():
    for axis in (0, 2, (0, 1)):
        fn = lambda x, at, a=axis: [ops.mean(_core.op("gather")(x, at, axis=0), axis=a)]  # noqa: E731
        names = optimized(fn, (5, 4), (3, 6), dtypes=["float32", "int32"])
        assert "gather_mean" not in names


def test_an_index_out_of_range_is_still_an_error():
    with _core.Recording() as recording:
        x = recording.input("x", "float32", (5, 4))
        at = recording.input("at", "int32", (None, 3))
        rows = _core.op("gather")(x, at, axis=0, nonnegative=True)
        program = recording.finish([ops.mean(rows, axis=1)])
    run = _core.Executable(program).run
    with pytest.raises(IndexError, match=r"index -1 \(number 1 of 3\) is out of range"):
        run([np.ones((5, 4), "float32"), np.array([[0, -1, 2]], "int32")])
