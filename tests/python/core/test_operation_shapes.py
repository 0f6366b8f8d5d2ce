"""What the core promises of shapes, indices and reductions beyond the table of operations."""

from __future__ import annotations

import numpy as np
import pytest
from addax import _core

nan, inf = float("nan"), float("inf")


def run(op, *arrays, **attributes):
    out = _core.op(op)(*(_core.tensor(np.asarray(a)) for a in arrays), **attributes)
    return tuple(o.numpy() for o in out) if isinstance(out, tuple) else out.numpy()


def x32(*values):
    return np.array(values, np.float32)


# ---- Unknown sizes


def test_slices_of_an_unknown_axis_have_plain_expressions_as_sizes():
    with _core.Recording() as recording:
        time = _core.Dim.unknown("time")
        x = recording.input("x", "float32", [time, 3])
        cut = _core.op("slice")
        tail = cut(x, start=[1, 0], stop=[time, 3], step=[1, 1])
        head = cut(x, start=[0, 0], stop=[time - 1, 3], step=[1, 1])
        last = cut(x, start=[time - 2, 0], stop=[time, 3], step=[1, 1])
        back = cut(x, start=[time - 1, 0], stop=[-1, 3], step=[-1, 1])
        assert tail.dims[0] == head.dims[0] == time - 1
        assert last.dims[0] == 2
        assert back.dims[0] == time
        sums = _core.op("add")(tail, head)
        program = recording.finish([sums, last, back])
    executable = _core.Executable(program)
    for n in (2, 3, 10):
        data = np.random.default_rng(n).random((n, 3), np.float32)
        sums, last, back = (t.numpy() for t in executable.run([data]))
        assert np.array_equal(sums, data[1:] + data[:-1])
        assert np.array_equal(last, data[-2:])
        assert np.array_equal(back, data[::-1])


def test_a_slice_longer_than_an_unknown_axis_is_clipped_when_it_runs():
    with _core.Recording() as recording:
        x = recording.input("x", "float32", [None])
        program = recording.finish([_core.op("slice")(x, start=[0], stop=[4], step=[1])])
    executable = _core.Executable(program)
    for n in (0, 2, 4, 9):
        data = np.arange(n, dtype=np.float32)
        assert np.array_equal(executable.run([data])[0].numpy(), data[:4])


def test_reshape_resolves_minus_one_over_an_unknown_batch():
    with _core.Recording() as recording:
        batch = _core.Dim.unknown("batch")
        x = recording.input("x", "float32", [batch, 4, 6])
        flat = _core.op("reshape")(x, shape=[batch, -1])
        rows = _core.op("reshape")(x, shape=[-1, 6])
        assert flat.dims[1] == 24
        assert rows.dims[0] == batch * 4
        program = recording.finish([flat, rows])
    executable = _core.Executable(program)
    for n in (0, 1, 5):
        flat, rows = executable.run([np.ones((n, 4, 6), np.float32)])
        assert flat.shape == (n, 24) and rows.shape == (n * 4, 6)


def test_gradients_of_recorded_slices_keep_the_unknown_size():
    with _core.Recording() as recording:
        time = _core.Dim.unknown("time")
        x = recording.input("x", "float64", [time])
        tape = _core.Tape()
        tape.start()
        tape.watch(x)
        y = _core.op("slice")(x, start=[1], stop=[time], step=[1])
        z = _core.op("slice")(x, start=[0], stop=[time], step=[2])
        both = [_core.op("square")(y), _core.op("square")(z)]
        tape.stop()
        (dx,) = tape.gradient(both, [x])
        program = recording.finish([dx])
    executable = _core.Executable(program)
    for n in (1, 2, 7):
        data = np.arange(n, dtype=np.float64) + 1
        wanted = 2 * data * np.where(np.arange(n) > 0, 1, 0) + 2 * data * (np.arange(n) % 2 == 0)
        assert np.allclose(executable.run([data])[0].numpy(), wanted)


# ---- NaN, ties, emptiness


def test_nan_wins_max_and_min_and_their_indices():
    x = x32(1, nan, 3)
    assert np.isnan(run("max", x, axes=[0])) and np.isnan(run("min", x, axes=[0]))
    assert run("argmax", x, axis=0) == 1 and run("argmin", x, axis=0) == 1


def test_an_empty_maximum_is_an_error_and_an_empty_sum_is_zero():
    with pytest.raises(ValueError, match="max: axis 0 is empty"):
        run("max", np.zeros((0, 3), np.float32), axes=[0])
    assert np.array_equal(run("sum", np.zeros((0, 3), np.float32), axes=[0]), np.zeros(3))
    assert run("max", np.zeros((0, 3), np.float32), axes=[1]).shape == (0,)
    assert run("all", np.zeros((0, 2), bool), axes=[0]).tolist() == [True, True]
    assert run("logsumexp", np.zeros((0, 2)), axes=[0]).tolist() == [-inf, -inf]


def test_elements_that_share_the_maximum_share_its_gradient():
    x = _core.tensor(np.array([2.0, 1.0, 2.0]))
    tape = _core.Tape()
    tape.start()
    tape.watch(x)
    y = _core.op("max")(x, axes=[0])
    tape.stop()
    assert tape.gradient([y], [x])[0].numpy().tolist() == [0.5, 0, 0.5]


