"""The library as a C++ developer gets it, and a model to run with it."""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from consumer_project import ROOT, run


@pytest.fixture(scope="session")
def build() -> Path:
    """A build folder with the library in it: ADDAX_NATIVE_BUILD, as tools/test sets it."""
    folder = os.environ.get("ADDAX_NATIVE_BUILD")
    if not folder or shutil.which("cmake") is None:
        pytest.skip("needs cmake, and the folder of a build in ADDAX_NATIVE_BUILD")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def prefix(build, tmp_path_factory) -> Path:
    """The installed library, moved to another place after its installation."""
    home = tmp_path_factory.mktemp("library")
    run("cmake", "--install", build, "--component", "library", "--prefix", home / "first")
    (home / "first").rename(home / "second")
    return next((home / "second").rglob("addax-config.cmake")).parents[3]


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> SimpleNamespace:
    """A saved convolutional model, some inputs and what it says to them in Python."""
    import addax
    from addax import layers

    addax.utils.set_random_seed(7)
    model = addax.Sequential(
        [
            addax.Input(shape=(12, 12, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    folder = tmp_path_factory.mktemp("model")
    x = np.random.default_rng(1).random((4, 12, 12, 1), dtype="float32")
    model.save(folder / "digits")
    x.tofile(folder / "x.bin")
    return SimpleNamespace(
        folder=folder / "digits", x=folder / "x.bin", y=np.asarray(model.predict(x, verbose=0))
    )


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """What the C++ examples run."""
    folder = tmp_path_factory.mktemp("models")
    run(sys.executable, ROOT / "examples" / "cpp" / "make_models.py", folder)
    return folder
