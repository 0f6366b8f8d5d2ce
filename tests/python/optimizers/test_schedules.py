"""Learning rate schedules give Keras's rates and have its configs."""

import numpy as np
import pytest
from addax import Variable, optimizers
from addax.optimizers import schedules
from training_cases import CASES, assert_close, label


def build(case):
    return getattr(schedules, case["schedule"])(**case["arguments"])


@pytest.mark.parametrize("case", CASES["schedules"], ids=label)
def test_rates_are_those_of_keras(case):
    schedule = build(case)
    assert_close([float(schedule(step)) for step in range(26)], case["result"], atol=2e-7)


@pytest.mark.parametrize("case", CASES["schedules"], ids=label)
def test_configs_are_those_of_keras_and_make_the_same_schedule(case):
    schedule = build(case)
    assert schedule.get_config() == case["config"]
    assert list(schedule.get_config()) == list(case["config"])
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()


def test_an_optimizer_takes_the_rate_of_its_step():
    schedule = schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    optimizer = optimizers.SGD(schedule)
    v = Variable(np.zeros(1, "float32"))
    seen = []
    for _ in range(3):
        seen.append(float(optimizer.learning_rate))
        optimizer.apply([np.ones(1, "float32")], [v])
    assert seen == [0.5, 0.5, 0.25]
    np.testing.assert_allclose(v.numpy(), [-1.25])


def test_a_scheduled_rate_cannot_be_set():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="hence its learning rate is not settable"):
        optimizer.learning_rate = 0.1


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
        lambda: schedules.PolynomialDecay(0.1, -1),
        lambda: schedules.CosineDecay(0.1, 0),
        lambda: schedules.InverseTimeDecay(0.1, 0, 0.5),
    ],
)
def test_decay_steps_must_be_positive(make):
    with pytest.raises(ValueError, match="Argument `decay_steps` must be > 0"):
        make()


def test_the_base_class_says_what_to_override():
    with pytest.raises(NotImplementedError, match="must override `__call__"):
        schedules.LearningRateSchedule()(1)
