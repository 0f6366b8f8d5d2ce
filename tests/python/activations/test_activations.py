"""Activation functions: by name, their configs, their arguments."""

from __future__ import annotations

import numpy as np
import pytest
from addax import activations, ops
from addax.backend import KerasTensor

X = np.linspace(-8, 8, 33).astype(np.float32).reshape(3, 11)
FUNCTIONS = sorted(set(activations.__all__) - {"get", "serialize", "deserialize"})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_names_resolve_and_come_back(name) -> None:
    function = activations.get(name)
    assert function is getattr(activations, name)
    written = activations.serialize(function)
    assert isinstance(written, str)
    assert activations.deserialize(written) is function
    assert activations.get(function) is function


def test_none_is_linear_and_unknown_names_are_errors() -> None:
    assert activations.get(None) is activations.linear
    with pytest.raises(ValueError, match="Could not interpret activation function identifier: foo"):
        activations.get("foo")
    with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
        activations.get(3)


def test_a_registered_function_is_found_by_its_name() -> None:
    from addax import saving

    @saving.register_keras_serializable(package="tests", name="twice")
    def twice(x):
        return x * 2

    config = activations.serialize(twice)
    assert activations.get(config) is twice
    assert activations.get("tests>twice") is twice


@pytest.mark.parametrize(
    "options, reference",
    [
        ({}, lambda x: np.maximum(x, 0)),
        ({"max_value": 6}, lambda x: np.clip(x, 0, 6)),
        ({"max_value": 2.5}, lambda x: np.clip(x, 0, 2.5)),
        ({"negative_slope": 0.1}, lambda x: np.where(x > 0, x, 0.1 * x)),
        ({"threshold": 1.0}, lambda x: np.where(x >= 1, x, 0)),
        (
            {"negative_slope": 0.1, "max_value": 3.0, "threshold": 0.5},
            lambda x: np.where(x >= 0.5, np.minimum(x, 3), 0.1 * (x - 0.5)),
        ),
    ],
)
def test_relu_has_slope_bound_and_threshold(options, reference) -> None:
    np.testing.assert_allclose(activations.relu(X, **options).numpy(), reference(X), atol=1e-6)


def test_defaults_are_those_of_keras() -> None:
    np.testing.assert_allclose(
        activations.leaky_relu(X).numpy(), np.where(X > 0, X, 0.2 * X), rtol=1e-6
    )
    exact = ops.gelu(X, approximate=False).numpy()
    np.testing.assert_array_equal(activations.gelu(X).numpy(), exact)
    assert np.abs(ops.gelu(X).numpy() - exact).max() > 1e-5
    assert activations.linear(X) is X


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_are_finite_and_take_keras_tensors(name) -> None:
    arguments = (0.5, 0.0) if name == "threshold" else ()
    function = getattr(activations, name)
    x = np.float32([[-1e4, -100.0, -1.0, 0.0, 1.0, 80.0]])
    assert np.isfinite(ops.convert_to_numpy(function(x, *arguments))).all()
    assert function(KerasTensor((None, 4)), *arguments).shape == (None, 2 if name == "glu" else 4)


def test_softmax_rows_sum_to_one_even_for_large_numbers() -> None:
    x = np.float32([[1e4, 1e4, -1e4], [0, 0, 0]])
    np.testing.assert_allclose(
        activations.softmax(x).numpy(), [[0.5, 0.5, 0], [1 / 3] * 3], rtol=1e-6
    )
    np.testing.assert_allclose(activations.log_softmax(x).numpy()[1], [-np.log(3)] * 3, rtol=1e-6)
