"""Dtype policies."""

import addax as keras
import pytest
from addax import dtype_policies, layers


@pytest.fixture(autouse=True)
def default_policy():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("name", "compute", "variable"),
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
    ],
)
def test_a_name_says_both_dtypes(name, compute, variable):
    policy = keras.DTypePolicy(name)
    assert (policy.compute_dtype, policy.variable_dtype) == (compute, variable)
    assert (
        policy
        == dtype_policies.get(name)
        == dtype_policies.deserialize(dtype_policies.serialize(policy))
    )
    assert repr(policy) == f'<DTypePolicy "{name}">'


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match="Cannot convert 'mixed_nonsense'"):
        keras.DTypePolicy("mixed_nonsense")
    with pytest.raises(TypeError, match="'name' must be a string"):
        keras.DTypePolicy(3)
    with pytest.raises(ValueError, match="Cannot interpret `dtype` argument"):
        dtype_policies.get(3)
    with pytest.raises(ValueError, match="Cannot deserialize the dtype policy"):
        dtype_policies.deserialize({"class_name": "Nope", "config": {}})


def test_layers_take_the_global_policy():
    assert layers.Dense(1).dtype_policy.name == "float32"
    keras.config.set_dtype_policy("mixed_bfloat16")
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert layers.Dense(1).compute_dtype == "bfloat16"
    assert layers.Dense(1, dtype="float64").compute_dtype == "float64"
    with pytest.raises(ValueError, match="Invalid `policy` argument"):
        keras.config.set_dtype_policy(3)


def test_the_default_follows_floatx():
    dtype_policies.set_dtype_policy(None)
    keras.config.set_floatx("float64")
    try:
        assert layers.Dense(1).dtype == "float64"
    finally:
        keras.config.set_floatx("float32")


def test_a_map_has_a_policy_for_each_path():
    policies = dtype_policies.DTypePolicyMap("float32")
    policies["a/b"] = keras.DTypePolicy("float64")
    policies["c/.*"] = keras.DTypePolicy("mixed_float16")
    assert policies["a/b"].name == "float64" and policies["c/d"].name == "mixed_float16"
    assert policies["else"].name == "float32" and policies.compute_dtype == "float32"
    with pytest.raises(ValueError, match="already exist"):
        policies["a/b"] = keras.DTypePolicy("float32")
    with pytest.raises(ValueError, match="Cannot set 3"):
        policies["z"] = 3
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert again == policies and list(again) == ["a/b", "c/.*"]
