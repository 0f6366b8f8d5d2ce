"""Models to save, and looks at what was saved."""

from __future__ import annotations

import json
import os

import addax as keras
import numpy as np
from addax import layers


def data(seed=0, samples=48, features=6, classes=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(samples, features)).astype("float32")
    return x, rng.integers(0, classes, samples).astype("int32")


def small_model(**layer_options):
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", **layer_options),
            layers.BatchNormalization(),
            layers.Dropout(0.4),
            layers.Dense(3, activation="softmax"),
        ]
    )


def document(folder):
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as file:
        return json.load(file)


def assert_same_weights(a, b):
    for v, w in zip(a.variables, b.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(v), np.asarray(w), err_msg=v.path)


def recurrent_model():
    x = inputs = keras.Input((5, 3))
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True, name="lstm"))(x)
    x = layers.TimeDistributed(layers.Dense(4))(x)
    x = layers.GRU(3, reset_after=False, return_sequences=True)(x)
    x = layers.RNN([layers.LSTMCell(2), layers.GRUCell(3, reset_after=False)])(x)
    inner = keras.Sequential([layers.Dense(3, activation="relu"), layers.BatchNormalization()])
    return keras.Model(inputs, layers.Dense(1)(inner(x)))
