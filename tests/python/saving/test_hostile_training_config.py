"""`trainingConfig`, optimizer state and quantization of other writers that make no sense."""

from __future__ import annotations

import json

import addax as keras
import numpy as np
import pytest
from addax import _core, layers
from hostile_files import CLEAN, read, refused, weights_file, write

BAD_NUMBERS = ["x", None, True, [], {}, -1, 1e300, 2**70]


@pytest.fixture
def trained(tmp_path):
    """A folder of TensorFlow.js's kind with the state of its optimizer."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="d")])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5), "mse")
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    model.save(tmp_path / "model")
    document = read(tmp_path / "model")
    del document["userDefinedMetadata"]
    write(tmp_path / "model", document)
    return tmp_path / "model"


def change(folder, edit):
    document = read(folder)
    edit(document)
    write(folder, document)


# Numbers that TensorFlow.js's optimizers have; all have a learning rate.
NUMBERS_OF = {
    "SGD": (),
    "Momentum": ("momentum",),
    "Adam": ("beta1", "beta2", "epsilon"),
    "RMSProp": ("momentum", "epsilon", "decay", "rho"),
    "Adagrad": (),
    "Adadelta": ("rho", "epsilon"),
}
OPTIONS = {"learningRate", "useNesterov"}.union(*NUMBERS_OF.values())


def is_sound(name, key, value):
    if key == "epsilon" and value is None:
        return True  # the default, in old Keras
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return (name, key) != ("Momentum", "momentum") or 0 <= value <= 1


@pytest.mark.parametrize("name", NUMBERS_OF)
@pytest.mark.parametrize("key", sorted(OPTIONS))
def test_options_of_optimizers_that_make_no_sense_are_refused_or_ignored(trained, name, key):
    """Refused if the optimizer has them; what it does not have is nothing to it."""

    def compiled(**options):
        entry = {"class_name": name, "config": {"learningRate": 0.1, **options}}
        change(trained, lambda d: d["trainingConfig"].update(optimizer_config=entry))
        return keras.saving.load_model(trained)

    def meant(**options):
        config = compiled(**options).optimizer.get_config()
        return {k: v for k, v in config.items() if k not in ("name", "nesterov")}

    plain = meant()
    for value in BAD_NUMBERS:
        if key not in ("learningRate", *NUMBERS_OF[name]):
            assert meant(**{key: value}) == plain
        elif is_sound(name, key, value):
            history = compiled(**{key: value}).fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
            assert len(history.history["loss"]) == 1
        else:
            with pytest.raises(ValueError, match=key):
                compiled(**{key: value})


def config_changes():
    def config(**what):
        return lambda d: d["trainingConfig"].update(what)

    yield "a list", lambda d: d.update(trainingConfig=[1])
    yield "a text", lambda d: d.update(trainingConfig="adam")
    yield "no optimizer", lambda d: d["trainingConfig"].pop("optimizer_config")
    yield "optimizer text", config(optimizer_config="adam")
    yield "optimizer unknown", config(optimizer_config={"class_name": "Magic", "config": {}})
    yield "optimizer class", config(optimizer_config={"class_name": ["SGD"], "config": {}})
    yield "optimizer config", config(optimizer_config={"class_name": "SGD", "config": [1]})
    yield (
        "rate text",
        config(optimizer_config={"class_name": "SGD", "config": {"learningRate": "0.1"}}),
    )
    yield "loss number", config(loss=4)
    yield "loss unknown", config(loss="no_such_loss")
    yield "loss a config", config(loss={"class_name": "function", "config": "eval"})
    yield "losses too many", config(loss=["mean_squared_error"] * 3)
    yield "loss of nobody", config(loss={"nobody": "mean_squared_error"})
    yield "metric unknown", config(metrics=["no_such_metric"])
    yield "metric number", config(metrics=[4])
    yield "metrics of nobody", config(metrics={"nobody": "mae"})


@pytest.mark.parametrize("name", [name for name, _ in config_changes()])
def test_training_configs_that_do_not_fit_are_refused(trained, name):
    change(trained, dict(config_changes())[name])
    with pytest.raises(CLEAN) as caught:
        model = keras.saving.load_model(trained)
        model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    assert len(str(caught.value)) > 10


def specs(document):
    return document["weightsManifest"][0]["weights"]


def test_state_for_some_of_the_weights_alone_is_refused(trained):
    def lose_one(document):
        at = next(i for i, s in enumerate(specs(document)) if s["name"] == "d/bias/momentum")
        specs(document)[at]["name"] = "d/bias/other"

    change(trained, lose_one)
    refused(trained, "1 values of 'momentum', but the model has 2 trained weights")


def test_state_of_another_shape_is_refused(trained):
    def turn(document):
        spec = next(s for s in specs(document) if s["name"] == "d/kernel/momentum")
        spec["shape"].reverse()

    change(trained, turn)
    refused(trained, r"'d/kernel/momentum' has shape \(2, 3\)")


@pytest.mark.parametrize("value", [-3, 2**31 - 1])
def test_a_count_of_steps_beyond_reason_is_a_number(trained, value):
    document = read(trained)
    at = 0
    for spec in specs(document):
        if spec["name"] == "iter":
            break
        at += 4 * int(np.prod(spec["shape"]))
    path = weights_file(trained)
    data = bytearray(path.read_bytes())
    data[at : at + 4] = np.array(value, "<i4").tobytes()
    path.write_bytes(data)
    model = keras.saving.load_model(trained)
    assert int(model.optimizer.iterations) == value
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    assert int(model.optimizer.iterations) == value + 1
    assert all(np.isfinite(w).all() for w in model.get_weights())


BAD_QUANTIZATIONS = [
    {"dtype": "uint8", "scale": 0, "min": 0},
    {"dtype": "uint8", "scale": -1, "min": 0},
    {"dtype": "uint8", "scale": 1e300, "min": 0},
    {"dtype": "uint8", "scale": 1, "min": 1e39},
    {"dtype": "uint8", "scale": "1", "min": 0},
    {"dtype": "uint8", "scale": 1, "min": None},
    {"dtype": "uint8", "scale": 1},
    {"dtype": "uint8", "min": 1},
    {"dtype": "uint8", "scale": True, "min": 0},
    {"dtype": "uint16", "scale": [1], "min": 0},
    {"dtype": "uint8", "scale": 1, "min": 0, "original_dtype": "int32"},
    {"dtype": "uint8", "scale": 1, "min": 0, "original_dtype": 7},
    {"dtype": "uint4", "scale": 1, "min": 0},
    {"dtype": ["uint8"], "scale": 1, "min": 0},
    {"scale": 1, "min": 0},
    {"dtype": "float16"},
    "uint8",
    [],
    3,
]


@pytest.mark.parametrize("number", range(len(BAD_QUANTIZATIONS)))
def test_quantization_that_makes_no_sense_is_refused_by_the_weights_name(trained, number):
    bad = BAD_QUANTIZATIONS[number]
    change(trained, lambda d: specs(d)[0].update(quantization=bad))
    # A manifest of half precision alone is sound; its file then has too many bytes.
    refused(trained, "belong to the model|d/kernel", ValueError)


def test_graph_models_are_refused_by_name_in_python_and_in_the_core(trained):
    for edit in (
        {"format": "graph-model"},
        {"modelTopology": {"node": [], "library": {}, "versions": {}}},
    ):
        kept = (trained / "model.json").read_text()
        change(trained, lambda d, e=edit: d.update(e))
        with pytest.raises(ValueError, match="graph model"):
            keras.saving.load_model(trained)
        with pytest.raises(ValueError, match="graph model"):
            _core.read_model(str(trained))
        (trained / "model.json").write_text(kept)


def test_layers_within_layers_do_not_multiply(trained):
    entry = {"class_name": "LSTM", "config": {"units": 1}}
    for _ in range(30):
        entry = {"class_name": "Bidirectional", "config": {"layer": entry}}
    layer = {**entry, "config": {**entry["config"], "batch_input_shape": [None, 2, 3]}}
    topology = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}
    change(trained, lambda d: d.update(modelTopology=topology))
    refused(trained)


def test_a_manifest_of_many_empty_weights_takes_no_more_memory_than_its_text(trained):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many = [{"name": f"w{i}", "shape": [0], "dtype": "float32"} for i in range(20_000)]
    change(trained, lambda d: specs(d).extend(many))
    size = len((trained / "model.json").read_text())
    refused(trained, "Not in the model")
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 50_000_000 + 40 * size


def test_a_model_config_in_a_string_is_bounded_as_the_file_is(trained):
    for text in ("{" * 5000, "[" * 100_000, '{"class_name": "Sequential"}', "NaN", '"x"'):
        topology = {"keras_version": "2.1.0", "model_config": text}
        change(trained, lambda d, t=topology: d.update(modelTopology=t))
        refused(trained)


def test_a_model_config_in_a_string_is_read(trained):
    def to_text(document):
        top = document["modelTopology"]
        config = {k: top[k] for k in ("class_name", "config")}
        document["modelTopology"] = {"keras_version": "2.1.0", "model_config": json.dumps(config)}

    before = keras.saving.load_model(trained).predict(np.ones((1, 3)), verbose=0)
    change(trained, to_text)
    again = keras.saving.load_model(trained).predict(np.ones((1, 3)), verbose=0)
    np.testing.assert_array_equal(again, before)


def test_layers_listed_backwards_cost_no_more_than_in_order(tmp_path):
    """Each is tried when what it waits for is there: a retry of all for each would not end here."""
    count = 2500
    entries = [
        {
            "name": f"l{i}",
            "class_name": "Activation",
            "config": {"name": f"l{i}", "activation": "relu"},
            "inbound_nodes": [[[f"l{i - 1}" if i else "a", 0, 0, {}]]],
        }
        for i in range(count)
    ]
    source = {"name": "a", "batch_input_shape": [None, 3]}
    entries.insert(
        0, {"name": "a", "class_name": "InputLayer", "config": source, "inbound_nodes": []}
    )
    config = {
        "name": "m",
        "layers": entries[::-1],
        "input_layers": [["a", 0, 0]],
        "output_layers": [[f"l{count - 1}", 0, 0]],
    }
    (tmp_path / "model.json").write_text(
        json.dumps({"modelTopology": {"class_name": "Model", "config": config}})
    )
    assert len(keras.saving.load_model(tmp_path).layers) == count + 1
