"""Small models of many kinds, compiled, with batches for them: those that native apps must give the
same bits for as Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import addax as keras
import numpy as np
from addax import layers


@dataclass
class Case:
    """A compiled model and a function from a batch's number to `(x, y)`, lists of arrays."""

    model: keras.Model
    batch: object

    def batches(self, count: int, first: int = 0):
        return [self.batch(i) for i in range(first, first + count)]


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def classes(seed: int, high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed + 1000).integers(0, high, shape).astype("int32")


def mlp(optimizer) -> Case:
    model = keras.Sequential(
        [
            layers.Input((12,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(16, activation="tanh", kernel_regularizer="l2"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return Case(model, lambda i: ([numbers(i, 9, 12)], [classes(i, 3, 9)]))


def convnet() -> Case:
    model = keras.Sequential(
        [
            layers.Input((10, 10, 2)),
            layers.Conv2D(6, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3, seed=7),
            layers.SeparableConv2D(5, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return Case(model, lambda i: ([numbers(i, 6, 10, 10, 2)], [classes(i, 4, 6)]))


def recurrent(kind: type, *, sequences: bool) -> Case:
    steps = [kind(7, return_sequences=True), kind(5, return_sequences=sequences)]
    model = keras.Sequential([layers.Input((None, 3)), *steps, layers.Dense(2)])
    model.compile(keras.optimizers.RMSprop(0.01, momentum=0.5), "mse", metrics=["mae"])
    target = (5, 8, 2) if sequences else (5, 2)
    return Case(model, lambda i: ([numbers(i, 5, 8, 3)], [numbers(i + 50, *target)]))


def embedding() -> Case:
    model = keras.Sequential(
        [
            layers.Input((6,), dtype="int32"),
            layers.Embedding(20, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adagrad(0.1), "binary_crossentropy", metrics=["accuracy"])
    return Case(model, lambda i: ([classes(i, 20, 7, 6)], [numbers(i, 7, 1).clip(0, 1).round()]))


def two_in_two_out() -> Case:
    a, b = layers.Input((4,), name="a"), layers.Input((6,), name="b")
    merged = layers.concatenate([layers.Dense(5)(a), layers.Dense(5, activation="gelu")(b)])
    outputs = [layers.Dense(2, name="left")(merged), layers.Dense(1, name="right")(merged)]
    model = keras.Model([a, b], outputs)
    model.compile("nadam", ["mse", "mae"], loss_weights=[1.0, 0.3])
    return Case(
        model,
        lambda i: (
            [numbers(i, 8, 4), numbers(i + 1, 8, 6)],
            [numbers(i + 2, 8, 2), numbers(i + 3, 8, 1)],
        ),
    )


def attention() -> Case:
    x = layers.Input((7, 8))
    h = layers.LayerNormalization()(x)
    h = layers.Add()([x, layers.MultiHeadAttention(2, 4)(h, h)])
    h = layers.Add()([h, layers.Dense(8, activation="gelu")(layers.LayerNormalization()(h))])
    model = keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(h)))
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.5)
    model.compile(keras.optimizers.AdamW(rate, clipnorm=1.0), "mse")
    return Case(model, lambda i: ([numbers(i, 4, 7, 8)], [numbers(i + 9, 4, 3)]))


CASES = {
    "mlp_sgd": partial(mlp, "sgd"),
    "mlp_momentum": lambda: mlp(keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)),
    "mlp_adam": partial(mlp, "adam"),
    "mlp_adamw_schedule": lambda: mlp(
        keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.01, 10))
    ),
    "mlp_rmsprop": partial(mlp, "rmsprop"),
    "mlp_adagrad": partial(mlp, "adagrad"),
    "convnet": convnet,
    "lstm": lambda: recurrent(layers.LSTM, sequences=False),
    "gru_sequences": lambda: recurrent(layers.GRU, sequences=True),
    "simple_rnn": lambda: recurrent(layers.SimpleRNN, sequences=True),
    "embedding": embedding,
    "two_in_two_out": two_in_two_out,
    "attention": attention,
}
# Those whose time can be cut into pieces.
STREAMS = ("lstm", "gru_sequences", "simple_rnn")


def make(name: str) -> Case:
    """The case with the same weights each time."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(11)
    return CASES[name]()
