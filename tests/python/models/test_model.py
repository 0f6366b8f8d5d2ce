"""Subclassed models, JSON, and what all models share."""

import json

import addax as keras
import numpy as np
import pytest
from addax import layers, ops
from addax.backend import names


@pytest.fixture(autouse=True)
def fresh_names():
    names.reset()


def ones(*shape):
    return np.ones(shape, "float32")


class Net(keras.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(units)
        self.stack = [layers.Dense(4), layers.Dropout(0.5)]
        self.seen = keras.metrics.Mean(name="seen")

    def call(self, x, training=None):
        x = self.hidden(x)
        for layer in self.stack:
            x = layer(x, training=training)
        return x


def test_a_subclass_is_built_by_its_first_call():
    net = Net()
    assert net.name == "net" and not net.built
    with pytest.raises(ValueError, match="'net' have not yet been created: the model is unbuilt"):
        net.weights  # noqa: B018
    net(ones(2, 5))
    assert net.built
    assert [layer.name for layer in net.layers] == ["dense", "dense_1", "dropout"]
    assert [w.path for w in net.weights] == [
        "net/dense/kernel",
        "net/dense/bias",
        "net/dense_1/kernel",
        "net/dense_1/bias",
    ]


def test_build_traces_the_call():
    net = Net()
    net.build((None, 5))
    assert net.built and len(net.weights) == 4 and net.hidden.kernel.shape == (5, 3)


def test_build_tells_what_failed():
    class Wrong(Net):
        def call(self, x):
            return self.hidden(x["a"])

    with pytest.raises(
        ValueError, match="Model 'wrong' could not be built by calling it on inputs"
    ):
        Wrong().build((None, 5))


def test_a_model_without_weights_of_its_own_is_no_error_once_built():
    class Double(keras.Model):
        def call(self, x):
            return 2 * x

    model = Double()
    model(ones(1, 1))
    assert model.weights == []


def test_metrics_in_attributes_are_listed():
    net = Net()
    assert net.seen in net.metrics


def test_subclasses_become_layers_of_other_models():
    x = keras.Input((5,))
    net = Net()
    model = keras.Model(x, layers.Dense(1)(net(x)))
    assert model.output_shape == (None, 1) and len(model.weights) == 6
    np.testing.assert_allclose(model(ones(1, 5)), model.layers[-1](net(ones(1, 5))), rtol=1e-6)


def test_models_take_new_layers_after_they_are_built():
    net = Net()
    net(ones(1, 5))
    net.extra = layers.Dense(1)
    assert net.extra in net.layers


def test_layers_is_reserved():
    with pytest.raises(AttributeError, match="attribute is reserved"):
        Net().layers = []


def test_missing_call_is_told():
    class Bare(keras.Model):
        pass

    with pytest.raises(NotImplementedError, match=r"Bare does not have a `call\(\)` method"):
        Bare()(ones(1))


def test_the_config_of_a_subclass_is_its_arguments():
    net = Net(units=7, name="n")
    again = Net.from_config(net.get_config())
    assert (again.hidden.units, again.name) == (7, "n")


def test_json_makes_an_equal_model():
    x = keras.Input((4,), name="x")
    model = keras.Model({"x": x}, [layers.Dense(2, kernel_regularizer="l2")(x)])
    text = model.to_json(indent=1)
    again = keras.models.model_from_json(text)
    assert json.loads(again.to_json()) == json.loads(text)
    assert again({"x": ones(1, 4)}).shape == (1, 2)
    with pytest.raises(ValueError, match="does not describe a model"):
        keras.models.model_from_json(json.dumps({"class_name": "Dense", "config": {"units": 1}}))


def test_losses_of_sublayers_reach_the_model():
    class Adds(keras.Model):
        def call(self, x):
            self.add_loss(ops.mean(x))
            return x

    model = Adds()
    model(ones(2, 2))
    assert [float(x) for x in model.losses] == [1.0]
    model.compile("sgd", "mse")
    model.predict(ones(2, 2), verbose=0)
    assert all(not x.symbolic for x in model.losses), "no values of a program leak out"


def test_the_same_model_object_can_be_trained_after_an_error():
    model = keras.Sequential([layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError):
        model.fit(ones(4, 3), ones(4, 5), verbose=0)
    model.fit(ones(4, 3), ones(4, 2), verbose=0)
    assert model.built
