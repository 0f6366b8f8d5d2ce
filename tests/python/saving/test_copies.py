"""Copies and pickles of models and their parts."""

from __future__ import annotations

import copy
import pickle

import addax as keras
import numpy as np
import pytest
from addax import layers


def pickled(x):
    return pickle.loads(pickle.dumps(x))


WAYS = pytest.mark.parametrize("again", [pickled, copy.deepcopy], ids=["pickle", "deepcopy"])


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = [layers.Dense(4, activation="relu"), layers.Dropout(0.3), layers.Dense(2)]

    def call(self, x, training=False):
        for part in self.parts:
            x = part(x)
        return x


def sequential():
    return keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(2),
        ]
    )


def functional():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = layers.Dense(4)
    inner = sequential()
    x = layers.Concatenate()([shared(a), shared(b) * 2.0, inner(a)])
    return keras.Model({"a": a, "b": b}, layers.Dense(2)(layers.Dropout(0.2)(x)))


X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")


@WAYS
@pytest.mark.parametrize("make", [sequential, functional, Net])
def test_a_copy_of_a_model_trains_on_by_itself_and_the_same(make, again):
    keras.utils.set_random_seed(5)
    model = make()
    x = {"a": X, "b": X * 2} if make is functional else X
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(x, Y, epochs=2, verbose=0)
    other = again(model)
    before = model.predict(x, verbose=0)
    np.testing.assert_array_equal(other.predict(x, verbose=0), before)
    other.fit(x, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    model.fit(x, Y, epochs=2, verbose=0)
    for v, w in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy())
    assert [layer.name for layer in other.layers] == [layer.name for layer in model.layers]


@WAYS
def test_graphs_of_copies_can_be_cut_and_extended(again):
    model = again(functional())
    x = layers.Dense(3)(model.layers[-2].output)
    longer = keras.Model(model.inputs, x)
    assert longer.predict([X, X], verbose=0).shape == (16, 3)
    grown = again(sequential())
    grown.add(layers.Dense(1))
    assert grown.output_shape == (None, 1)
    assert grown.get_config()["layers"][0]["class_name"] == "InputLayer"
    shapes = [v.shape for v in keras.Model.from_config(model.get_config()).weights]
    assert shapes == [v.shape for v in model.weights]


@WAYS
def test_deep_models_can_be_copied(again):
    x = inputs = keras.Input((2,))
    for _ in range(300):
        x = layers.ReLU()(x)
    model = keras.Model(inputs, x)
    np.testing.assert_array_equal(again(model).predict(np.ones((1, 2)), verbose=0), [[1, 1]])


@WAYS
def test_a_layer_of_a_model_is_copied_alone(again):
    model = sequential()
    dense = again(model.layers[0])
    np.testing.assert_array_equal(dense.get_weights()[0], model.layers[0].get_weights()[0])
    assert dense(keras.Input((3,))).shape == (None, 4)
    assert len(pickle.dumps(model.layers[2])) < len(pickle.dumps(model))


@WAYS
def test_masks_survive(again):
    x = inputs = keras.Input((4,), dtype="int32")
    x = layers.Embedding(5, 3, mask_zero=True)(x)
    model = keras.Model(inputs, layers.LSTM(2)(x))
    ids = np.array([[1, 2, 0, 0], [3, 0, 4, 1]])
    expected = model.predict(ids, verbose=0)
    np.testing.assert_array_equal(again(model).predict(ids, verbose=0), expected)


@WAYS
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(3, kernel_regularizer="l2"),
        lambda: keras.losses.Huber(0.5),
        lambda: keras.losses.get("mse"),
        lambda: keras.optimizers.AdamW(0.1),
        lambda: keras.optimizers.schedules.CosineDecay(0.1, 10),
        lambda: keras.metrics.F1Score(),
        lambda: keras.initializers.HeNormal(3),
        lambda: keras.regularizers.L1L2(0.1, 0.2),
        lambda: keras.constraints.MaxNorm(2),
        lambda: keras.callbacks.EarlyStopping(patience=3),
        lambda: keras.Variable([1.0, 2.0], name="v"),
        lambda: keras.random.SeedGenerator(4),
        lambda: keras.ops.ones((2, 3)),
    ],
)
def test_parts_can_be_copied(make, again):
    part = make()
    other = again(part)
    assert type(other) is type(part)
    if hasattr(part, "get_config"):
        assert other.get_config() == part.get_config()
    if hasattr(part, "numpy"):
        np.testing.assert_array_equal(other.numpy(), part.numpy())


@WAYS
def test_an_optimizer_keeps_its_slots(again):
    v = keras.Variable([1.0, 2.0])
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.apply([keras.ops.ones(2)], [v])
    variable, other = again((v, optimizer))
    optimizer.apply([keras.ops.ones(2)], [v])
    other.apply([keras.ops.ones(2)], [variable])
    np.testing.assert_array_equal(v.numpy(), variable.numpy())
