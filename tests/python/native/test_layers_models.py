"""Files of layers without programs, as TensorFlow.js writes them, in a native app.

The models are those of the interop tests; what Addax saves of them is stripped of all that
TensorFlow.js would not have written.
"""

import json
import shutil
import subprocess
from pathlib import Path

import addax as keras
import interop_models
import numpy as np
import pytest
from c_library import built


@pytest.fixture(scope="module")
def program():
    path = built("addax-run")
    if path is None:
        pytest.skip("addax-run is not built: cmake --preset release, or tools/test")
    return path


def stripped(model, folder: Path) -> Path:
    """Saves the model without programs."""
    model.save(folder)
    path = folder / "model.json"
    document = json.loads(path.read_text())
    del document["userDefinedMetadata"]
    path.write_text(json.dumps(document))
    return folder


def predict(program, folder: Path, inputs: list, count: int) -> list:
    files = []
    for i, x in enumerate(inputs):
        files.append(folder / f"x{i}.npy")
        np.save(files[-1], x)
    results = [folder / f"y{i}.npy" for i in range(count)]
    options = [word for path in results for word in ("--output", str(path))]
    done = subprocess.run(
        [program, "predict", folder, *files, *options], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [np.load(path) for path in results]


@pytest.mark.filterwarnings("ignore:.*browser")
@pytest.mark.filterwarnings("ignore:.*TensorFlow.js")
@pytest.mark.parametrize("name", interop_models.SHARED)
def test_layers_give_what_they_give_in_python(program, tmp_path, name):
    model = interop_models.build(name, keras)
    folder = stripped(model, tmp_path / "model")
    inputs = interop_models.inputs(model)
    wanted = interop_models.outputs(model)
    found = predict(program, folder, inputs, len(wanted))
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


TFJS = Path(__file__).parents[2] / "golden" / "tfjs"


@pytest.mark.parametrize("folder", sorted(TFJS.iterdir()), ids=lambda folder: folder.name)
def test_what_tensorflow_js_wrote_predicts_the_same(program, tmp_path, folder):
    golden = json.loads((folder / "io.json").read_text())
    # Its files say float32 of every input, ids of embeddings included.
    inputs = [np.array(x["v"], dtype="float32").reshape(x["s"]) for x in golden["xs"]]
    copy = shutil.copytree(folder, tmp_path / "model")
    (found,) = predict(program, copy, inputs, 1)
    np.testing.assert_allclose(found.ravel(), golden["p"], atol=2e-6)
