"""Sequential: building at once and later, add and pop, its graph, its config."""

import json

import addax as keras
import numpy as np
import pytest
from addax import layers
from addax.backend import names


@pytest.fixture(autouse=True)
def fresh_names():
    names.reset()


def ones(*shape):
    return np.ones(shape, "float32")


def test_with_an_input_it_is_built_at_once():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(3)])
    assert model.built and model.name == "sequential"
    assert model.input_shape == (None, 4) and model.output_shape == (None, 3)
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert [w.path for w in model.weights] == [
        "sequential/dense/kernel",
        "sequential/dense/bias",
        "sequential/dense_1/kernel",
        "sequential/dense_1/bias",
    ]
    assert model(ones(2, 4)).shape == (2, 3)


@pytest.mark.parametrize(
    "declared",
    [{"input_shape": (4,)}, {"input_dim": 4}, {"batch_input_shape": (None, 4)}, {"input_shape": 4}],
)
def test_the_first_layer_may_declare_the_input(declared):
    model = keras.Sequential([layers.Dense(2, **declared)])
    assert model.built and model.input_shape == (None, 4)
    assert [layer.name for layer in model.layers] == ["dense"]


def test_without_an_input_it_is_built_by_the_first_call():
    model = keras.Sequential([layers.Dense(2), layers.Dense(3)])
    assert not model.built and model.variables == [] and model.trainable_variables == []
    for name in ("weights", "trainable_weights", "non_trainable_weights"):
        with pytest.raises(ValueError, match=r"'sequential' have not yet been created: .*unbuilt"):
            getattr(model, name)
    for name in ("input", "output", "inputs", "outputs", "input_shape", "output_shape"):
        with pytest.raises(AttributeError, match="Sequential model 'sequential' has no defined"):
            getattr(model, name)
    assert model.input_layers == model.output_layers == []
    model(ones(1, 4))
    assert model.built and len(model.weights) == 4
    assert model.output_shape == (1, 3)
    assert model(ones(5, 4)).shape == (5, 3), "the batch of the first call binds nobody"


def test_build_makes_the_weights():
    model = keras.Sequential([layers.Dense(2)])
    model.build((None, 4))
    assert model.count_params() == 10
    with pytest.raises(ValueError, match="has already been configured to use input shape"):
        model.build((None, 5))
    with pytest.raises(ValueError, match="it has no layers"):
        keras.Sequential().build((None, 4))
    with pytest.raises(ValueError, match="must provide an `input_shape`"):
        keras.Sequential([layers.Dense(1)]).build()


def test_integers_stay_integers_into_the_first_layer():
    model = keras.Sequential([layers.Embedding(5, 3), layers.Dense(2)])
    model(np.array([[1, 2]], "int32"))
    assert model.inputs[0].dtype == "int32"


def test_layers_are_added_and_popped():
    model = keras.Sequential()
    model.add(layers.Dense(2))
    model.add(layers.Dense(3))
    assert len(model.layers) == 2 and not model.built
    assert model.pop().name == "dense_1"
    assert len(model.layers) == 1
    model = keras.Sequential([keras.Input((4,))])
    assert not model.built
    model.add(layers.Dense(2))
    model.add(layers.Dense(3))
    assert model.output_shape == (None, 3) and len(model.weights) == 4
    model.pop()
    assert model.output_shape == (None, 2) and len(model.weights) == 2
    model.pop()
    assert not model.built
    with pytest.raises(IndexError, match="There are no layers"):
        model.pop()


def test_a_model_grows_after_it_was_used():
    model = keras.Sequential([layers.Dense(2)])
    model(ones(1, 4))
    model.add(layers.Dense(3))
    assert model(ones(1, 4)).shape == (1, 3)
    assert model.predict(ones(2, 4), verbose=0).shape == (2, 3)
    model.pop()
    assert model.predict(ones(2, 4), verbose=0).shape == (2, 2)


def test_only_layers_are_added():
    with pytest.raises(ValueError, match=r"Only instances of `keras.Layer` can be added"):
        keras.Sequential([3])
    with pytest.raises(ValueError, match="All layers added to a Sequential model should have uniq"):
        keras.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="already been configured to use input shape"):
        model.add(keras.Input((3,)))
    with pytest.raises(AttributeError, match="attribute is reserved"):
        model.layers = []


