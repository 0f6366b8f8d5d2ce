"""Models that Addax built and saved predict the same in TensorFlow.js."""

from __future__ import annotations

import pytest
from comparing import check, decode, encode, predict
from tfjs_cases import CASES

DIRECTION = "Addax to TensorFlow.js"


@pytest.fixture(scope="module")
def loaded(client, tmp_path_factory):
    """What both sides predict, or the exception of ours."""
    root = tmp_path_factory.mktemp("saved-by-addax")
    ours, jobs = {}, {}
    for name, case in CASES.items():
        try:
            model = case.model(name)
            model.save(root / name)
            ours[name] = predict(model, case.inputs())
        except Exception as error:
            ours[name] = error
            continue
        inputs = [encode(x) for x in case.inputs()]
        jobs[name] = {"model": {"folder": str(root / name)}, "inputs": inputs}
    return ours, client.run(jobs)


@pytest.mark.parametrize("name", CASES)
def test_a_model_of_addax_predicts_the_same(loaded, name):
    ours, results = loaded
    case = CASES[name]
    if isinstance(ours[name], Exception):
        raise ours[name]
    result = results[name]
    if case.refused:
        assert case.refused in result.get("error", ""), result
        pytest.xfail(f"TensorFlow.js: {case.refused}")
    assert "error" not in result, result
    check(case, ours[name], decode(result["outputs"]))
