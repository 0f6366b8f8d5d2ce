"""Files that real Keras wrote load, predict what Keras predicts and train on as Keras does.

The archives in tests/golden/keras are made by tests/golden/make_keras.py.
"""

from __future__ import annotations

import json
import tarfile
import warnings
from pathlib import Path

import addax as keras
import interop_models
import interop_training
import numpy as np
import pytest

pytest.importorskip("h5py")

GOLDEN = Path(__file__).parents[2] / "golden" / "keras"
VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in GOLDEN.glob("*.tar.xz"))
ENDINGS = (".keras", ".h5", ".weights.h5", ".legacy.h5")
# The program of a training step of Keras 2's Nadam multiplies its product once per variable.
TRAINS_OTHERWISE = {("keras-2.13.1", "nadam"), ("keras-2.15.0", "nadam")}


@pytest.fixture(scope="module", params=VERSIONS)
def files(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with tarfile.open(GOLDEN / f"{request.param}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    expected = json.loads((folder / "expected.json").read_text())
    return folder, expected, request.param


def read(path, fresh):
    """The model of a file; of weights, in a model of its own."""
    if path.name.endswith((".weights.h5", ".legacy.h5")):
        model = fresh()
        model.load_weights(path)
        return model
    return keras.saving.load_model(path)


def assert_outputs(model, wanted, path):
    found = interop_models.outputs(model)
    for have, want in zip(found, wanted, strict=True):
        want = np.array(want["values"]).reshape(want["shape"])
        np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-5, err_msg=path.name)


def paths(folder, name):
    found = [folder / f"{name}{ending}" for ending in ENDINGS]
    return [path for path in found if path.exists()]


@pytest.mark.parametrize("name", interop_models.MODELS)
def test_models_predict_as_in_keras(files, name):
    folder, expected, _ = files
    if name not in expected["models"]:
        pytest.skip("this version of Keras has not all of its layers")
    found = paths(folder / "models", name)
    assert len(found) >= 3

    def fresh():
        if name == "conv_lstm2d":
            # The gates of Keras 2 are hard sigmoids by default; a file with the topology says so.
            return keras.models.clone_model(keras.saving.load_model(found[0]))
        return interop_models.MODELS[name](keras)

    for path in found:
        model = read(path, fresh)
        assert_outputs(model, expected["models"][name], path)


@pytest.mark.parametrize("name", interop_training.CASES)
def test_training_goes_on_as_in_keras(files, name):
    folder, expected, version = files
    if name not in expected["training"]:
        pytest.skip("this version of Keras has no such optimizer")
    if (version, name) in TRAINS_OTHERWISE:
        pytest.skip("this version of Keras has another arithmetic")
    wanted = expected["training"][name]
    found = paths(folder / "training", name)
    assert len(found) >= 2
    for path in found:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = read(path, lambda: interop_training.model_of(keras, name))
        if path.name.endswith(".legacy.h5"):
            continue  # weights alone
        losses = interop_training.train(model, 3, 6)
        np.testing.assert_allclose(losses, wanted["losses"], rtol=2e-5, err_msg=path.name)
        assert_outputs(model, wanted["outputs"], path)
