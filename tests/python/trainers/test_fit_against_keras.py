"""Whole trainings against Keras's: histories, evaluations and weights of tests/golden/fit.json."""

import json
from pathlib import Path

import addax
import pytest
from fit_cases import CASES, run

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "fit.json").read_text())["cases"]


@pytest.mark.parametrize("name", CASES)
def test_training_gives_what_keras_gives(name):
    got, expected = run(name, addax), GOLDEN[name]
    assert list(got["history"]) == list(expected["history"])
    for key, values in expected["history"].items():
        assert got["history"][key] == pytest.approx(values, rel=2e-4, abs=2e-5), key
    assert got["evaluation"] == pytest.approx(expected["evaluation"], rel=2e-4, abs=2e-5)
    assert got["weights"] == pytest.approx(expected["weights"], rel=2e-4, abs=2e-4)
