"""Zeros around an image become the convolution's own padding, in both directions."""

from __future__ import annotations

import numpy as np
import pytest
from addax import GradientTape, Variable, _core, ops

generator = np.random.default_rng(5)


def record(fn, x):
    with _core.Recording() as recording:
        result = fn(recording.input("x", "float32", (None, *x.shape[1:])))
        return recording.finish(list(result)).optimize()


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("pads", [((0, 1), (0, 1)), ((2, 0), (1, 3))])
@pytest.mark.parametrize("strides", [1, 2])
def test_padding_before_a_convolution_vanishes_forward_and_backward(depthwise, pads, strides):
    convolve = ops.depthwise_conv if depthwise else ops.conv
    w = Variable(generator.normal(size=(3, 3, 4, 1 if depthwise else 5)).astype("float32"))
    x = generator.normal(size=(2, 9, 8, 4)).astype("float32")

    def fn(x):
        with GradientTape() as tape:
            tape.watch(x)
            padded = ops.pad(x * 2.0, ((0, 0), *pads, (0, 0)))
            y = convolve(padded, w, strides=strides, padding="valid")
            loss = ops.sum(ops.sin(y))
        return y, *tape.gradient(loss, [x, w])

    program = record(fn, x)
    assert "pad" not in program.step_names
    found = [t.numpy() for t in _core.Executable(program).run([x])]
    for seen, wanted in zip(found, fn(ops.array(x)), strict=True):
        np.testing.assert_allclose(seen, wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_other_paddings_stay():
    w = Variable(generator.normal(size=(3, 3, 4, 5)).astype("float32"))
    x = generator.normal(size=(2, 9, 8, 4)).astype("float32")
    pads = ((0, 0), (1, 1), (1, 1), (0, 0))

    def fn(x):
        return (
            ops.conv(ops.pad(x, pads, mode="reflect"), w),
            ops.conv(ops.pad(x, pads, constant_values=1.0), w),
            ops.conv(ops.pad(x, pads), w, padding="same", strides=2),
            ops.conv(ops.pad(x, ((1, 0), (0, 0), (0, 0), (0, 0))), w),
        )

    program = record(fn, x)
    assert program.step_names.count("pad") == 4
    found = [t.numpy() for t in _core.Executable(program).run([x])]
    for seen, wanted in zip(found, fn(ops.array(x)), strict=True):
        np.testing.assert_allclose(seen, wanted.numpy(), rtol=1e-4, atol=1e-4)
