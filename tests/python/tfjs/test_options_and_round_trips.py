"""TensorFlow.js reads folders that were quantized or cut in pieces, and gives models back."""

from __future__ import annotations

import addax as keras
import numpy as np
import pytest
from comparing import check, decode, encode, predict
from tfjs_cases import CASES

MODELS = ("residual", "gru", "nested", "embedding")
OPTIONS = {
    "shards": {"shard_size": 100},
    "uint8": {"quantize": "uint8"},
    "uint16": {"quantize": "uint16", "shard_size": 101},
    "float16": {"quantize": "float16"},
}


@pytest.fixture(scope="module")
def asked(client, tmp_path_factory):
    """What Addax predicts with the file, and what TensorFlow.js does."""
    root = tmp_path_factory.mktemp("options")
    ours, jobs = {}, {}
    for name in MODELS:
        case = CASES[name]
        for title, options in OPTIONS.items():
            key = f"{name}-{title}"
            case.model(name).save(root / key, **options)
            ours[key] = predict(keras.saving.load_model(root / key), case.inputs())
            inputs = [encode(x) for x in case.inputs()]
            jobs[key] = {"model": {"folder": str(root / key)}, "inputs": inputs}
    return ours, client.run(jobs)


@pytest.mark.parametrize("key", [f"{name}-{title}" for name in MODELS for title in OPTIONS])
def test_shards_and_codes_mean_the_same_there(asked, key):
    ours, results = asked
    assert "error" not in results[key], results[key]
    check(ours[key], decode(results[key]["outputs"]))


@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_a_model_that_tensorflow_js_trained_on_comes_back(client, tmp_path, optimizer):
    """Addax trains and saves, TensorFlow.js trains and saves, Addax goes on."""
    case = CASES["branches"]
    x, y = case.inputs()[0], np.random.default_rng(1).normal(size=(3, 2)).astype("float32")
    made = {
        "adam": lambda: keras.optimizers.Adam(0.05),
        "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.7),
    }[optimizer]

    def fit(model):
        model.fit(x, y, epochs=3, batch_size=3, shuffle=False, verbose=0)

    model = case.model("branches")
    model.compile(made(), "mse")
    fit(model)
    model.save(tmp_path / "ours")
    job = {
        "model": {"folder": str(tmp_path / "ours")},
        "inputs": [encode(x)],
        "targets": [encode(y)],
        "before": 3,
        "save": str(tmp_path / "theirs"),
        "shards": 3,
    }
    result = client.run({"job": job})["job"]
    assert "error" not in result, result
    back = keras.saving.load_model(tmp_path / "theirs")
    check(predict(back, [x]), decode(result["outputs"]))
    for trained in (model, model, back):
        fit(trained)
    check(predict(model, [x]), predict(back, [x]), tolerance=2e-4)
    assert int(back.optimizer.iterations) == 9
