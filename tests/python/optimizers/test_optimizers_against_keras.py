"""Five steps of every optimizer give Keras's weights, slots, paths and configs."""

import numpy as np
import pytest
from addax import Variable, optimizers
from training_cases import ARRAYS, CASES, assert_close, build, label

OPTIMIZERS = list(enumerate(CASES["optimizers"]))
NAMES = ("kernel", "bias")
TOLERANCE = {"rtol": 2e-5, "atol": 5e-6}


def fresh_variables():
    return [Variable(ARRAYS[f"start/{name}"], name=name) for name in NAMES]


def gradients(step):
    return [ARRAYS[f"gradient{step}/{name}"] for name in NAMES]


def ident(numbered):
    return label(numbered[1])


@pytest.mark.parametrize("numbered", OPTIMIZERS, ids=ident)
def test_weights_are_those_of_keras_after_each_step(numbered):
    index, case = numbered
    variables = fresh_variables()
    optimizer = build(optimizers, case, name="optimizer")
    for step in range(5):
        optimizer.apply_gradients(zip(gradients(step), variables))
        for v in variables:
            assert_close(v, f"optimizer{index}/step{step}/{v.name}", **TOLERANCE)
    assert len(optimizer.variables) == len(case["variables"])
    for slot, v in enumerate(optimizer.variables):
        expected = ARRAYS[f"optimizer{index}/variable{slot}"]
        assert v.shape == expected.shape
        np.testing.assert_allclose(v.numpy(), expected, err_msg=v.path, **TOLERANCE)
    optimizer.finalize_variable_values(variables)
    for v in variables:
        assert_close(v, f"optimizer{index}/final/{v.name}", **TOLERANCE)


@pytest.mark.parametrize("numbered", OPTIMIZERS, ids=ident)
def test_configs_and_paths_are_those_of_keras(numbered):
    _, case = numbered
    optimizer = build(optimizers, case, name="optimizer")
    optimizer.build(fresh_variables())
    config = optimizer.get_config()
    assert config == case["config"]
    assert list(config) == list(case["config"])
    paths = [v.path for v in optimizer.variables]
    # Where Keras forgets the optimizer's scope, Addax does not.
    expected = [p if p.startswith("optimizer/") else None for p in case["variables"]]
    assert [p if e else None for p, e in zip(paths, expected, strict=True)] == expected


@pytest.mark.parametrize("numbered", OPTIMIZERS, ids=ident)
def test_a_config_makes_the_same_optimizer(numbered):
    _, case = numbered
    optimizer = build(optimizers, case, name="optimizer")
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize("numbered", OPTIMIZERS, ids=ident)
def test_a_recorded_step_gives_the_weights_of_an_eager_one(numbered):
    from addax.backend.function import CompiledFunction

    index, case = numbered
    variables = fresh_variables()
    optimizer = build(optimizers, case, name="optimizer")
    optimizer.build(variables)
    step_function = CompiledFunction(lambda grads: optimizer.apply(grads, variables))
    for step in range(5):
        step_function(gradients(step))
        for v in variables:
            assert_close(v, f"optimizer{index}/step{step}/{v.name}", **TOLERANCE)
    for slot, v in enumerate(optimizer.variables):
        expected = ARRAYS[f"optimizer{index}/variable{slot}"]
        np.testing.assert_allclose(v.numpy(), expected, err_msg=v.path, **TOLERANCE)
