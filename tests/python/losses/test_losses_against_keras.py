"""Every loss, its gradient and its config are those of Keras."""

import numpy as np
import pytest
from addax import GradientTape, losses, ops
from training_cases import CASES, assert_close, batch, build, label

LOSSES = CASES["losses"]
RUNS = [
    pytest.param(case, run, id=f"{label(case)}-{run['reduction']}-{run['weighted']}")
    for case in LOSSES
    for run in case["runs"]
]


def with_reduction(case, reduction):
    return {**case, "arguments": {**case["arguments"], "reduction": reduction}}


@pytest.mark.parametrize("case, run", RUNS)
def test_values_and_gradients_are_those_of_keras(case, run):
    loss = build(losses, with_reduction(case, run["reduction"]))
    weights = batch(0, "weights") if run["weighted"] else None
    y_pred = ops.convert_to_tensor(batch(0, case["y_pred"]))
    with GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(batch(0, case["y_true"]), y_pred, sample_weight=weights)
        total = ops.sum(value)
    assert_close(value, run["result"], rtol=2e-5, atol=2e-6)
    assert_close(tape.gradient(total, y_pred), run["result"] + "/gradient", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", LOSSES, ids=label)
def test_configs_are_those_of_keras(case):
    config = build(losses, case).get_config()
    expected = case["config"]
    # Arguments that Keras forgets are kept when they are not the default.
    kept = {k: v for k, v in config.items() if k not in expected}
    assert all(case["arguments"][k] == v for k, v in kept.items())
    assert [k for k in config if k in expected] == list(expected)
    assert all(_same(config[k], expected[k]) for k in expected)


def _same(ours, theirs):
    return list(ours) == list(theirs) if isinstance(ours, tuple) else ours == theirs


@pytest.mark.parametrize("case", LOSSES, ids=label)
def test_a_config_makes_the_same_loss(case):
    loss = build(losses, case)
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    y_true, y_pred = batch(0, case["y_true"]), batch(0, case["y_pred"])
    np.testing.assert_array_equal(loss(y_true, y_pred), again(y_true, y_pred))