def test_sort_puts_nan_last_and_top_k_takes_it_first():
    x = x32(2, nan, -inf, inf)
    assert run("argsort", x, axis=0).tolist() == [2, 0, 3, 1]
    assert np.isnan(run("sort", x, axis=0)[3])
    assert run("top_k", x, k=2)[1].tolist() == [1, 3]
    assert run("top_k", x32(5, 7, 7, 5), k=3)[1].tolist() == [1, 2, 0]


# ---- Errors


def test_an_index_out_of_range_is_named():
    x = np.zeros((4, 10), np.float32)
    with pytest.raises(IndexError, match=r"gather: index 10 \(number 1 of 3\).* axis 1 of size 10"):
        run("gather", x, np.array([9, 10, 11]), axis=1)
    with pytest.raises(IndexError, match="take_along_axis: index -5"):
        run("take_along_axis", x, np.full((1, 10), -5), axis=0)
    with pytest.raises(IndexError, match="gather_nd: index 4"):
        run("gather_nd", x, np.array([[0, 1], [4, 0]]))
    with pytest.raises(IndexError, match="size 0"):
        run("gather", np.zeros((0, 2), np.float32), np.array([0]), axis=0)


def test_a_label_out_of_range_names_the_label_and_the_number_of_classes():
    logits = np.zeros((3, 10), np.float32)
    with pytest.raises(ValueError, match=r"label 10 \(number 2 of 3\) is not in \[0, 10\)"):
        run("sparse_softmax_cross_entropy", logits, np.array([0, 9, 10]))
    with pytest.raises(ValueError, match="label -1"):
        run("sparse_softmax_cross_entropy", logits, np.array([-1, 0, 0]))


@pytest.mark.parametrize(
    ("op", "arrays", "attributes", "message"),
    [
        ("reshape", [np.zeros(6)], {"shape": [4, -1]}, "cannot reshape 6 elements"),
        ("reshape", [np.zeros(6)], {"shape": [-1, -1]}, "more than one -1"),
        ("reshape", [np.zeros(6)], {"shape": [5]}, r"shape \(6.*\) into shape \(5"),
        ("transpose", [np.zeros((2, 3))], {"perm": [0]}, "perm names 1 axes"),
        ("transpose", [np.zeros((2, 3))], {"perm": [1, 1]}, "given twice"),
        ("concatenate", [np.zeros((2, 3)), np.zeros((3, 3))], {"axis": 1}, "off the concat"),
        ("slice", [np.zeros(3)], {"start": [0], "stop": [1], "step": [0]}, "must not be 0"),
        ("slice", [np.zeros(3)], {"start": [0, 0], "stop": [1], "step": [1]}, "start has 2"),
        ("slice_update", [np.zeros(3), np.zeros(2)], {"start": [2], "step": [1]}, "reaches"),
        ("pad", [np.zeros(3)], {"low": [-4], "high": [0]}, "negative size"),
        ("pad", [np.zeros(0)], {"low": [1], "high": [0], "mode": "edge"}, "nothing to repeat"),
        ("pad", [np.zeros(3)], {"low": [1], "high": [0], "mode": "wrap"}, "mode must be"),
        ("sum", [np.zeros((2, 3))], {"axes": [2]}, "axis 2 is out of range for rank 2"),
        ("sum", [np.zeros((2, 3))], {"axes": [0, -2]}, "given twice"),
        ("top_k", [np.zeros(3)], {"k": 4}, "k must be in"),
        ("gather_nd", [np.zeros(3), np.zeros((2, 2), np.int32)], {}, "last size"),
    ],
)
def test_bad_shapes_are_value_errors_that_name_the_operation(op, arrays, attributes, message):
    with pytest.raises(ValueError, match=f"{op}: .*{message}"):
        run(op, *arrays, **attributes)


def test_wrong_dtypes_are_type_errors():
    with pytest.raises(TypeError, match="gather: input 1 must hold int32 or int64"):
        run("gather", np.zeros(3), np.zeros(2), axis=0)
    with pytest.raises(TypeError, match="softmax"):
        run("softmax", np.zeros(3, np.int32), axis=0)
    with pytest.raises(TypeError, match="any"):
        run("any", np.zeros(3), axes=[0])


# ---- Precision and determinism


def test_a_long_mean_keeps_six_digits():
    x = np.full(2**21, 0.1, np.float32)
    exact = float(np.float32(0.1))
    assert abs(run("mean", x, axes=[0]) - exact) <= 1e-6 * exact
    assert abs(run("sum", x.reshape(-1, 2), axes=[0])[0] / 2**20 - exact) <= 1e-6 * exact


def test_reductions_have_the_same_bits_for_any_number_of_threads():
    x = np.random.default_rng(0).random((3000, 701), np.float32)
    before = _core.thread_count()
    try:
        seen = []
        for threads in (1, 2, 3, 4):
            _core.set_thread_count(threads)
            seen.append([run("sum", x, axes=axes) for axes in ([0], [1], [0, 1])])
    finally:
        _core.set_thread_count(before)
    for other in seen[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(seen[0], other, strict=True))
