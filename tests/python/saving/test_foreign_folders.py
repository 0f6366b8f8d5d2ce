"""Folders in the dialect of TensorFlow.js, written by us or by others."""

from __future__ import annotations

import json
import os

import addax as keras
import numpy as np
import pytest
from addax import layers
from saved_models import data, document, recurrent_model, small_model


def test_recurrent_weights_have_the_names_of_tensorflow_js(tmp_path):
    model = recurrent_model()
    model.save(tmp_path / "model")
    names = [w["name"] for w in document(tmp_path / "model")["weightsManifest"][0]["weights"]]
    assert {n.split("/", 1)[1] for n in names if n.startswith("bidirectional")} == {
        f"{way}_lstm/{leaf}"
        for way in ("forward", "backward")
        for leaf in ("kernel", "recurrent_kernel", "bias")
    }
    assert {n.split("/")[1] for n in names if n.startswith("rnn")} == {"RNNCell_0", "RNNCell_1"}
    assert any(n.startswith("time_distributed") and n.endswith("/kernel") for n in names)
    config = document(tmp_path / "model")["modelTopology"]["config"]
    entry = next(e for e in config["layers"] if e["class_name"] == "Bidirectional")
    assert entry["config"]["layer"]["config"]["name"] == "lstm"


def test_layers_of_one_name_in_two_models_keep_their_own_sizes(tmp_path):
    def block(*shape):
        return keras.Sequential([keras.Input((24,)), layers.Reshape(shape, name="r")])

    inputs = keras.Input((24,))
    model = keras.Model(inputs, [block(2, -1)(inputs), block(3, -1, 4)(inputs)])
    model.save(tmp_path / "model")
    entries = document(tmp_path / "model")["modelTopology"]["config"]["layers"]
    inner = [e["config"]["layers"] for e in entries if e["class_name"] == "Sequential"]
    sizes = [
        config["target_shape"] for ls in inner for e in ls if (config := e["config"])["name"] == "r"
    ]
    assert sizes == [[2, 12], [3, 2, 4]]


def strip_addax(folder, change=None):
    """Leaves only what other programs write."""
    saved = document(folder)
    saved.pop("userDefinedMetadata")
    if change is not None:
        change(saved)
    with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as file:
        json.dump(saved, file)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "adagrad"])
@pytest.mark.parametrize("make", [small_model, recurrent_model])
def test_a_file_without_our_section_loads_with_its_optimizer(tmp_path, make, optimizer):
    keras.utils.set_random_seed(4)
    model = make()
    shape = model.input_shape[1:]
    x = np.random.default_rng(0).normal(size=(8, *shape)).astype("float32")
    y = np.random.default_rng(1).normal(size=(8, *model.output_shape[1:]))
    model.compile(optimizer, "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model")
    strip_addax(tmp_path / "model")
    loaded = keras.saving.load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert type(loaded.optimizer) is type(model.optimizer)
    for v, w in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(v), np.asarray(w), err_msg=v.path)


@pytest.mark.parametrize(
    "rename",
    [
        lambda n: f"sequential/{n}",
        lambda n: n.replace("/kernel", "/cell_3/kernel") if "kernel" in n else n,
        lambda n: n + ":0",
    ],
    ids=["model prefix", "level between", "colon"],
)
def test_weights_of_other_writers_are_found_by_name(tmp_path, rename):
    model = small_model()
    x, _ = data()
    model.save(tmp_path / "model")

    def change(saved):
        for spec in saved["weightsManifest"][0]["weights"]:
            spec["name"] = rename(spec["name"])

    strip_addax(tmp_path / "model", change)
    loaded = keras.saving.load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def write_tfjs(folder, topology, weights, **more):
    """A folder as TensorFlow.js writes it."""
    os.makedirs(folder)
    specs = [
        {"name": n, "shape": list(w.shape), "dtype": "float32", **more.pop(n, {})}
        for n, w in weights
    ]
    with open(os.path.join(folder, "weights.bin"), "wb") as file:
        for _, w in weights:
            file.write(np.asarray(w, "<f4").tobytes())
    saved = {
        "modelTopology": topology,
        "format": "layers-model",
        "generatedBy": "TensorFlow.js tfjs-layers v4.22.0",
        "convertedBy": None,
        "weightsManifest": [{"paths": ["./weights.bin"], "weights": specs}],
        **more,
    }
    with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as file:
        json.dump(saved, file)


def test_peculiarities_of_tensorflow_js_are_read_with_their_meaning(tmp_path):
    rng = np.random.default_rng(0)
    topology = {
        "class_name": "Sequential",
        "config": {
            "name": "sequential_1",
            "layers": [
                {
                    "class_name": "GRU",
                    "config": {
                        "name": "gru",
                        "units": 2,
                        "batch_input_shape": [None, 4, 3],
                        "dtype": "float32",
                        "recurrent_activation": "hard_sigmoid",
                        "implementation": None,
                        "kernel_initializer": {
                            "class_name": "VarianceScaling",
                            "config": {
                                "scale": 1,
                                "mode": "fan_avg",
                                "distribution": "normal",
                                "seed": None,
                            },
                        },
                    },
                },
                {"class_name": "Reshape", "config": {"name": "r", "target_shape": [None, 1]}},
                {"class_name": "LeakyReLU", "config": {"name": "l", "alpha": 1}},
            ],
        },
        "keras_version": "tfjs-layers 4.22.0",
        "backend": "tensor_flow.js",
    }
    kernel, recurrent = rng.normal(size=(3, 6)), rng.normal(size=(2, 6))
    bias = rng.normal(size=6)
    named = [("gru/kernel", kernel), ("gru/recurrent_kernel", recurrent), ("gru/bias", bias)]
    write_tfjs(tmp_path / "model", topology, named)
    model = keras.saving.load_model(tmp_path / "model")
    x = rng.normal(size=(2, 4, 3))
    h = np.zeros((2, 2))
    for t in range(4):
        inner = x[:, t] @ kernel + bias
        z, r = (
            np.clip(0.2 * (inner[:, g] + h @ recurrent[:, g]) + 0.5, 0, 1)
            for g in (slice(0, 2), slice(2, 4))
        )
        new = np.tanh(inner[:, 4:] + (r * h) @ recurrent[:, 4:])
        h = z * h + (1 - z) * new
    np.testing.assert_allclose(model.predict(x, verbose=0)[..., 0], h, atol=1e-5)
    # And the hard sigmoid of that era survives being saved by us.
    model.save(tmp_path / "again")
    again = keras.saving.load_model(tmp_path / "again")
    np.testing.assert_allclose(again.predict(x, verbose=0)[..., 0], h, atol=1e-5)


