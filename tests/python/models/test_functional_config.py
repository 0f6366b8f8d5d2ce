"""Configs of functional models: Keras 3, Keras 2, TensorFlow.js, and malformed ones."""

import copy
import json

import addax as keras
import numpy as np
import pytest
from addax import layers, ops
from addax.backend import names


@pytest.fixture(autouse=True)
def fresh_names():
    names.reset()


def ones(*shape):
    return np.ones(shape, "float32")


def through_json(model):
    config = json.loads(json.dumps(model.get_config()))
    return keras.Model.from_config(config), config


def graph():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(4, name="shared")
    x = keras.Input((4,))
    nested = keras.Model(x, layers.Dense(4, name="in_nested")(x), name="nested")
    stack = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="stack")
    h = layers.Add()([shared(nested(shared(a))), stack(b), nested(b)])
    return keras.Model({"a": a, "b": b}, [nested(h), {"z": ops.mean(h, axis=-1)[:, None]}])


def test_shared_and_nested_layers_survive():
    model = graph()
    again, config = through_json(model)
    assert json.loads(json.dumps(again.get_config())) == config
    again.set_weights(model.get_weights())
    data = {"a": ones(2, 4), "b": 3 * ones(2, 4)}
    want, got = model(data), again(data)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-6)
    np.testing.assert_allclose(got[1]["z"], want[1]["z"], rtol=1e-6)


def test_only_calls_inside_the_model_count():
    d = layers.Dense(4, name="d")
    d(keras.Input((4,)))
    x = keras.Input((4,), name="x")
    model = keras.Model(x, d(x))
    d(keras.Input((4,)))
    again, config = through_json(model)
    assert config["output_layers"] == ["d", 0, 0]
    assert again(ones(1, 4)).shape == (1, 4)


def test_keras_counts_from_1_for_functional_outputs_only():
    x = keras.Input((4,), name="x")
    inner = keras.Model(x, layers.Dense(2)(x), name="inner")
    y = keras.Input((4,), name="y")
    model = keras.Model(y, inner(y))
    again, config = through_json(model)
    assert config["output_layers"] == ["inner", 1, 0]
    assert again.output_shape == (None, 2)


def test_states_and_masks_in_keyword_arguments_survive():
    x, h = keras.Input((3, 2), name="x"), keras.Input((2,), name="h")
    model = keras.Model([x, h], layers.GRU(2)(x, initial_state=h))
    again, _ = through_json(model)
    again.set_weights(model.get_weights())
    data = [ones(1, 3, 2), 5 * ones(1, 2)]
    np.testing.assert_allclose(again(data), model(data), rtol=1e-6)


def layer(class_name, name, inbound_nodes, **config):
    return {
        "class_name": class_name,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": inbound_nodes,
    }


def keras_2_graph():
    return {
        "name": "old",
        "layers": [
            # The shared layer stands before the one it reads from.
            layer("Dense", "shared", [[["x", 0, 0, {}]], [["mid", 0, 0, {}]]], units=4),
            layer("Dense", "mid", [[["shared", 0, 0, {}]]], units=4),
            layer(
                "InputLayer",
                "x",
                [],
                batch_input_shape=[None, 4],
                dtype="float32",
                sparse=False,
                ragged=False,
            ),
            layer("Concatenate", "cat", [[["shared", 1, 0, {}], ["x", 0, 0, {}]]], axis=-1),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["cat", 0, 0]],
    }


def test_keras_2_graphs_are_read():
    model = keras.Model.from_config(keras_2_graph())
    assert model.name == "old" and model.input_shape == (None, 4)
    assert model(ones(2, 4)).shape == (2, 8), "one input and one output, not lists of them"


def test_flat_references_are_read():
    config = keras_2_graph()
    config["input_layers"] = ["x", 0, 0]
    config["output_layers"] = ["cat", 0, 0]
    config["layers"][1]["inbound_nodes"] = ["shared", 0, 0, {}]
    assert keras.Model.from_config(config)(ones(2, 4)).shape == (2, 8)


def test_old_nested_models_count_their_own_graph_as_call_0():
    inner = {
        "name": "seq",
        "layers": [{"class_name": "Dense", "config": {"units": 3, "batch_input_shape": [None, 4]}}],
    }
    config = {
        "name": "outer",
        "layers": [
            layer("InputLayer", "x", [], batch_input_shape=[None, 4]),
            {
                "class_name": "Sequential",
                "name": "seq",
                "config": inner,
                "inbound_nodes": [[["x", 0, 0, {}]]],
            },
            layer("Dense", "d", [[["seq", 1, 0, {}]]], units=2),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["d", 0, 0]],
    }
    assert keras.Model.from_config(config).output_shape == (None, 2)
    config["output_layers"] = [["seq", 1, 0]]
    assert keras.Model.from_config(config).output_shape == (None, 3)


