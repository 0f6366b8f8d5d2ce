"""Every layer in a model that is saved as a folder comes back and gives the same numbers."""

import json
import warnings

import addax
import numpy as np
import pytest
from addax import Input, Model, layers, tree
from layer_cases import CASES, arguments, build, set_numbers


def _plain(config):
    """The config as JSON gives it back: with lists in the place of tuples."""
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("name", CASES)
def test_a_saved_folder_gives_the_same_outputs(name, tmp_path):
    constructor, shapes, options = CASES[name]
    options = {k: v for k, v in options.items() if k not in ("training", "mask", "attention_mask")}
    args, options = arguments(shapes, options)
    inputs = tree.map_structure(lambda x: Input(x.shape[1:], dtype=str(x.dtype)), args)
    layer = build(constructor, layers)
    outputs = tree.flatten(layer(*inputs, **options))
    set_numbers(layer)
    model = Model(tree.flatten(inputs), outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layers that TensorFlow.js does not know
        model.save(tmp_path / "model")
    loaded = addax.models.load_model(tmp_path / "model")
    assert _plain(loaded.get_layer(layer.name).get_config()) == _plain(layer.get_config())
    flat = tree.flatten(args)
    for ours, theirs in zip(tree.flatten(loaded(flat)), tree.flatten(model(flat)), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
