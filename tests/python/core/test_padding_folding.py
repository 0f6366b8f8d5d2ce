"""A frame of zeros around the image of a convolution becomes the convolution's padding."""

from __future__ import annotations

import numpy as np
import pytest
from addax import GradientTape, Variable, _core, ops

generator = np.random.default_rng(6)
KERNEL = Variable(generator.normal(size=(3, 3, 4, 8)).astype("float32"))
DEPTHWISE = Variable(generator.normal(size=(3, 3, 4, 2)).astype("float32"))
IMAGE = generator.normal(size=(2, 7, 8, 4)).astype("float32")
FRAME = ((0, 0), (0, 1), (2, 1), (0, 0))

CONVOLUTIONS = {
    "conv": (lambda x: ops.conv(x, KERNEL, strides=2), KERNEL),
    "depthwise_conv": (lambda x: ops.depthwise_conv(x, DEPTHWISE, strides=2), DEPTHWISE),
}


def optimized(fn):
    with _core.Recording() as recording:
        return recording.finish(fn(recording.input("x", "float32", (None, 7, 8, 4)))).optimize()


def compare(program, fn):
    found = [t.numpy() for t in _core.Executable(program).run([IMAGE])]
    for seen, wanted in zip(found, fn(ops.array(IMAGE)), strict=True):
        np.testing.assert_allclose(seen, wanted.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_zeros_around_an_image_become_padding(name):
    def fn(x):
        return [CONVOLUTIONS[name][0](ops.pad(x, FRAME))]

    program = optimized(fn)
    assert program.step_names == [name]
    compare(program, fn)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_gradients_lose_the_frame_too(name):
    convolution, kernel = CONVOLUTIONS[name]

    def fn(x):
        with GradientTape() as tape:
            tape.watch(x)
            loss = ops.sum(convolution(ops.pad(x, FRAME)) ** 2)
        return tape.gradient(loss, [x, kernel])

    program = optimized(fn)
    assert "pad" not in program.step_names
    compare(program, fn)


@pytest.mark.parametrize(
    "pad",
    [
        lambda x: ops.pad(x, FRAME, constant_values=1.0),
        lambda x: ops.pad(x, FRAME, mode="reflect"),
        lambda x: ops.pad(x, ((1, 0), (1, 1), (1, 1), (0, 0))),
    ],
)
def test_other_frames_stay(pad):
    def fn(x):
        return [CONVOLUTIONS["conv"][0](pad(x))]

    program = optimized(fn)
    assert "pad" in program.step_names
    compare(program, fn)
