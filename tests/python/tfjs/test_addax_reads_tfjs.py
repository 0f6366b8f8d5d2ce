"""Models that TensorFlow.js built and saved predict the same in Addax."""

from __future__ import annotations

import addax as keras
import pytest
from comparing import check, decode, encode, predict
from tfjs_cases import CASES

DIRECTION = "TensorFlow.js to Addax"


@pytest.fixture(scope="module")
def saved(client, tmp_path_factory):
    """All models, built and saved in one process, and what they predict."""
    root = tmp_path_factory.mktemp("saved-by-tfjs")
    jobs = {
        name: {
            "model": case.description(name),
            "inputs": [encode(x) for x in case.inputs()],
            "save": str(root / name),
        }
        for name, case in CASES.items()
    }
    return root, client.run(jobs)


@pytest.mark.parametrize("name", CASES)
def test_a_model_of_tensorflow_js_predicts_the_same(saved, name):
    root, results = saved
    case, result = CASES[name], results[name]
    assert "error" not in result, result
    model = keras.saving.load_model(root / name)
    check(case, predict(model, case.inputs()), decode(result["outputs"]))
