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