def test_the_momentum_of_tensorflow_js_is_scaled(tmp_path):
    topology = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                {
                    "class_name": "Dense",
                    "config": {"name": "d", "units": 1, "batch_input_shape": [None, 1]},
                }
            ],
        },
    }
    named = [
        ("d/kernel", np.array([[2.0]])),
        ("d/bias", np.array([0.0])),
        ("iter", np.array(3.0)),
        ("d/kernel/momentum", np.array([[5.0]])),
        ("d/bias/momentum", np.array([7.0])),
    ]
    optimizer = {"group": "optimizer"}
    write_tfjs(
        tmp_path / "model",
        topology,
        named,
        **{name: optimizer for name, _ in named[2:]},
        trainingConfig={
            "loss": "mean_squared_error",
            "metrics": ["mse"],
            "optimizer_config": {
                "class_name": "Momentum",
                "config": {"learningRate": 0.1, "momentum": 0.5, "useNesterov": False},
            },
        },
    )
    model = keras.saving.load_model(tmp_path / "model")
    slots = [np.asarray(v) for v in model.optimizer.variables[2:]]
    np.testing.assert_allclose(slots[0], [[-0.5]])
    np.testing.assert_allclose(slots[1], [-0.7])
    assert int(model.optimizer.iterations) == 3


def graph_of(nodes, inputs, outputs):
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2}}
    source = {"class_name": "InputLayer", "config": {"name": "a", "batch_input_shape": [None, 3]}}
    entries = [
        {**dense, "name": "d", "inbound_nodes": nodes},
        {**source, "name": "a", "inbound_nodes": []},
    ]
    ends = {"input_layers": inputs, "output_layers": outputs}
    return {"class_name": "Model", "config": {"name": "m", "layers": entries, **ends}}


@pytest.mark.parametrize(
    ("nodes", "inputs", "outputs"),
    [
        ([[["a", 0, 0, {}]]], [["a", 0, 0]], [["d", 0, 0]]),
        ([["a", 0, 0, {}]], ["a", 0, 0], ["d", 0, 0]),
        ([[["a", 0, 0]]], [["a", 0, 0]], ["d", 0, 0]),
    ],
    ids=["as usual", "flat", "without keywords"],
)
def test_calls_are_read_flat_too_and_layers_in_any_order(tmp_path, nodes, inputs, outputs):
    kernel, bias = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0])
    named = [("d/bias", bias), ("d/kernel", kernel)]
    write_tfjs(tmp_path / "model", graph_of(nodes, inputs, outputs), named)
    model = keras.saving.load_model(tmp_path / "model")
    x = np.ones((2, 3))
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ kernel + bias)


def test_an_operation_that_is_no_layer_is_refused_by_name(tmp_path):
    topology = graph_of([[["a", 0, 0, {}]]], [["a", 0, 0]], [["d", 0, 0]])
    operation = {"name": "tf.math.add", "class_name": "TFOpLambda", "inbound_nodes": []}
    topology["config"]["layers"].append({**operation, "config": {"function": "math.add"}})
    write_tfjs(tmp_path / "model", topology, [("d/kernel", np.ones((3, 2)))])
    with pytest.raises((TypeError, ValueError), match="TFOpLambda"):
        keras.saving.load_model(tmp_path / "model")


def test_sequences_that_come_time_first_are_refused(tmp_path):
    model = keras.Sequential([keras.Input((4, 3)), layers.LSTM(2, name="l")])
    model.save(tmp_path / "model")

    def time_first(saved):
        topology = saved["modelTopology"]["config"]["layers"]
        next(e for e in topology if e["class_name"] == "LSTM")["config"]["time_major"] = True

    strip_addax(tmp_path / "model", time_first)
    with pytest.raises(ValueError, match=r"'l' \(LSTM\).*time_major"):
        keras.saving.load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["d/kernel"], r"Missing in the file: 'd/bias'. Not in the model: none"),
        (
            ["d/kernel", "d/bias", "e/bias"],
            r"Missing in the file: none. Not in the model: 'e/bias'",
        ),
    ],
    ids=["missing", "leftover"],
)
def test_missing_and_leftover_weights_are_named(tmp_path, named, said):
    values = {"d/kernel": np.ones((3, 2)), "d/bias": np.ones(2), "e/bias": np.ones(2)}
    topology = graph_of([[["a", 0, 0, {}]]], [["a", 0, 0]], [["d", 0, 0]])
    write_tfjs(tmp_path / "model", topology, [(name, values[name]) for name in named])
    with pytest.raises(ValueError, match=said):
        keras.saving.load_model(tmp_path / "model")
