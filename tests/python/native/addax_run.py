"""Predictions of the native command line."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_library import built


def predict(model: Path, inputs: list, count: int, scratch: Path) -> list:
    """The `count` outputs of a saved model for NumPy arrays; files go to the folder `scratch`."""
    program = built("addax-run")
    if program is None:
        pytest.skip("addax-run is not built: cmake --preset release, or tools/test")
    files = [scratch / f"x{i}.npy" for i in range(len(inputs))]
    for path, x in zip(files, inputs, strict=True):
        np.save(path, x)
    results = [scratch / f"y{i}.npy" for i in range(count)]
    options = [word for path in results for word in ("--output", path)]
    command = [program, "predict", model, *files, *options]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [np.load(path) for path in results]
