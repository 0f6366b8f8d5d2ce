"""Functions that run as recorded programs: when they are recorded, and what they give."""

from __future__ import annotations

import numpy as np
import pytest
from addax import ops
from addax.backend import CompiledFunction, KerasTensor, Variable, compute_output_spec


class Counted:
    """A function that counts how often Python runs it."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.function(*args, **kwargs)


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def test_one_recording_serves_all_batch_sizes() -> None:
    f = Counted(lambda x: ops.sum(x, axis=1) * 2)
    run = CompiledFunction(f)
    for n in (1, 2, 7, 1, 0):
        assert run(ones(n, 3)).numpy().tolist() == [6.0] * n
    assert f.calls == 1


def test_other_shapes_dtypes_and_values_are_recorded_anew() -> None:
    f = Counted(lambda x, training=False: x + 1 if training else x)
    run = CompiledFunction(f)
    run(ones(2, 3))
    run(ones(2, 4))
    run(ones(2, 3, dtype=np.float64))
    run(ones(2, 3), training=True)
    run(ones(2))
    assert f.calls == 5
    run(ones(5, 3), training=True)
    run(ops.ones((2, 4)))
    assert f.calls == 5


def test_structures_come_back_as_they_were_returned() -> None:
    def f(batch):
        return {"sum": batch["a"] + batch["b"][0], "none": None, "n": 3, "list": [batch["a"], ()]}

    result = CompiledFunction(f)({"a": ones(2), "b": (ones(2), "text")})
    assert result["sum"].numpy().tolist() == [2, 2]
    assert result["none"] is None
    assert result["n"] == 3
    assert result["list"][1] == ()


def test_leading_axes_of_one_size_are_one_batch() -> None:
    f = Counted(lambda x, y: (x * y, ops.concatenate([x, y], 1)))
    run = CompiledFunction(f)
    for n in (2, 3):
        product, both = run(ones(n, 3), ones(n, 1))
        assert product.shape == (n, 3)
        assert both.shape == (n, 4)
    assert f.calls == 1


def test_a_size_of_one_broadcasts() -> None:
    f = Counted(lambda x, y: x * y)
    run = CompiledFunction(f)
    assert run(ones(3, 2), ones(1, 2)).shape == (3, 2)
    assert run(ones(5, 2), ones(1, 2)).shape == (5, 2)
    assert f.calls == 1
    assert run(ones(1, 2), ones(1, 2)).shape == (1, 2)
    assert run(ones(4, 2), ones(4, 2)).shape == (4, 2)
    assert f.calls == 2


def test_leading_axes_of_other_sizes_are_other_unknowns() -> None:
    f = Counted(lambda x, y: ops.matmul(x, ops.transpose(y)))
    run = CompiledFunction(f)
    assert run(ones(3, 2), ones(5, 2)).shape == (3, 5)
    assert run(ones(4, 2), ones(6, 2)).shape == (4, 6)
    assert f.calls == 1
    assert run(ones(4, 2), ones(4, 2)).shape == (4, 4)
    assert f.calls == 2


def test_axes_declared_unknown_share_a_recording() -> None:
    f = Counted(lambda x, y: (ops.sum(x, axis=1), y))
    run = CompiledFunction(f, shapes=[(None, None, 4)])
    for steps in (3, 5):
        assert run(ones(2, steps, 4), ones(2)).__getitem__(0).shape == (2, 4)
    assert f.calls == 1
    nested = CompiledFunction(f, shapes=[(None, None), {"a": (None, None)}])
    nested(ones(2, 3), {"a": ones(2, 3), "b": ones(2, 7)})
    nested(ones(2, 4), {"a": ones(2, 4), "b": ones(2, 7)})
    assert f.calls == 2
    nested(ones(2, 4), {"a": ones(2, 9), "b": ones(2, 7)})
    assert f.calls == 3


def test_variables_are_read_and_assigned() -> None:
    total = Variable(0.0)

    def f(x):
        total.assign_add(ops.sum(x))
        return total * 2

    run = CompiledFunction(f)
    assert float(run(ones(3))) == 6
    assert float(run(ones(4))) == 14
    assert float(total.value) == 7
    total.assign(0.0)
    assert float(run(ones(1))) == 2


def test_an_error_while_recording_leaves_everything_usable() -> None:
    total = Variable(1.0)

    def f(x, fail):
        total.assign_add(1.0)
        if fail:
            raise KeyError("no")
        return x + total

    run = CompiledFunction(f)
    with pytest.raises(KeyError):
        run(ones(2), True)
    assert float(total.value) == 1
    assert run(ones(2), False).numpy().tolist() == [3, 3]
    assert (ops.ones(2) + 1).numpy().tolist() == [2, 2]


def test_values_are_not_there_while_recording() -> None:
    def f(x):
        return x if float(ops.sum(x)) > 0 else -x

    with pytest.raises((TypeError, ValueError, RuntimeError)):
        CompiledFunction(f)(ones(2))


def test_arrays_of_any_layout_are_taken() -> None:
    run = CompiledFunction(lambda x: x * 2)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(run(x[:, ::2]).numpy(), x[:, ::2] * 2)
    np.testing.assert_array_equal(run(np.asfortranarray(x)).numpy(), x * 2)
    np.testing.assert_array_equal(run(x.astype(">f4")).numpy(), x * 2)
    assert run(x.astype(np.int8)).dtype == "int32"


def test_recordings_are_bounded_in_number() -> None:
    run = CompiledFunction(lambda x: x)
    for n in range(1, 60):
        run(ones(2, n))
    assert len(run._recorded) <= 32


def test_a_recording_can_be_had_without_running() -> None:
    total = Variable(0.0)
    run = CompiledFunction(lambda x: total.assign_add(ops.sum(x)))
    recorded = run.recorded(ones(2, 3))
    assert float(total.value) == 0
    assert len(recorded.program) > 0


def test_output_specs_have_none_for_unknown_sizes() -> None:
    k = KerasTensor((None, None, 4), name="x")

    def f(x, scale):
        return {
            "same": x * scale,
            "flat": ops.reshape(x, (-1, 4)),
            "last": x[:, -1],
            "sum": ops.sum(x),
            "other": scale,
        }

    spec = compute_output_spec(f, k, 2.0)
    assert spec["same"].shape == (None, None, 4)
    assert spec["flat"].shape == (None, 4)
    assert spec["last"].shape == (None, 4)
    assert spec["sum"].shape == ()
    assert spec["other"] == 2.0


def test_output_specs_leave_variables_alone() -> None:
    v = Variable(1.0)
    spec = compute_output_spec(lambda x: v.assign_add(ops.sum(x)), KerasTensor((None, 2)))
    assert spec.shape == ()
    assert float(v.value) == 1


def test_a_recorded_function_inside_another_is_written_out() -> None:
    inner = CompiledFunction(lambda x: x * 2)
    outer = CompiledFunction(lambda x: inner(x) + 1)
    assert outer(ones(2)).numpy().tolist() == [3, 3]
    assert compute_output_spec(inner, KerasTensor((None, 2))).shape == (None, 2)
