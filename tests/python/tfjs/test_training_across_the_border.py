"""Training goes on where the other side stopped, with the optimizer's state."""

from __future__ import annotations

import addax as keras
import numpy as np
import pytest
from comparing import check, decode, encode, predict
from tfjs_cases import BATCH, CASES

DIRECTION = {
    "test_addax_goes_on_where_tensorflow_js_stopped": "training, TensorFlow.js to Addax",
    "test_tensorflow_js_goes_on_where_addax_stopped": "training, Addax to TensorFlow.js",
}

# TensorFlow.js's optimizer with its arguments, and ours.
OPTIMIZERS = {
    "sgd": (["sgd", 0.1], lambda: keras.optimizers.SGD(0.1)),
    "momentum": (["momentum", 0.05, 0.8], lambda: keras.optimizers.SGD(0.05, momentum=0.8)),
    "nesterov": (
        ["momentum", 0.05, 0.8, True],
        lambda: keras.optimizers.SGD(0.05, momentum=0.8, nesterov=True),
    ),
    "adam": (["adam", 0.02, 0.8, 0.99], lambda: keras.optimizers.Adam(0.02, 0.8, 0.99)),
    "rmsprop": (["rmsprop", 0.01, 0.8], lambda: keras.optimizers.RMSprop(0.01, rho=0.8)),
    "rmsprop_momentum": (
        ["rmsprop", 0.01, 0.9, 0.5],
        lambda: keras.optimizers.RMSprop(0.01, rho=0.9, momentum=0.5),
    ),
    "adagrad": (["adagrad", 0.05, 0.2], lambda: keras.optimizers.Adagrad(0.05, 0.2)),
}
# Shapes of the targets, by model.
MODELS = {
    "dense": [(2,)],
    "residual": [(2,)],
    "shared_layer": [(3,)],
    "frozen": [(2,)],
    "many_outputs": [(2,), (3,)],
    "gru": [(4,)],
    "embedding": [(2,)],
}
NAMES = [f"{model}, {optimizer}" for model in MODELS for optimizer in OPTIMIZERS]
BEFORE, AFTER = 3, 4
# TensorFlow.js's Adam divides by √(v / c) + ε where Keras divides by (√v + ε) / √c.
TOLERANCE = 2e-4


def split(name):
    model, optimizer = name.split(", ")
    return model, CASES[model], *OPTIMIZERS[optimizer]


def targets_of(model):
    generator = np.random.default_rng(8)
    return [generator.normal(size=(BATCH, *shape)).astype("float32") for shape in MODELS[model]]


def fit(model, case, targets, steps):
    x, y = (parts if len(parts) > 1 else parts[0] for parts in (case.inputs(), targets))
    model.fit(x, y, epochs=steps, batch_size=BATCH, shuffle=False, verbose=0)


def job(case, model, source, **more):
    """A job of client.js that trains."""
    inputs, targets = ([encode(x) for x in xs] for xs in (case.inputs(), targets_of(model)))
    return {"model": source, "inputs": inputs, "targets": targets, "after": AFTER, **more}


@pytest.fixture(scope="module")
def trained_by_tfjs(client, tmp_path_factory):
    root = tmp_path_factory.mktemp("trained-by-tfjs")
    jobs = {}
    for name in NAMES:
        model, case, optimizer, _ = split(name)
        jobs[name] = job(
            case,
            model,
            case.description(model),
            compile={"loss": "meanSquaredError", "metrics": ["mae"], "optimizer": optimizer},
            before=BEFORE,
            save=str(root / name),
        )
    return root, client.run(jobs)


@pytest.mark.parametrize("name", NAMES)
def test_addax_goes_on_where_tensorflow_js_stopped(trained_by_tfjs, name):
    root, results = trained_by_tfjs
    model_name, case, *_ = split(name)
    assert "error" not in results[name], results[name]
    model = keras.saving.load_model(root / name)
    check(predict(model, case.inputs()), decode(results[name]["outputs"]))
    assert int(model.optimizer.iterations) > 0
    fit(model, case, targets_of(model_name), AFTER)
    check(predict(model, case.inputs()), decode(results[name]["later"]), tolerance=TOLERANCE)


@pytest.fixture(scope="module")
def trained_by_addax(client, tmp_path_factory):
    root = tmp_path_factory.mktemp("trained-by-addax")
    ours, jobs = {}, {}
    for name in NAMES:
        model_name, case, _, optimizer = split(name)
        model = case.model(model_name)
        outputs = len(MODELS[model_name])
        model.compile(optimizer(), "mse", metrics=["mae"] if outputs == 1 else [["mae"]] * outputs)
        fit(model, case, targets_of(model_name), BEFORE)
        model.save(root / name)
        before = predict(model, case.inputs())
        fit(model, case, targets_of(model_name), AFTER)
        ours[name] = before, predict(model, case.inputs())
        jobs[name] = job(case, model_name, {"folder": str(root / name)})
    return ours, client.run(jobs)


@pytest.mark.parametrize("name", NAMES)
def test_tensorflow_js_goes_on_where_addax_stopped(trained_by_addax, name):
    ours, results = trained_by_addax
    assert "error" not in results[name], results[name]
    before, later = ours[name]
    check(before, decode(results[name]["outputs"]))
    check(later, decode(results[name]["later"]), tolerance=TOLERANCE)
