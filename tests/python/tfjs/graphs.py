"""Models that are no chain of layers, by name; graphs.js has the same for TensorFlow.js."""

from __future__ import annotations

import addax as keras
from addax import Input, Model, Sequential, layers


def branches():
    x = Input((4,))
    left = layers.Dense(3, activation="relu", name="left")(x)
    right = layers.Dense(3, activation="sigmoid", name="right")(x)
    both = layers.Concatenate()([left, layers.Add()([left, right])])
    return Model(x, layers.Dense(2)(both))


def shared_layer():
    a, b = Input((4,)), Input((4,))
    shared, twice = layers.Dense(3, activation="tanh"), layers.Dense(3)
    return Model([a, b], twice(twice(layers.Add()([shared(a), shared(b)]))))


def many_outputs():
    x = Input((5,), name="signal")
    hidden = layers.Dense(4, activation="elu")(x)
    return Model(x, [layers.Dense(2, name="first")(hidden), layers.Dense(3, name="second")(x)])


def nested():
    inner = Sequential(
        [
            Input((4,)),
            layers.Dense(3, name="d1"),
            layers.BatchNormalization(name="norm"),
            layers.PReLU(name="act"),
        ],
        name="inner",
    )
    a = Input((3,))
    head = Model(a, layers.Dense(2, name="d2")(a), name="head")
    x, y = Input((4,)), Input((4,))
    return Model([x, y], layers.Multiply()([head(inner(x)), head(inner(y))]))


def sequential_of_models():
    inner = Sequential([Input((4,)), layers.Dense(3), layers.LeakyReLU(0.2)])
    return Sequential([inner, layers.Dense(2)])


def initial_state():
    x, h, c = Input((5, 3)), Input((4,)), Input((4,))
    return Model([x, h, c], layers.LSTM(4, return_sequences=True)(x, initial_state=[h, c]))


def encoder_decoder():
    x, y = Input((5, 3)), Input((4, 2))
    _, *state = layers.LSTM(3, return_state=True)(x)
    out = layers.LSTM(3, return_sequences=True)(y, initial_state=state)
    return Model([x, y], layers.TimeDistributed(layers.Dense(2))(out))


def frozen():
    first = layers.Dense(4)
    first.trainable = False
    return Sequential([Input((3,)), first, layers.BatchNormalization(), layers.Dense(2)])


def odd_names():
    x = Input((4,), name="Input.1")
    y = layers.Dense(3, name="block.Conv-1")(x)
    return Model(x, layers.Dense(2, name="block.out.2")(y))


def residual():
    x = Input((8, 8, 3))

    def conv(filters, name):
        return layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)

    y = layers.Activation("relu")(layers.BatchNormalization()(conv(4, "a")(x)))
    y = layers.Add()([conv(3, "b")(y), x])
    return keras.Model(x, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(y)))


def stateful():
    x = Input(batch_shape=(3, 5, 3))
    return Sequential([x, layers.LSTM(2, stateful=True), layers.Dense(2)])


def same_names_within():
    def block():
        parts = [Input((3,)), layers.Dense(3, name="same"), layers.BatchNormalization(name="norm")]
        return Sequential(parts)

    x = Input((3,))
    y = layers.Dense(3, name="same")(block()(block()(x)))
    return Model(x, layers.Add()([layers.Dense(3, name="same_1")(x), y]))


def whole_numbers():
    x = Input((4,), dtype="int32", name="words")
    y = layers.Embedding(6, 3, name="table")(x)
    return Model(x, layers.Dense(2)(layers.Flatten()(y)))
