"""Constraints: Keras's projections and configs, names, errors."""

import numpy as np
import pytest
from addax import constraints
from training_cases import ARRAYS, CASES, assert_close, build, label


@pytest.mark.parametrize("case", CASES["constraints"], ids=label)
def test_projections_are_those_of_keras(case):
    assert_close(build(constraints, case)(ARRAYS["matrix"]), case["result"])


@pytest.mark.parametrize("case", CASES["constraints"], ids=label)
def test_configs_are_those_of_keras_and_make_the_same_constraint(case):
    made = build(constraints, case)
    assert made.get_config() == case["config"]
    again = constraints.deserialize(constraints.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == case["config"]


@pytest.mark.parametrize("name", ["max_norm", "MaxNorm", "non_neg", "unit_norm", "min_max_norm"])
def test_names_give_constraints(name):
    wanted = name.replace("_", "").lower()
    assert type(constraints.get(name)).__name__.lower() == wanted


@pytest.mark.parametrize("identifier", ["foo", 3, {"class_name": "Foo", "config": {}}])
def test_unknown_identifiers_are_an_error(identifier):
    with pytest.raises(ValueError, match="Could not interpret constraint identifier: "):
        constraints.get(identifier)


def test_vectors_of_length_zero_stay_zero():
    zeros = np.zeros((3, 2), "float32")
    for made in (constraints.UnitNorm(), constraints.MaxNorm(), constraints.MinMaxNorm()):
        np.testing.assert_array_equal(made(zeros), zeros)


def test_nan_goes_through():
    assert np.isnan(np.asarray(constraints.NonNeg()(np.array([np.nan, -1.0], "float32")))[0])
