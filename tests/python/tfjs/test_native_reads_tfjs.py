"""Models that TensorFlow.js built and saved predict the same in a native app."""

from __future__ import annotations

import pytest
from addax_run import predict
from comparing import check, decode
from tfjs_cases import BUILT_BY_TFJS

DIRECTION = "TensorFlow.js to C++"


@pytest.mark.parametrize("name", BUILT_BY_TFJS)
def test_a_model_of_tensorflow_js_predicts_the_same(built_by_tfjs, tmp_path, name):
    root, results = built_by_tfjs
    case, result = BUILT_BY_TFJS[name], results[name]
    if case.broken:
        pytest.xfail(f"TensorFlow.js cannot run its own model: {case.broken}")
    wanted = decode(result["outputs"])
    check(predict(root / name, case.inputs(), len(wanted), tmp_path), wanted, case.differs)
