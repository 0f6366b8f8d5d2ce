"""Operations in a graph that TensorFlow.js has a layer for are written as that layer."""

from __future__ import annotations

import pytest
from addax import Input, Model, layers, ops
from addax.ops.operation import FunctionOperation
from comparing import check, decode, encode, predict
from saying import warnings_of_saving
from tfjs_cases import BUILT_BY_ADDAX, Case

# What TensorFlow.js cannot read is no row of the table.
DIRECTION = {"test_a_graph_of_operations_predicts_the_same": "Addax to TensorFlow.js"}


def shortcut(x, y):
    return layers.Dense(4)(x) + y


def products(x, y):
    return ops.maximum(x * y, ops.minimum(x, 0.5 * y))


def broadcast(x, y):
    return x * layers.Dense(1, activation="sigmoid")(y)


def numbers(x, y):
    return ops.concatenate([x + 1, 2.5 - x, x - 0.5, y * 3.0, 0.5 * y, y / 4], axis=-1)


def activation_functions(x, y):
    kinds = (ops.relu, ops.relu6, ops.selu, ops.sigmoid, ops.silu, ops.softmax, ops.tanh)
    return ops.concatenate([*(f(x) for f in (*kinds, ops.softplus, ops.softsign)), y], axis=1)


def operation_of_a_keras_file(function, **arguments):
    """An operation as it comes from a `.keras` file: what is no tensor stands in its config."""
    return FunctionOperation(function, arguments=arguments)


def of_a_keras_file(x, y):
    x = operation_of_a_keras_file("concatenate", axis=-1)([x, y])
    return operation_of_a_keras_file("softmax", axis=-1)(x)


WRITTEN = {
    f.__name__: f
    for f in (shortcut, products, broadcast, numbers, activation_functions, of_a_keras_file)
}
# Slices, other axes and numbers divided by tensors have no layer there.
UNKNOWN = {
    "slice": lambda x, y: x[:, :2],
    "axis": lambda x, y: ops.softmax(x, axis=0),
    "axis_of_a_keras_file": lambda x, y: operation_of_a_keras_file("softmax", axis=0)(x),
    "reciprocal": lambda x, y: 1.0 / (x + 3.0),
    "difference": lambda x, y: x - y,
    "one_alone": lambda x, y: ops.concatenate([x], axis=-1),
    "ranks": lambda x, y: layers.Reshape((2, 2))(x) + ops.sum(y),
}


def model_of(function):
    x, y = Input((4,)), Input((4,))
    return Model([x, y], function(x, y))


@pytest.fixture(scope="module")
def loaded(client, tmp_path_factory):
    root = tmp_path_factory.mktemp("operations")
    inputs = Case([(4,), (4,)]).inputs()
    ours, jobs = {}, {}
    for name, function in WRITTEN.items():
        model = model_of(function)
        assert warnings_of_saving(model, root / name) == []
        ours[name] = predict(model, inputs)
        jobs[name] = {
            "model": {"folder": str(root / name)},
            "inputs": [encode(x) for x in inputs],
        }
    return ours, client.run(jobs)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_graph_of_operations_predicts_the_same(loaded, name):
    ours, results = loaded
    assert "error" not in results[name], results[name]
    check(ours[name], decode(results[name]["outputs"]))


def test_no_model_of_the_table_has_the_name_of_another():
    assert not WRITTEN.keys() & BUILT_BY_ADDAX.keys()


@pytest.mark.parametrize("name", UNKNOWN)
def test_operations_without_such_a_layer_are_warned_of(name, tmp_path):
    (text,) = warnings_of_saving(model_of(UNKNOWN[name]), tmp_path / "model")
    assert "FunctionOperation" in text