def test_old_recurrent_states_follow_the_input():
    config = {
        "name": "rnn",
        "layers": [
            layer("InputLayer", "x", [], batch_input_shape=[None, 3, 2]),
            layer("InputLayer", "h", [], batch_input_shape=[None, 2]),
            layer("SimpleRNN", "r", [[["x", 0, 0, {}], ["h", 0, 0, {}]]], units=2),
        ],
        "input_layers": [["x", 0, 0], ["h", 0, 0]],
        "output_layers": [["r", 0, 0]],
    }
    model = keras.Model.from_config(config)
    y = model([0 * ones(1, 3, 2), 0 * ones(1, 2)])
    z = model([0 * ones(1, 3, 2), ones(1, 2)])
    np.testing.assert_array_equal(y, np.zeros((1, 2)))
    assert (np.array(z) != 0).all()


def test_operations_of_keras_3_files_are_found():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(4, name="d")(x))
    config = json.loads(json.dumps(model.get_config()))
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["d", 0, 0]},
    }
    config["layers"].append(
        {
            "module": "keras.src.ops.numpy",
            "class_name": "Sum",
            "config": {"name": "total", "axis": 1, "keepdims": True},
            "registered_name": "Sum",
            "name": "total",
            "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
        }
    )
    config["output_layers"] = ["total", 0, 0]
    model = keras.Model.from_config(config)
    assert model.output_shape == (None, 1)


def test_keras_3_writes_training_false_for_everybody():
    x = keras.Input((100,), name="x")
    model = keras.Model(x, layers.Dropout(0.5, name="d")(x))
    config = json.loads(json.dumps(model.get_config()))
    config["layers"][1]["inbound_nodes"][0]["kwargs"] = {"training": False, "mask": None}
    again = keras.Model.from_config(config)
    assert (np.array(again(ones(1, 100), training=True)) == 0).any()


def mutate(change):
    config = keras_2_graph()
    change(config)
    return config


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["layers"].pop(2),
        lambda c: c["layers"].append(copy.deepcopy(c["layers"][0])),
        lambda c: c.update(layers={}),
        lambda c: c.update(layers=[3]),
        lambda c: c.update(input_layers=[["x", 5, 0]]),
        lambda c: c.update(input_layers=[["x", 0, -1]]),
        lambda c: c.update(output_layers=[["zz", 0, 0]]),
        lambda c: c.update(output_layers=[["cat", 0]]),
        lambda c: c.update(output_layers=None),
        lambda c: c.update(output_layers=[]),
        lambda c: c["layers"][1].update(inbound_nodes=[[["cat", 0, 0, {}]]]),
        lambda c: c["layers"][1].update(inbound_nodes=[["shared"]]),
        lambda c: c["layers"][1].update(inbound_nodes=[[[1, 2, 3, 4]]]),
        lambda c: c["layers"][1].update(inbound_nodes={"a": 1}),
        lambda c: c["layers"][1].update(name=3, config={}),
        lambda c: c["layers"][1].update(class_name="Nothing"),
        lambda c: c["layers"][1].update(class_name=["Dense"]),
        lambda c: c["layers"][1].update(config=[]),
        lambda c: c["layers"][1]["config"].update(units="many"),
        lambda c: c["layers"][1]["config"].update(units=-1),
        lambda c: c["layers"][2]["config"].update(batch_input_shape="ab"),
        lambda c: c["layers"][2]["config"].update(batch_input_shape=[None, -4]),
    ],
)
def test_malformed_graphs_are_value_or_type_errors(change):
    with pytest.raises((ValueError, TypeError)):
        keras.saving.deserialize_keras_object({"class_name": "Model", "config": mutate(change)})


def test_a_deeply_nested_config_is_refused():
    config = {"class_name": "Dense", "config": {"units": 1}}
    for i in range(300):
        config = {"class_name": "Sequential", "config": {"name": f"s{i}", "layers": [config]}}
    with pytest.raises(ValueError, match="more than 64 deep"):
        keras.saving.deserialize_keras_object(config)
    deep = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(ValueError, match="more than 128 deep"):
        keras.saving.deserialize_keras_object(deep)
