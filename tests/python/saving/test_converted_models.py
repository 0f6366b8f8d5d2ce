"""Models of Keras 2 in the files of the `tensorflowjs` converter predict what Keras predicts."""

from __future__ import annotations

import json
from pathlib import Path

import addax as keras
import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "golden" / "converted"


def arrays(entries, dtype="float32"):
    return [np.array(x["data"], dtype).reshape(x["shape"]) for x in entries]


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.iterdir()))
def test_a_converted_model_predicts_the_same(name):
    golden = json.loads((FOLDER / name / "io.json").read_text())
    model = keras.saving.load_model(FOLDER / name)
    inputs = arrays(golden["inputs"])
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for ours, theirs in zip(outputs, arrays(golden["outputs"]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_the_goldens_have_every_quantization_and_several_shards():
    documents = [json.loads(path.read_text()) for path in FOLDER.glob("*/model.json")]
    groups = [group for document in documents for group in document["weightsManifest"]]
    specs = [spec for group in groups for spec in group["weights"]]
    kinds = {spec.get("quantization", {}).get("dtype") for spec in specs}
    assert kinds == {None, "uint8", "uint16", "float16"}
    assert max(len(group["paths"]) for group in groups) > 2
    assert max(len(document["weightsManifest"]) for document in documents) > 1
