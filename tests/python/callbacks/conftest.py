"""A small regression problem that the tests of callbacks share."""

import addax
import numpy as np
import pytest
from addax import layers

X = np.random.RandomState(0).rand(64, 3).astype("float32")
Y = X[:, 0]


@pytest.fixture
def make_model():
    def make(optimizer="sgd", **kwargs):
        addax.utils.set_random_seed(1)
        model = addax.Sequential([addax.Input((3,)), layers.Dense(1)])
        model.compile(optimizer, "mse", metrics=["mae"], **kwargs)
        return model

    return make


@pytest.fixture
def fit(make_model):
    def run(*callbacks, model=None, **kwargs):
        kwargs.setdefault("verbose", 0)
        kwargs.setdefault("validation_split", 0.25)
        model = model if model is not None else make_model()
        return model.fit(X, Y, callbacks=list(callbacks), **kwargs)

    return run
