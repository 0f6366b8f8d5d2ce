"""Files that real Keras wrote load, predict what Keras predicts and train on as Keras does.

The archives in tests/golden/keras are made by tests/golden/make_keras.py.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import addax as keras
import interop_files
import interop_models
import interop_training
import pytest

pytest.importorskip("h5py")

GOLDEN = Path(__file__).parents[2] / "golden" / "keras"
VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in GOLDEN.glob("*.tar.xz"))
# The program of a training step of Keras 2's Nadam multiplies its product once per variable.
TRAINS_OTHERWISE = {("keras-2.13.1", "nadam"), ("keras-2.15.0", "nadam")}


@pytest.fixture(scope="module", params=VERSIONS)
def files(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with tarfile.open(GOLDEN / f"{request.param}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    expected = json.loads((folder / "expected.json").read_text())
    return folder, expected, request.param


def paths(folder, name):
    found = [folder / f"{name}{ending}" for ending in interop_files.ENDINGS]
    return [path for path in found if path.exists()]


@pytest.mark.parametrize("name", interop_models.MODELS)
def test_models_predict_as_in_keras(files, name):
    folder, expected, _ = files
    if name not in expected["models"]:
        pytest.skip("this version of Keras has not all of its layers")
    found = paths(folder / "models", name)
    assert len(found) >= 3
    for path in found:
        verdict = interop_files.compare_model(keras, path, name, expected["models"][name])
        assert verdict == interop_files.PASS, path.name


@pytest.mark.parametrize("name", interop_training.CASES)
def test_training_goes_on_as_in_keras(files, name):
    folder, expected, version = files
    if name not in expected["training"]:
        pytest.skip("this version of Keras has no such optimizer")
    if (version, name) in TRAINS_OTHERWISE:
        pytest.skip("this version of Keras has another arithmetic")
    found = [p for p in paths(folder / "training", name) if not p.name.endswith(".legacy.h5")]
    assert len(found) >= 2
    for path in found:
        verdict = interop_files.compare_training(keras, path, name, expected["training"][name])
        assert verdict == interop_files.PASS, path.name
