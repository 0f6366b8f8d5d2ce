"""Models that TensorFlow.js built and saved predict the same in Addax."""

from __future__ import annotations

import addax as keras
import pytest
from comparing import check, decode, predict
from tfjs_cases import BUILT_BY_TFJS

DIRECTION = "TensorFlow.js to Addax"


@pytest.mark.parametrize("name", BUILT_BY_TFJS)
def test_a_model_of_tensorflow_js_predicts_the_same(built_by_tfjs, name):
    root, results = built_by_tfjs
    case, result = BUILT_BY_TFJS[name], results[name]
    if case.broken:
        assert case.broken in result.get("error", ""), result
        keras.saving.load_model(root / name)
        pytest.xfail(f"TensorFlow.js cannot run its own model: {case.broken}")
    assert "error" not in result, result
    model = keras.saving.load_model(root / name)
    check(predict(model, case.inputs()), decode(result["outputs"]), case.differs)
