"""Batch normalization at inference and other fixed factors along channels join the weights."""

from __future__ import annotations

import addax
import numpy as np
import pytest
from addax import _core, layers, ops

PRODUCTS = {
    "dense": ((6,), lambda: layers.Dense(5)),
    "dense without bias": ((6,), lambda: layers.Dense(5, use_bias=False)),
    "dense over time": ((4, 6), lambda: layers.Dense(5)),
    "convolution": ((7, 7, 4), lambda: layers.Conv2D(6, 3)),
    "convolution in groups": ((7, 7, 4), lambda: layers.Conv2D(6, 3, groups=2)),
    "convolution over time": ((9, 4), lambda: layers.Conv1D(6, 3, padding="same")),
    "depthwise": ((7, 7, 4), lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)),
    "transposed": ((5, 5, 4), lambda: layers.Conv2DTranspose(6, 3, strides=2)),
}


def record(fn, *shapes: tuple):
    with _core.Recording() as recording:
        inputs = [recording.input(f"x{i}", "float32", s) for i, s in enumerate(shapes)]
        program = recording.finish([fn(*inputs)])
    return program.optimize()


@pytest.mark.parametrize("name", PRODUCTS)
def test_batch_normalization_after_a_product_vanishes_at_inference(name):
    shape, product = PRODUCTS[name]
    addax.utils.set_random_seed(1)
    model = addax.Sequential([addax.Input(shape), product(), layers.BatchNormalization()])
    generator = np.random.default_rng(2)
    for weight in model.layers[-1].weights:
        weight.assign(generator.uniform(0.5, 2, weight.shape))
    x = generator.normal(size=(3, *shape)).astype("float32")
    wanted = model.layers[1](model.layers[0](x)).numpy()  # eagerly: nothing folded
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=2e-5, atol=2e-5)
    names = record(model.call, (None, *shape)).step_names
    assert not {"multiply", "subtract", "fused"}.intersection(names), names


def test_folded_weights_follow_training_and_assignment():
    addax.utils.set_random_seed(1)
    model = addax.Sequential([addax.Input((6,)), layers.Dense(5), layers.BatchNormalization()])
    model.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(8, 6)), np.ones((8, 5))
    for _ in range(3):
        model.fit(x, y, verbose=0)
        wanted = model(x.astype("float32")).numpy()
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=2e-5, atol=2e-5)
    model.layers[0].kernel.assign(model.layers[0].kernel * 2.0)
    wanted = model(x.astype("float32")).numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=2e-5, atol=2e-5)


def test_a_vector_before_minus_the_product_and_other_shapes_give_what_they_mean():
    generator = np.random.default_rng(4)
    w, v, square = (
        addax.Variable(generator.normal(size=shape).astype("float32"))
        for shape in ((4, 4), (4,), (4, 4))
    )
    x = generator.normal(size=(4, 4)).astype("float32")
    for fn in (
        lambda x: v - ops.matmul(x, w) * v,
        lambda x: ops.matmul(x, w) * v * square,
        lambda x: (ops.matmul(x, w) * 2.0 - v) * v + 1.0,
    ):
        found = _core.Executable(record(fn, (None, 4))).run([x])[0].numpy()
        np.testing.assert_allclose(found, fn(ops.array(x)).numpy(), rtol=1e-5, atol=1e-5)


def test_weights_that_the_program_assigns_are_not_folded():
    w = addax.Variable(np.ones((4, 4), "float32"))
    v = addax.Variable(np.arange(4, dtype="float32"))

    def step(x):
        y = ops.matmul(x, w) * v
        w.assign(w * 0.5)
        return y

    executable = _core.Executable(record(step, (None, 4)))
    x = np.ones((1, 4), "float32")
    for factor in (1, 0.5, 0.25):
        found = executable.run([x])[0].numpy()
        np.testing.assert_array_equal(found, 4 * factor * np.arange(4)[None])
