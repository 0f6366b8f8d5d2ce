"""Models that TensorFlow.js trained and saved go on as they would have there."""

from __future__ import annotations

import json
from pathlib import Path

import addax as keras
import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "golden" / "tfjs"


@pytest.mark.parametrize("name", ["conv_momentum", "rnn_adam", "fun_adagrad", "emb_rmsprop"])
def test_a_model_of_tensorflow_js_predicts_and_trains_on_the_same(name):
    golden = json.loads((FOLDER / name / "io.json").read_text())
    xs = [np.array(x["v"], dtype=x["d"]).reshape(x["s"]) for x in golden["xs"]]
    x = xs if len(xs) > 1 else xs[0]
    y = np.array(golden["y"], dtype="float32").reshape(6, 2)
    model = keras.saving.load_model(FOLDER / name)
    np.testing.assert_allclose(model.predict(x, verbose=0).ravel(), golden["p"], atol=2e-6)
    model.fit(x, y, epochs=3, batch_size=6, shuffle=False, verbose=0)
    # Adam divides by sqrt(v / c) + epsilon there, by (sqrt(v) + epsilon) / sqrt(c) here.
    np.testing.assert_allclose(model.predict(x, verbose=0).ravel(), golden["q"], atol=2e-4)


VERSIONS = FOLDER.parent / "tfjs_versions"


def arrays(tensors):
    return [np.array(x["data"], dtype="float32").reshape(x["shape"]) for x in tensors]


@pytest.mark.parametrize(
    "folder", sorted(VERSIONS.glob("*/*")), ids=lambda folder: "-".join(folder.parts[-2:])
)
def test_models_of_older_versions_predict_and_train_on_the_same(folder):
    golden = json.loads((folder / "io.json").read_text())
    x, (y,) = arrays(golden["inputs"]), arrays(golden["targets"])
    x = x if len(x) > 1 else x[0]
    model = keras.saving.load_model(folder)
    moments = [(0, "outputs", 1e-5), (3, "later", 2e-4)]
    if folder.parts[-2] == "1.0.0":  # saves no optimizer
        assert not model.compiled and moments.pop()
    for step, moment, tolerance in moments:
        if step:
            model.fit(x, y, epochs=step, batch_size=len(y), shuffle=False, verbose=0)
        (wanted,) = arrays(golden[moment])
        np.testing.assert_allclose(
            model.predict(x, verbose=0), wanted, rtol=0, atol=tolerance * np.abs(wanted).max()
        )
