"""Files of layers without programs, as TensorFlow.js writes them, in a native app.

The models are those of the interop tests; what Addax saves of them is stripped of all that
TensorFlow.js would not have written.
"""

import json
from pathlib import Path

import addax as keras
import interop_models
import numpy as np
import pytest
from addax_run import predict


def stripped(model, folder: Path) -> Path:
    """Saves the model without programs."""
    model.save(folder)
    path = folder / "model.json"
    document = json.loads(path.read_text())
    del document["userDefinedMetadata"]
    path.write_text(json.dumps(document))
    return folder


@pytest.mark.filterwarnings("ignore:.*browser")
@pytest.mark.filterwarnings("ignore:.*TensorFlow.js")
@pytest.mark.parametrize("name", interop_models.SHARED)
def test_layers_give_what_they_give_in_python(tmp_path, name):
    model = interop_models.build(name, keras)
    folder = stripped(model, tmp_path / "model")
    inputs = interop_models.inputs(model)
    wanted = interop_models.outputs(model)
    found = predict(folder, inputs, len(wanted), tmp_path)
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


TFJS = Path(__file__).parents[2] / "golden" / "tfjs"


@pytest.mark.parametrize("folder", sorted(TFJS.iterdir()), ids=lambda folder: folder.name)
def test_what_tensorflow_js_wrote_predicts_the_same(tmp_path, folder):
    golden = json.loads((folder / "io.json").read_text())
    # Its files say float32 of every input, ids of embeddings included.
    inputs = [np.array(x["v"], dtype="float32").reshape(x["s"]) for x in golden["xs"]]
    (found,) = predict(folder, inputs, 1, tmp_path)
    np.testing.assert_allclose(found.ravel(), golden["p"], atol=2e-6)
