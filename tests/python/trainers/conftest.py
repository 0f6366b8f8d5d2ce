"""Small models and data that the tests of training share."""

import addax
import numpy as np
import pytest
from addax import layers


@pytest.fixture
def data():
    generator = np.random.RandomState(0)
    x = generator.rand(70, 4).astype("float32")
    return x, (np.arange(70) % 3)


@pytest.fixture
def make_classifier():
    def make(loss="sparse_categorical_crossentropy", metrics=("accuracy",), **kwargs):
        addax.utils.set_random_seed(0)
        model = addax.Sequential(
            [
                addax.Input((4,)),
                layers.Dense(8, activation="relu"),
                layers.Dense(3, activation="softmax"),
            ]
        )
        kwargs.setdefault("optimizer", "adam")
        model.compile(loss=loss, metrics=list(metrics), **kwargs)
        return model

    return make


@pytest.fixture
def classifier(make_classifier):
    return make_classifier()


@pytest.fixture
def two_outputs():
    """A linear model with outputs `o1` and `o2`, compiled as told; all weights are 0.5."""

    def make(structure=list, **kwargs):
        inputs = addax.Input((3,))
        o1 = layers.Dense(1, kernel_initializer=addax.initializers.Constant(0.5), name="o1")(inputs)
        o2 = layers.Dense(1, kernel_initializer=addax.initializers.Constant(0.5), name="o2")(inputs)
        outputs = [o1, o2] if structure is list else {"p": o1, "q": o2}
        model = addax.Model(inputs, outputs)
        kwargs.setdefault("optimizer", addax.optimizers.SGD(0.0))
        model.compile(**kwargs)
        return model

    return make
