"""The backward kernels of recurrent operations, against central differences and the way through
single steps."""

from __future__ import annotations

import numpy as np
import pytest
from addax import _core
from recurrent_table import GATES, SIZES, attribute_sets, inputs_of

CASES = [(op, attributes) for op in GATES for attributes in attribute_sets(op)]
ORDERS = [(False, False, False), (True, False, False), (False, False, True), (True, True, True)]


def results(op, inputs, attributes):
    """The outputs that a layer uses: the last, all, and the states."""
    return _core.op(op)(*inputs, **attributes)[: 4 if op == "lstm" else 3]


def gradients(op, arrays, attributes, weights, through_steps=False):
    """Of the weighted sum of the results, by every floating input."""
    inputs = [_core.tensor(a) for a in arrays]
    outer, tape = _core.Tape(), _core.Tape()
    sources = [x for x in inputs if x.dtype != "bool"]
    if through_steps:  # an open tape that watches the inputs wants second derivatives
        outer.start()
        for x in sources:
            outer.watch(x)
    tape.start()
    for x in sources:
        tape.watch(x)
    targets = results(op, inputs, attributes)
    tape.stop()
    wanted = [i for i, w in enumerate(weights) if w is not None]
    found = tape.gradient(
        [targets[i] for i in wanted], sources, [_core.tensor(weights[i]) for i in wanted]
    )
    if through_steps:
        outer.stop()
    return [np.asarray(g) for g in found]


def draw(op, attributes, sizes, masked, dtype="float64"):
    rng = np.random.default_rng(7)
    arrays = [i.draw(rng, dtype) for i in inputs_of(op, attributes, *sizes, masked)]
    outputs = results(op, [_core.tensor(a) for a in arrays], attributes)
    return arrays, [rng.uniform(-1, 1, y.shape).astype(dtype) for y in outputs]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("op, own", CASES, ids=str)
def test_gradient_kernels_agree_with_single_steps(op, own, order):
    backwards, zeros, masked = order
    attributes = own | {"go_backwards": backwards, "zero_output_for_mask": zeros}
    for sizes in SIZES:
        arrays, weights = draw(op, attributes, sizes, masked)
        # Also without the sequence's or the last output's gradient, as layers ask for it.
        for left_out in (None, 0, 1):
            some = [None if i == left_out else w for i, w in enumerate(weights)]
            seen = gradients(op, arrays, attributes, some)
            wanted = gradients(op, arrays, attributes, some, through_steps=True)
            for i, (a, b) in enumerate(zip(seen, wanted, strict=True)):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11, err_msg=f"{sizes} {i}")


@pytest.mark.parametrize("op, own", CASES, ids=str)
def test_gradient_kernels_agree_with_differences(op, own):
    attributes = own | {"go_backwards": False, "zero_output_for_mask": False}
    arrays, weights = draw(op, attributes, (2, 3, 5), True)
    seen = gradients(op, arrays, attributes, weights)

    def value(moved):
        outputs = results(op, [_core.tensor(a) for a in moved], attributes)
        return sum(float((w * np.asarray(y)).sum()) for w, y in zip(weights, outputs, strict=True))

    for i, gradient in enumerate(seen):
        for at in {0, arrays[i].size // 2, arrays[i].size - 1}:
            values = []
            for step in (1e-6, -1e-6):
                moved = [a.copy() for a in arrays]
                moved[i].flat[at] += step
                values.append(value(moved))
            difference = (values[0] - values[1]) / 2e-6
            assert abs(gradient.flat[at] - difference) < 1e-6 + 1e-5 * abs(difference), (i, at)


@pytest.mark.parametrize("op, own", CASES, ids=str)
def test_float32_gradients_are_those_of_float64_rounded(op, own):
    attributes = own | {"go_backwards": True, "zero_output_for_mask": False}
    arrays, weights = draw(op, attributes, (37, 12, 33), True, "float32")
    seen = gradients(op, arrays, attributes, weights)
    wide = [a if a.dtype == bool else a.astype("float64") for a in arrays]
    wanted = gradients(op, wide, attributes, [w.astype("float64") for w in weights])
    for a, b in zip(seen, wanted, strict=True):
        error = np.abs(a - b).max() / np.abs(b).max()
        # relu's steps fall on either side of 0, now and then.
        assert error < (1e-2 if own.get("activation") == "relu" else 3e-5), error


@pytest.mark.parametrize("op, own", CASES, ids=str)
def test_results_have_the_same_bits_for_any_number_of_threads(op, own):
    attributes = own | {"go_backwards": False, "zero_output_for_mask": False}
    arrays, weights = draw(op, attributes, (70, 9, 40), True, "float32")
    before = _core.thread_count()
    found = []
    try:
        for threads in (1, 3):
            _core.set_thread_count(threads)
            outputs = results(op, [_core.tensor(a) for a in arrays], attributes)
            found.append(
                [np.asarray(y) for y in outputs] + gradients(op, arrays, attributes, weights)
            )
    finally:
        _core.set_thread_count(before)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_wrong_sizes_and_inputs_are_refused_with_the_reason():
    def call(*shapes, op="lstm", **attributes):
        return _core.op(op)(*(_core.tensor(np.zeros(s, "float32")) for s in shapes), **attributes)

    with pytest.raises(ValueError, match="features and units of all gates"):
        call((2, 3, 8), (2, 3), (2, 3), (3, 12))
    with pytest.raises(ValueError, match="sizes of the state"):
        call((2, 3, 12), (2, 4), (2, 3), (3, 12))
    with pytest.raises(ValueError, match="takes 4 inputs"):
        call((2, 3, 9), (2, 3), (3, 9), op="gru", reset_after=True)
    with pytest.raises(TypeError, match="bool"):
        call((2, 3, 12), (2, 3), (2, 3), (3, 12), (2, 3))
    with pytest.raises(ValueError, match="must be tanh or relu"):
        call((2, 3, 3), (2, 3), (3, 3), op="simple_rnn", activation="exp")
