"""A config with a nonsensical value gives a layer that works or a clear error, never a crash."""

import copy
import json

import numpy as np
import pytest
from addax import layers, tree
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object
from layer_cases import CASES, arguments, build

ODD = [-1, 2.5, "x", [], 10**18]
# The first case of each class.
FIRST = {case[0].split("(")[0]: name for name, case in reversed(CASES.items())}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(FIRST.values()))
def test_odd_values_are_refused_or_work(name):
    constructor, shapes, options = CASES[name]
    config = json.loads(json.dumps(serialize_keras_object(build(constructor, layers))))
    args, options = arguments(shapes, options)
    for key in config["config"]:
        for value in ODD:
            odd = copy.deepcopy(config)
            odd["config"][key] = value
            try:
                layer = deserialize_keras_object(odd)
                outputs = tree.flatten(layer(*args, **options))
            except (ValueError, TypeError, MemoryError) as error:
                assert str(error), (key, value)
            else:
                assert all(np.asarray(y).dtype.kind == "f" for y in outputs), (key, value)
