"""Every layer gives what Keras gives for the same weights, and has Keras's config."""

import numpy as np
import pytest
from addax import layers, tree
from addax.saving.serialization import serialize_keras_object
from layer_cases import CASES, CONFIGS, arguments, build, set_numbers, shortened


def _close(ours, theirs, what):
    ours = np.asarray(ours)
    assert ours.shape == tuple(theirs["shape"]), what
    expected = np.array(theirs["values"], "float32").reshape(theirs["shape"])
    np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=2e-5, err_msg=what)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_those_of_keras(name, golden):
    constructor, shapes, options = CASES[name]
    layer = build(constructor, layers)
    args, options = arguments(shapes, options)
    layer(*args, **{k: v for k, v in options.items() if k != "training"})
    set_numbers(layer)
    outputs = tree.flatten(layer(*args, **options))
    expected = golden["values"][name]
    assert len(outputs) == len(expected["outputs"])
    for ours, theirs in zip(outputs, expected["outputs"], strict=True):
        _close(ours, theirs, f"{name}: {constructor}")
    for ours, theirs in zip(layer.get_weights(), expected.get("weights", [])):
        _close(ours, theirs, f"weights of {name} after a training call")


@pytest.mark.parametrize("name", CASES)
def test_symbolic_shapes_are_those_of_the_outputs(name):
    constructor, shapes, options = CASES[name]
    layer = build(constructor, layers)
    args, options = arguments(shapes, options)
    eager = tree.flatten(layer(*args, **options))
    symbolic = tree.map_structure(
        lambda x: layers.Input(batch_shape=x.shape, dtype=str(x.dtype)), args
    )
    inferred = tree.flatten(build(constructor, layers)(*symbolic, **options))
    assert [y.shape for y in inferred] == [y.shape for y in eager]
    assert [y.dtype for y in inferred] == [y.dtype for y in eager]


@pytest.mark.parametrize("constructor", CONFIGS)
def test_configs_are_those_of_keras(constructor, golden):
    serialized = shortened(serialize_keras_object(build(constructor, layers)))
    ours = {"class_name": serialized["class_name"], "config": serialized["config"]}
    assert ours == golden["configs"][constructor]


@pytest.mark.parametrize("constructor", CONFIGS)
def test_a_layer_made_from_its_config_has_the_same_config(constructor):
    layer = build(constructor, layers)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert sorted(dir(again)) == sorted(dir(layer))
