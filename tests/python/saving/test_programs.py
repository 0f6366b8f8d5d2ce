"""What the file holds of a train step of the user's own, and what is said about it."""

import json
import warnings

import addax as keras
import numpy as np
import pytest
from addax import _core, layers, ops

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def own_step(takes, batch, inputs=1):
    """A model with a `train_step` that takes the batch apart into what `takes` names; trained on
    one batch."""

    class Own(keras.Model):
        def train_step(self, data):
            parts = dict(zip(takes, data if len(takes) > 1 else (data,), strict=True))
            with keras.GradientTape() as tape:
                errors = self(parts["x"], training=True) - parts.get("y", 0.0)
                loss = ops.mean(parts.get("weights", 1.0) * ops.mean(ops.square(errors), axis=-1))
            variables = self.trainable_weights
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return {"loss": loss}

    tensors = [keras.Input((3,), name=f"x{i}") for i in range(inputs)]
    if inputs == 1:
        model = Own(tensors[0], layers.Dense(2)(tensors[0]))
    else:
        model = Own(tensors, layers.Dense(2)(layers.Add()(tensors)))
    model.compile("sgd")
    model.fit(**batch, verbose=0)
    return model


@pytest.mark.parametrize(
    ("takes", "arrays", "counts"),
    [
        ("x", {"x": X}, {}),
        ("x", {"x": [X, X]}, {}),
        ("xy", {"x": X, "y": Y}, {"targets": 1}),
    ],
)
def test_a_step_is_saved_without_sample_weights_if_it_takes_none(tmp_path, takes, arrays, counts):
    """And nothing is said about the variant with weights, which nobody asked for."""
    flat = keras.tree.flatten(list(arrays.values()))
    model = own_step(takes, arrays, inputs=len(flat) - len(counts))
    programs = quietly_saved(model, tmp_path / "model")
    assert {name for name in programs if name.startswith("train")} == {"train"}
    signature = signatures(tmp_path / "model")["train"]
    assert len(signature["inputs"]) == len(flat)
    assert {key: signature[key] for key in ("targets", "weights") if key in signature} == counts
    results = _core.Executable(programs["train"]).run(flat)
    assert float(results[0]) == model.train_on_batch(**arrays, return_dict=True)["loss"]


def test_a_step_is_saved_with_sample_weights_alone_if_it_wants_them(tmp_path):
    batch = {"x": X, "y": Y, "sample_weight": np.ones(8, "float32")}
    model = own_step(("x", "y", "weights"), batch)
    programs = quietly_saved(model, tmp_path / "model")
    assert {name for name in programs if name.startswith("train")} == {"train_weighted"}
    signature = signatures(tmp_path / "model")["train_weighted"]
    assert (signature["targets"], signature["weights"]) == (1, 1)
    results = _core.Executable(programs["train_weighted"]).run(list(batch.values()))
    assert float(results[0]) == model.train_on_batch(**batch, return_dict=True)["loss"]


def test_the_arrays_of_a_batch_keep_their_names_and_parts(tmp_path):
    """Of a model without a graph, too, of which only the batches say what it takes."""

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs["a"] + inputs["b"])

    model = Own()
    model.compile("sgd", "mse")
    model.fit({"a": X, "b": X}, Y, verbose=0)
    model.save(tmp_path / "own")
    inputs = {"inputs": ["x_0", "x_1", "y"], "outputs": ["loss"], "targets": 1}
    assert signatures(tmp_path / "own")["train"] == inputs

    tensors = [keras.Input((3,), name=name) for name in ("left", "right")]
    outputs = [layers.Dense(2, name=name)(layers.Add()(tensors)) for name in ("one", "two")]
    model = keras.Model(tensors, outputs)
    model.compile("sgd", "mse")
    names = []
    for folder in ("guessed", "fitted"):
        model.save(tmp_path / folder)
        names.append(signatures(tmp_path / folder)["train_weighted"]["inputs"])
        model.fit([X, X], [Y, Y], sample_weight=[Y[:, 0]] * 2, verbose=0)
    wanted = ["left", "right", "y_one", "y_two", "sample_weight_0", "sample_weight_1"]
    assert names == [wanted, wanted]


def test_a_step_that_cannot_be_recorded_is_told(tmp_path):
    class Own(keras.Model):
        def train_step(self, data):
            raise RuntimeError("only in my own loop")

    inputs = keras.Input((3,))
    model = Own(inputs, layers.Dense(2)(inputs))
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no program 'train'.*only in my own loop"):
        model.save(tmp_path / "model")


def quietly_saved(model, folder):
    """Saves without a warning about programs; returns those in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Model 'own.*TensorFlow.js does not know")
        model.save(folder)
    return _core.read_model(str(folder), with_programs=True)[2]


def signatures(folder):
    with open(folder / "model.json", encoding="utf-8") as file:
        return json.load(file)["userDefinedMetadata"]["addax"]["signatures"]