def test_a_layer_that_does_not_fit_leaves_the_model_as_it_was():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5, name="first")])
    second = layers.Dense(2, name="second")
    second.build((None, 8))
    with pytest.raises(ValueError, match=r'layer "second" is incompatible .*layer .first'):
        model.add(second)
    assert [layer.name for layer in model.layers] == ["first"] and model.built
    model.add(layers.Dense(3))
    assert model.output_shape == (None, 3)


def test_layers_with_several_outputs_are_refused():
    class Two(layers.Layer):
        def call(self, x):
            return x, x

    with pytest.raises(ValueError, match="should have a single output tensor"):
        keras.Sequential([keras.Input((4,)), Two(), layers.Dense(1)])


def test_the_declared_shape_checks_the_data():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    for wrong in (ones(2, 5), ones(2), ones(2, 4, 4)):
        with pytest.raises(ValueError, match='layer "sequential" is incompatible'):
            model(wrong)
    with pytest.raises(ValueError):
        model.predict(ones(2, 5), verbose=0)


def test_input_and_output_layers_are_lists_of_layers():
    model = keras.Sequential([keras.Input((4,), name="i"), layers.Dense(2), layers.Dense(1)])
    assert [layer.name for layer in model.input_layers] == ["i"]
    assert model.output_layers == [model.layers[-1]]


@pytest.mark.parametrize("functional", [True, False])
def test_a_built_model_first_gives_the_input_shape(functional):
    base = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="base")
    if functional:
        base = keras.Model(base.input, base.output)
    base.trainable = False
    model = keras.Sequential([base, layers.Dense(2)])
    assert model.built and model.input_shape == (None, 4)
    assert len(model.trainable_weights) == 2 and len(model.weights) == 4


def test_nested_in_a_functional_model_it_is_one_layer():
    inner = keras.Sequential([layers.Dense(3), layers.Dropout(0.5)])
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(1)(inner(x)))
    assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Sequential", "Dense"]
    assert len(model.weights) == 4


def test_several_inputs_reach_the_first_layer():
    model = keras.Sequential([layers.Concatenate(), layers.Dense(2)])
    y = model([ones(2, 3), ones(2, 4)])
    assert y.shape == (2, 2) and len(model.weights) == 2


def test_trainable_is_passed_down():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)], trainable=False)
    assert model.trainable_weights == []
    model.trainable = True
    for layer in model.layers[:-1]:
        layer.trainable = False
    assert len(model.trainable_weights) == 2


def test_the_flag_reaches_the_layers():
    model = keras.Sequential([keras.Input((100,)), layers.Dropout(0.5)])
    np.testing.assert_array_equal(model(ones(1, 100)), ones(1, 100))
    assert (np.array(model(ones(1, 100), training=True)) == 0).any()


def test_masks_pass_from_layer_to_layer():
    model = keras.Sequential(
        [keras.Input((3,), dtype="int32"), layers.Embedding(5, 2, mask_zero=True), layers.LSTM(2)]
    )
    model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in model.weights])
    y = model(np.array([[1, 2, 0]]))
    z = model(np.array([[1, 2, 0], [1, 2, 3]]))
    np.testing.assert_allclose(y[0], z[0], rtol=1e-6)
    short = keras.Sequential([keras.Input((2,), dtype="int32"), *model.layers])
    np.testing.assert_allclose(short(np.array([[1, 2]]))[0], z[0], rtol=1e-6)


def test_configs_make_equal_models():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="relu"), layers.BatchNormalization()],
        name="s",
    )
    config = model.get_config()
    again = keras.Sequential.from_config(json.loads(json.dumps(config)))
    assert json.dumps(again.get_config()) == json.dumps(config)
    assert again.built and [w.shape for w in again.weights] == [w.shape for w in model.weights]
    deferred = keras.Sequential([layers.Dense(2)])
    again = keras.Sequential.from_config(deferred.get_config())
    assert not again.built


@pytest.mark.parametrize("bare", [False, True])
def test_configs_of_keras_2_and_tensorflow_js_are_read(bare):
    dense = {
        "units": 2,
        "activation": "relu",
        "name": "d",
        "trainable": True,
        "kernel_initializer": {
            "class_name": "VarianceScaling",
            "config": {"scale": 1, "mode": "fan_avg", "distribution": "normal", "seed": None},
        },
        "batch_input_shape": [None, 4],
        "dtype": "float32",
    }
    entries = [{"class_name": "Dense", "config": dense}]
    model = keras.Sequential.from_config(entries if bare else {"name": "x", "layers": entries})
    assert model.built and model.output_shape == (None, 2)
    assert bare or model.name == "x"
