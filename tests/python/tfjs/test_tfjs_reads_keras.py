"""Models that Keras 3 saved, converted by Addax, predict the same in TensorFlow.js."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import addax as keras
import interop_models
import pytest
from addax.convert import convert
from comparing import check, decode, encode

pytest.importorskip("h5py")

DIRECTION = "Keras 3.15.1 through `addax convert` to TensorFlow.js"
# Weights that no training would have left: they do not keep to their constraint.
DIFFERS = {"regularization": "TensorFlow.js applies constraints to weights that it loads"}
ARCHIVE = Path(__file__).parents[2] / "golden" / "keras" / "keras-3.15.1.tar.xz"


@pytest.fixture(scope="module")
def loaded(client, tmp_path_factory):
    """What Keras predicted, and what TensorFlow.js makes of the same files."""
    root = tmp_path_factory.mktemp("saved-by-keras")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(root, filter="data")
    jobs = {}
    for name in interop_models.SHARED:
        folder = root / name
        convert(root / "models" / f"{name}.keras", folder)
        inputs = interop_models.inputs(keras.models.load_model(folder))
        jobs[name] = {"model": {"folder": str(folder)}, "inputs": [encode(x) for x in inputs]}
    expected = json.loads((root / "expected.json").read_text())["models"]
    wanted = {
        name: decode([{"shape": x["shape"], "data": x["values"]} for x in expected[name]])
        for name in jobs
    }
    return wanted, client.run(jobs)


@pytest.mark.parametrize("name", interop_models.SHARED)
def test_a_model_of_keras_predicts_the_same(loaded, name):
    wanted, results = loaded
    assert "error" not in results[name], results[name]
    check(decode(results[name]["outputs"]), wanted[name], DIFFERS.get(name, ""))
