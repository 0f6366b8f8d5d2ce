"""A bias and an activation after a product or a convolution run inside it."""

from __future__ import annotations

import numpy as np
import pytest
from addax import Variable, _core, ops

generator = np.random.default_rng(5)


def variable(*shape: int) -> Variable:
    return Variable(generator.normal(size=shape).astype("float32"))


W, KERNEL, DEPTHWISE, BIAS = (
    variable(20, 20),
    variable(3, 3, 20, 20),
    variable(3, 3, 20, 1),
    variable(20),
)

PRODUCTS = {
    "matmul": lambda x: ops.matmul(x, W),
    "conv": lambda x: ops.conv(x, KERNEL, padding="same"),
    "depthwise_conv": lambda x: ops.depthwise_conv(x, DEPTHWISE, padding="same"),
}
ACTIVATIONS = {
    "none": lambda y: y,
    "relu": ops.relu,
    "relu6": ops.relu6,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("product", PRODUCTS)
def test_bias_and_activation_become_the_epilogue(product, activation):
    def fn(x):
        return ACTIVATIONS[activation](PRODUCTS[product](x) * 3.0 + BIAS)

    x = generator.normal(size=(2, 6, 7, 20)).astype("float32")
    with _core.Recording() as recording:
        program = recording.finish(
            [fn(recording.input("x", "float32", (None, 6, 7, 20)))]
        ).optimize()
    assert [n for n in program.step_names if n.startswith(product)] == [product + "_epilogue"]
    assert not {"add", "relu", "minimum", "fused"} & set(program.step_names)
    found = _core.Executable(program).run([x])[0].numpy()
    np.testing.assert_allclose(found, fn(ops.array(x)).numpy(), rtol=1e-4, atol=1e-4)


def test_another_bound_than_six_stays_a_step():
    def fn(x):
        return ops.minimum(ops.relu(ops.depthwise_conv(x, DEPTHWISE) + BIAS), 5.0)

    x = 9 * generator.normal(size=(2, 6, 7, 20)).astype("float32")
    with _core.Recording() as recording:
        program = recording.finish([fn(recording.input("x", "float32", x.shape))]).optimize()
    found = _core.Executable(program).run([x])[0].numpy()
    assert found.max() == 5
    np.testing.assert_allclose(found, fn(ops.array(x)).numpy(), rtol=1e-4, atol=1e-4)


WIDE = variable(3, 3, 40, 40)
WIDE_DEPTHWISE = variable(3, 3, 40, 1)


@pytest.mark.parametrize("size", [(3, 3), (13, 11), (16, 16), (50, 6)])
@pytest.mark.parametrize(
    "convolution",
    [
        lambda x: ops.conv(x, WIDE, padding="same"),
        lambda x: ops.conv(x, WIDE),
        lambda x: ops.depthwise_conv(x, WIDE_DEPTHWISE, padding="same"),
    ],
)
def test_steps_after_a_convolution_run_on_each_of_its_pixels_once(convolution, size):
    def fn(x, r):
        y = convolution(x)
        return ops.tanh(y * 0.1) + y * r

    x = generator.normal(size=(3, *size, 40)).astype("float32")
    r = generator.normal(size=convolution(ops.array(x)).shape).astype("float32")
    with _core.Recording() as recording:
        inputs = [
            recording.input("x", "float32", x.shape),
            recording.input("r", "float32", r.shape),
        ]
        program = recording.finish([fn(*inputs)]).optimize()
    assert len(program.step_names) == 1
    found = _core.Executable(program).run([x, r])[0].numpy()
    np.testing.assert_allclose(found, fn(ops.array(x), ops.array(r)).numpy(), rtol=1e-4, atol=1e-4)
