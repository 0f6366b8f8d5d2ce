"""Every layer computes in the dtype of its policy, close to what it gives in float32."""

import addax
import numpy as np
import pytest
from addax import Input, layers, tree
from layer_cases import CASES, arguments, build, set_numbers


@pytest.fixture(params=["mixed_bfloat16", "float16"])
def policy(request):
    previous = addax.config.dtype_policy()
    yield request.param
    addax.config.set_dtype_policy(previous)


@pytest.mark.parametrize("name", CASES)
def test_outputs_have_the_compute_dtype(name, policy):
    constructor, shapes, options = CASES[name]
    args, options = arguments(shapes, options)
    still = {k: v for k, v in options.items() if k != "training"}
    single = build(constructor, layers)
    single(*args, **still)
    set_numbers(single)
    expected = tree.flatten(single(*args, **still))

    addax.config.set_dtype_policy(policy)
    half = build(constructor, layers)
    half(*args, **still)
    half.set_weights(single.get_weights())
    outputs = tree.flatten(half(*args, **still))
    inputs = tree.map_structure(lambda x: Input(batch_shape=x.shape, dtype=str(x.dtype)), args)
    symbolic = tree.flatten(build(constructor, layers)(*inputs, **options))
    for ours, theirs, spec in zip(outputs, expected, symbolic, strict=True):
        assert ours.dtype == spec.dtype == policy.removeprefix("mixed_")
        theirs = np.asarray(theirs)
        scale = 1.0 + np.abs(theirs).max()
        np.testing.assert_allclose(np.asarray(ours, "float32"), theirs, atol=0.05 * scale)


# A pipeline's config is its layers', which have policies of their own.
@pytest.mark.parametrize("name", [name for name in CASES if name != "pipeline"])
def test_a_config_keeps_the_dtype_policy(name, policy):
    addax.config.set_dtype_policy(policy)
    layer = build(CASES[name][0], layers)
    config = layer.get_config()
    addax.config.set_dtype_policy("float32")
    assert type(layer).from_config(config).compute_dtype == layer.compute_dtype
