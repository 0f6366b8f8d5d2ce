"""Regularizers: Keras's penalties and configs, names, errors."""

import numpy as np
import pytest
from addax import ops, regularizers
from training_cases import ARRAYS, CASES, assert_close, build, label


@pytest.mark.parametrize("case", CASES["regularizers"], ids=label)
def test_penalties_are_those_of_keras(case):
    matrix = ops.convert_to_tensor(ARRAYS["matrix"])
    assert_close(build(regularizers, case)(matrix), case["result"])


@pytest.mark.parametrize("case", CASES["regularizers"], ids=label)
def test_configs_are_those_of_keras_and_make_the_same_regularizer(case):
    made = build(regularizers, case)
    assert made.get_config() == case["config"]
    again = regularizers.deserialize(regularizers.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == case["config"]


@pytest.mark.parametrize(
    "name, cls", [("l1", "L1"), ("L2", "L2"), ("l1l2", "L1L2"), ("l1_l2", "L1L2")]
)
def test_names_give_regularizers(name, cls):
    assert type(regularizers.get(name)).__name__ == cls


@pytest.mark.parametrize("identifier", ["foo", 3, {"class_name": "Foo", "config": {}}])
def test_unknown_identifiers_are_an_error(identifier):
    with pytest.raises(ValueError, match="Could not interpret regularizer identifier: "):
        regularizers.get(identifier)


@pytest.mark.parametrize("value", ["x", -1.0, float("nan"), float("inf")])
def test_factors_must_not_be_negative(value):
    with pytest.raises(ValueError, match="expected a non-negative float"):
        regularizers.L1(value)
    with pytest.raises(ValueError, match="Invalid value for argument l2"):
        regularizers.L2(value)


def test_none_is_no_penalty():
    assert float(regularizers.L1L2(None, None)(ops.ones((2,)))) == 0.0


def test_orthogonal_needs_a_matrix_and_a_mode():
    with pytest.raises(ValueError, match="must have rank 2"):
        regularizers.OrthogonalRegularizer()(ops.ones((3,)))
    with pytest.raises(ValueError, match="Invalid value for argument `mode`"):
        regularizers.OrthogonalRegularizer(mode="x")


def test_orthogonal_rows_have_no_penalty():
    value = regularizers.OrthogonalRegularizer(1.0)(
        ops.convert_to_tensor(np.eye(3, dtype="float32"))
    )
    assert float(value) == 0.0
