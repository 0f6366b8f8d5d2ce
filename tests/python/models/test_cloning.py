"""clone_model: same architecture, new layers and weights."""

import addax as keras
import numpy as np
import pytest
from addax import layers, ops


def ones(*shape):
    return np.ones(shape, "float32")


def shared_graph():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    d = layers.Dense(3, name="d")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="i")], name="inner")
    return keras.Model({"a": a, "b": b}, [ops.tanh(inner(d(a)) + d(b)) * 2])


def test_a_functional_model_is_cloned():
    model = shared_graph()
    clone = keras.models.clone_model(model)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not any(x is y for x, y in zip(clone.layers, model.layers))
    clone.set_weights(model.get_weights())
    data = {"a": ones(2, 4), "b": 2 * ones(2, 4)}
    np.testing.assert_allclose(clone(data)[0], model(data)[0], rtol=1e-6)
    before = model.get_weights()[0].copy()
    clone.set_weights([w * 0 for w in clone.get_weights()])
    np.testing.assert_array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize("built", [True, False])
def test_a_sequential_model_is_cloned(built):
    first = [keras.Input((4,))] if built else []
    model = keras.Sequential([*first, layers.Dense(2, trainable=False)], name="s")
    clone = keras.models.clone_model(model)
    assert (clone.name, clone.built) == ("s", built)
    assert not clone.layers[0].trainable and clone.layers[0] is not model.layers[0]


def test_a_subclass_is_cloned_by_its_config():
    class Net(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.d = layers.Dense(units)

        def call(self, x):
            return self.d(x)

    assert keras.models.clone_model(Net(5)).d.units == 5
    with pytest.raises(ValueError, match="only supported for Sequential models or Functional"):
        keras.models.clone_model(Net(5), clone_function=lambda layer: layer)


def test_functions_may_make_and_call_the_clones():
    model = shared_graph()
    calls = []

    def clone_function(layer):
        config = layer.get_config()
        if isinstance(layer, layers.Dense):
            config["use_bias"] = False
        return type(layer).from_config(config)

    def call_function(layer, *args, **kwargs):
        calls.append(layer.name)
        return layer(*args, **kwargs)

    clone = keras.models.clone_model(
        model, clone_function=clone_function, call_function=call_function, recursive=True
    )
    assert len(clone.weights) == 2 and calls.count("d") == 2
    with pytest.raises(ValueError, match="not supported with Sequential"):
        keras.models.clone_model(keras.Sequential(), call_function=call_function)


def test_a_clone_may_begin_at_other_tensors():
    x = keras.Input((4,), batch_size=3)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    assert keras.models.clone_model(model, input_tensors=x).output_shape == (3, 2)
    y = keras.Input((4,))
    functional = keras.Model(y, layers.Dense(2)(y))
    assert keras.models.clone_model(functional, input_tensors=x).output_shape == (3, 2)
