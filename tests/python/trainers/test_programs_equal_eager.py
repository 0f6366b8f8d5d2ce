"""Recorded programs train as `run_eagerly=True` does, whatever people write in layers."""

import addax as keras
import numpy as np
import pytest
from addax import layers, ops

RNG = np.random.RandomState(0)
X = RNG.rand(12, 8).astype("float32")
Y = RNG.rand(12, 1).astype("float32")
TOKENS = RNG.randint(0, 9, (12, 7))


class VectorQuantizer(layers.Layer):
    """Nearest codes with straight-through gradients and losses of its own."""

    def build(self, shape):
        self.codes = self.add_weight(shape=(shape[-1], 6), initializer="random_uniform")

    def call(self, x):
        distances = ops.sum(self.codes**2, 0) - 2 * ops.matmul(x, self.codes)
        code = ops.transpose(ops.take(self.codes, ops.argmin(distances, 1), axis=1))
        self.add_loss(ops.mean((ops.stop_gradient(code) - x) ** 2))
        self.add_loss(ops.mean((code - ops.stop_gradient(x)) ** 2))
        return x + ops.stop_gradient(code - x)


class Normalized(layers.Layer):
    """Assigns its kernel while it is called, as spectral normalization does."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, x, training=None):
        if training:
            self.kernel.assign(self.kernel / ops.stop_gradient(ops.norm(self.kernel)))
        return ops.matmul(x, self.kernel)


class Branches(layers.Layer):
    """Both branches read the same weight."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 2))

    def call(self, x):
        return ops.cond(
            ops.mean(x) > 0.5, lambda: x @ self.kernel, lambda: ops.tanh(x @ self.kernel) * 2
        )


def sequential(*parts):
    return lambda: keras.Sequential([keras.Input((8,)), *(part() for part in parts)])


def recurrent():
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.Bidirectional(layers.GRU(3, return_sequences=True, dropout=0.2)),
            layers.LSTM(3, recurrent_dropout=0.2),
            layers.Dense(1),
        ]
    )


def operations():
    a = keras.Input((8,))
    z = layers.concatenate([layers.Dense(4)(a), layers.Dense(4, activation="tanh")(a)])
    z = ops.sort(z, axis=-1)[:, ::-1]
    z = ops.where(z > 0, ops.log1p(ops.abs(z)), z**3)
    z = ops.cumsum(z, axis=1) / ops.sqrt(ops.sum(z**2, -1, keepdims=True) + 1)
    top, _ = ops.top_k(z, 3)
    outer = ops.einsum("bi,bj->bij", z, top)[:, 0]
    parts = [z, top, ops.take(z, [0, 2], axis=1), ops.roll(z, 1, axis=1), outer]
    return keras.Model(a, layers.Dense(1)(layers.concatenate(parts)))


CASES = {
    "vector quantizer": (
        sequential(lambda: layers.Dense(4), VectorQuantizer, lambda: layers.Dense(1)),
        X,
    ),
    "assigned kernel": (sequential(Normalized, lambda: layers.Dense(1)), X),
    "branches": (sequential(Branches, lambda: layers.Dense(1)), X),
    "recurrent": (recurrent, TOKENS),
    "operations": (operations, X),
}


@pytest.mark.parametrize("name", CASES)
def test_a_program_trains_as_the_eager_step_does(name):
    build, x = CASES[name]
    runs = []
    for eager in (False, True):
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        model = build()
        start = model.get_weights()
        model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eager)
        history = model.fit(x, Y, epochs=2, batch_size=5, verbose=0, validation_data=(x, Y))
        assert all(np.any(a != b) for a, b in zip(start, model.get_weights(), strict=True))
        runs.append((history.history, model.get_weights()))
    for key, values in runs[0][0].items():
        np.testing.assert_allclose(values, runs[1][0][key], rtol=2e-4, err_msg=key)
    for a, b in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5)
