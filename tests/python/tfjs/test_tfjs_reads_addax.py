"""Models that Addax built and saved predict the same in TensorFlow.js."""

from __future__ import annotations

import pytest
from comparing import check, decode, encode, predict
from tfjs_cases import BUILT_BY_ADDAX

DIRECTION = "Addax to TensorFlow.js"


@pytest.fixture(scope="module")
def loaded(client, tmp_path_factory):
    """What both sides predict, or the exception of ours."""
    root = tmp_path_factory.mktemp("saved-by-addax")
    ours, jobs = {}, {}
    for name, case in BUILT_BY_ADDAX.items():
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


@pytest.mark.parametrize("name", BUILT_BY_ADDAX)
def test_a_model_of_addax_predicts_the_same(loaded, name):
    ours, results = loaded
    case = BUILT_BY_ADDAX[name]
    if isinstance(ours[name], Exception):
        raise ours[name]
    result = results[name]
    for known in filter(None, (case.refused, case.broken)):
        assert known in result.get("error", ""), result
        pytest.xfail(f"TensorFlow.js refuses: {known}")
    assert "error" not in result, result
    known = case.differs or case.differs_when_written
    check(ours[name], decode(result["outputs"]), known)
