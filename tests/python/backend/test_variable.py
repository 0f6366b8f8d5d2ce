"""Variables: creation, assignment, names, scopes, copies."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from addax import ops
from addax.backend import (
    AutocastScope,
    CompiledFunction,
    StatelessScope,
    Variable,
    clear_session,
    name_scope,
)


def test_a_value_gives_shape_and_dtype() -> None:
    assert Variable([1, 2, 3]).dtype == "int32"
    assert Variable(2).dtype == "int32"
    assert Variable(True).dtype == "bool"
    assert Variable([1.0, 2]).dtype == "float32"
    assert Variable(np.zeros((2, 3), np.int64)).dtype == "int64"
    assert Variable(np.zeros((2, 3)), dtype="float32").dtype == "float32"
    v = Variable(np.zeros((2, 3)))
    assert (v.shape, v.ndim, v.size, v.trainable) == ((2, 3), 2, 6, True)


def test_an_initializer_needs_a_shape() -> None:
    v = Variable(lambda shape, dtype: ops.ones(shape, dtype), shape=(2, 2), dtype="float64")
    assert v.numpy().tolist() == [[1, 1], [1, 1]]
    assert v.dtype == "float64"
    assert Variable("zeros", shape=(3,)).numpy().tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="the `shape` argument should be specified"):
        Variable(lambda shape, dtype: None)
    with pytest.raises(ValueError, match="fully-defined"):
        Variable("zeros", shape=(None, 3))


def test_assigning_replaces_adds_and_subtracts() -> None:
    v = Variable([1.0, 2.0])
    assert ops.is_tensor(v.assign([3, 4]))
    assert v.numpy().tolist() == [3, 4]
    v.assign_add([1, 1])
    v.assign_sub(np.ones(2))
    v.assign_sub(v)
    assert v.numpy().tolist() == [0, 0]
    with pytest.raises(ValueError, match="must match"):
        v.assign([1.0, 2.0, 3.0])


def test_the_given_array_is_copied() -> None:
    x = np.zeros(3, np.float32)
    v = Variable(x)
    x[0] = 9
    assert v.numpy()[0] == 0
    y = v.numpy()
    y[1] = 9
    assert v.numpy()[1] == 0


def test_names_and_paths_follow_the_scopes() -> None:
    clear_session()
    assert Variable(0.0).name == "variable"
    assert Variable(0.0).name == "variable_1"
    with name_scope("model"), name_scope("dense"):
        v = Variable(0.0, name="kernel")
    assert (v.name, v.path) == ("kernel", "model/dense/kernel")
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        Variable(0.0, name="a/b")


def test_a_scope_reopened_by_its_caller_is_not_doubled() -> None:
    caller = object()
    with name_scope("a", caller=caller):
        with name_scope("a", caller=caller):
            assert Variable(0.0, name="v").path == "a/v"
        with name_scope("a", caller=object()):
            assert Variable(0.0, name="v").path == "a/a/v"
        with name_scope("b", override_parent="root"):
            assert Variable(0.0, name="v").path == "root/b/v"
        with name_scope("b", override_parent=""):
            assert Variable(0.0, name="v").path == "b/v"
    assert Variable(0.0, name="v").path == "v"


def test_repr_is_that_of_keras() -> None:
    with name_scope("dense"):
        v = Variable(np.zeros((2, 1), np.float32), name="kernel")
    assert repr(v).startswith(
        "<Variable path=dense/kernel, shape=(2, 1), dtype=float32, value=[[0.]"
    )


def test_variables_are_arrays_numbers_and_iterable() -> None:
    v = Variable([1.0, 2.0])
    assert np.asarray(v).tolist() == [1, 2]
    assert [float(x) for x in v] == [1, 2]
    assert len(v) == 2
    assert float(Variable(2.5)) == 2.5
    assert bool(Variable(True, dtype="bool"))
    assert v[1].numpy() == 2
    assert (v == [1.0, 5.0]).numpy().tolist() == [True, False]
    assert {v: 1}[v] == 1


def test_regularizers_and_constraints_must_be_callable() -> None:
    v = Variable(1.0)
    v.regularizer = lambda x: x
    v.constraint = None
    with pytest.raises(ValueError, match="Invalid value for attribute `regularizer`"):
        v.regularizer = 3
    with pytest.raises(ValueError, match="Invalid value for attribute `constraint`"):
        v.constraint = "max"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_have_a_value_of_their_own(again) -> None:
    v = Variable([1.0, 2.0], trainable=False, name="v")
    w = again(v)
    v.assign([5.0, 5.0])
    assert w.numpy().tolist() == [1, 2]
    assert (w.name, w.path, w.trainable, w.dtype) == (v.name, v.path, False, "float32")


def test_autocast_scopes_change_the_dtype_that_is_seen() -> None:
    v, n = Variable([1.0]), Variable([1], dtype="int32")
    fixed = Variable([1.0], autocast=False)
    with AutocastScope("float64"):
        assert v.value.dtype == v.dtype == "float64"
        assert (n.value.dtype, fixed.value.dtype) == ("int32", "float32")
        v.assign_add([1.0])
        with AutocastScope(None):
            assert v.value.dtype == "float32"
    assert v.value.dtype == "float32"
    assert v.numpy().tolist() == [2]
    with pytest.raises(ValueError):
        AutocastScope("int32")


def test_stateless_scopes_keep_assignments_to_themselves() -> None:
    v, w = Variable(1.0), Variable(2.0)
    with StatelessScope([(v, 10.0)]) as scope:
        assert float(v.value) == 10
        w.assign_add(v)
        assert float(w.value) == 12
    assert (float(v.value), float(w.value)) == (1, 2)
    assert float(scope.get_current_value(w)) == 12
    with pytest.raises(ValueError):
        StatelessScope([(v, [1.0, 2.0])])


def test_variables_made_while_recording_are_concrete() -> None:
    made = []

    def f(x):
        if not made:
            made.append(Variable("ones", shape=(2,)))
        made[0].assign_add([1.0, 1.0])
        return x * made[0]

    run = CompiledFunction(f)
    assert run(np.float32([1, 2])).numpy().tolist() == [2, 4]
    assert run(np.float32([1, 2])).numpy().tolist() == [3, 6]
    assert made[0].numpy().tolist() == [3, 3]
