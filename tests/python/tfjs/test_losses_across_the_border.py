"""Losses and metrics that Addax writes are the same ones in TensorFlow.js, under its names."""

from __future__ import annotations

import addax as keras
import numpy as np
import pytest
from addax import layers
from addax.saving import training_config
from comparing import check, decode, encode, predict

LOSSES = (
    *("mse", "mae", "mape", "msle", "squared_hinge", "hinge", "categorical_hinge", "log_cosh"),
    *("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy"),
    *("kl_divergence", "poisson", "cosine_similarity"),
)
METRICS = ["accuracy", "categorical_accuracy", "mse", "mean_absolute_error", "mape"]
X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
STEPS = 3


def targets_of(loss):
    ids = np.array([0, 2, 1, 1])
    if "sparse" in loss:
        return ids.reshape(4, 1).astype("float32")
    classes = np.eye(3)[ids].astype("float32")
    # Keras takes labels of 0 and 1 for -1 and 1 there, TensorFlow.js as they are.
    return 2 * classes - 1 if loss in ("hinge", "squared_hinge") else classes


@pytest.fixture(scope="module")
def trained(client, tmp_path_factory):
    root = tmp_path_factory.mktemp("losses")
    ours, jobs = {}, {}
    for loss in LOSSES:
        keras.utils.set_random_seed(2)
        model = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation="softmax")])
        model.compile(keras.optimizers.SGD(0.01), loss, metrics=METRICS if loss == "mse" else None)
        y = targets_of(loss)
        model.fit(X, y, batch_size=4, verbose=0)
        model.save(root / loss)
        model.fit(X, y, epochs=STEPS, batch_size=4, shuffle=False, verbose=0)
        ours[loss] = predict(model, [X])
        jobs[loss] = {
            "model": {"folder": str(root / loss)},
            "inputs": [encode(X)],
            "targets": [encode(y)],
            "after": STEPS,
        }
    return ours, client.run(jobs)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_goes_on_in_tensorflow_js(trained, loss):
    ours, results = trained
    assert "error" not in results[loss], results[loss]
    check(ours[loss], decode(results[loss]["later"]), tolerance=1e-5)


def test_every_loss_of_the_table_is_tried():
    assert {training_config._LOSSES[loss] for loss in LOSSES} == set(
        training_config._LOSSES.values()
    )
