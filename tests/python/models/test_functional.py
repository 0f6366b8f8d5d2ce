"""Functional models: graphs, nested inputs and outputs, shared layers, extractors."""

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


def small():
    a = keras.Input((4,), name="a")
    h = layers.Dense(3, name="h")(a)
    return keras.Model(a, layers.Dense(2, name="o")(h))


def test_model_of_inputs_and_outputs_is_functional():
    model = small()
    assert type(model).__name__ == "Functional" and model.name == "functional" and model.built
    assert isinstance(model, keras.Model)
    assert [layer.name for layer in model.layers] == ["a", "h", "o"]
    assert [w.path for w in model.weights] == ["h/kernel", "h/bias", "o/kernel", "o/bias"]
    assert model(ones(2, 4)).shape == (2, 2)
    assert [layer.name for layer in model.input_layers] == ["a"]
    assert [layer.name for layer in model.output_layers] == ["o"]
    assert repr(model) == "<Functional name=functional, built=True>"


def test_keyword_inputs_and_outputs():
    x = keras.Input((4,))
    assert keras.Model(inputs=x, outputs=layers.Dense(1)(x), name="m").name == "m"
    assert keras.Model(x, outputs=layers.Dense(1)(x)).output_shape == (None, 1)


def test_inputs_and_outputs_nest():
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    s, t = layers.Dense(1)(a), layers.Dense(1)(layers.Concatenate()([a, b]))
    model = keras.Model({"b": b, "a": [a]}, [s, {"t": t}])
    y = model({"a": [ones(5, 2)], "b": ones(5, 3)})
    assert isinstance(y, list) and y[0].shape == (5, 1) and y[1]["t"].shape == (5, 1)
    assert [x.name for x in model.inputs] == ["a", "b"]
    assert model.input["b"] is b
    p = model.predict({"a": [ones(5, 2)], "b": ones(5, 3)}, verbose=0)
    np.testing.assert_allclose(p[1]["t"], y[1]["t"], rtol=1e-6)


def test_inputs_are_given_by_name_and_further_keys_are_ignored():
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    model = keras.Model([b, a], layers.Concatenate()([a, b]))
    y = model({"a": np.zeros((1, 2)), "b": ones(1, 3), "c": "ignored"})
    np.testing.assert_array_equal(y, [[0, 0, 1, 1, 1]])
    with pytest.raises(ValueError, match='Missing data for input "a"'):
        model({"b": ones(1, 3)})
    with pytest.raises(ValueError, match="received 1 input tensors"):
        model([ones(1, 3)])
    with pytest.raises(ValueError, match=r'Input 0 of layer "functional".*found shape'):
        model([ones(1, 2), ones(1, 2)])
    by_key = keras.Model({"a": a, "b": b}, layers.Concatenate()([a, b]))
    with pytest.raises(ValueError, match=r"expects 2 named input\(s\) with keys"):
        by_key([ones(1, 2), ones(1, 3)])


def test_shared_layers_have_one_set_of_weights():
    a, b = keras.Input((4,)), keras.Input((4,))
    shared = layers.Dense(3)
    model = keras.Model([a, b], layers.Subtract()([shared(a), shared(b)]))
    assert len(model.weights) == 2
    np.testing.assert_array_equal(model([ones(1, 4), ones(1, 4)]), np.zeros((1, 3)))
    x = keras.Input((3,))
    first, second = layers.Dense(3), layers.Dense(3)
    model = keras.Model(x, first(second(first(x))))
    np.testing.assert_allclose(model(ones(1, 3)), first(second(first(ones(1, 3)))), rtol=1e-6)


def test_any_acyclic_graph_runs_in_order():
    x = keras.Input((4,))
    h = layers.Dense(4)(x)
    for _ in range(5):
        h = layers.Add()([h, layers.Dense(4, activation="tanh")(h), x])
    model = keras.Model(x, h)
    assert model(ones(2, 4)).shape == (2, 4) and len(model.weights) == 12


def test_deep_graphs_need_no_recursion():
    x = h = keras.Input((1,))
    one = layers.Activation("linear")
    for _ in range(2000):
        h = one(h)
    model = keras.Model(x, h)
    np.testing.assert_array_equal(model(ones(1, 1)), [[1.0]])


def test_operations_stand_in_the_graph():
    x = keras.Input((4,))
    model = keras.Model(x, ops.sum(x * 2 + layers.Dense(4)(x)[:, :1], axis=-1, keepdims=True))
    assert model.output_shape == (None, 1)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(ones(2, 4)), model(ones(2, 4)), rtol=1e-6)


def test_features_are_extracted_from_layer_outputs():
    model = small()
    extractor = keras.Model(model.inputs, [layer.output for layer in model.layers])
    a, h, o = extractor(ones(2, 4))
    assert (a.shape, h.shape, o.shape) == ((2, 4), (2, 3), (2, 2))
    np.testing.assert_array_equal(o, model(ones(2, 4)))


def test_a_model_may_begin_at_any_tensor():
    model = small()
    tail = keras.Model(model.get_layer("h").output, model.output)
    assert tail.input_shape == (None, 3)
    h = keras.Model(model.input, model.get_layer("h").output)(ones(2, 4))
    np.testing.assert_allclose(tail(h), model(ones(2, 4)), rtol=1e-6)


def test_models_nest_and_are_called_anew():
    inner = small()
    x, z = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([x, z], layers.Add()([inner(x), inner(z)]))
    assert len(model.weights) == 4
    np.testing.assert_allclose(
        model([ones(1, 4), ones(1, 4)]), 2 * np.array(inner(ones(1, 4))), rtol=1e-6
    )
    assert inner(keras.Input((4,), batch_size=7)).shape == (7, 2)


def test_unknown_sizes_stay_unknown():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, layers.Conv2D(2, 3)(x))
    assert model.output_shape == (None, None, None, 2)
    assert model(ones(1, 5, 6, 3)).shape == (1, 3, 4, 2)


def test_ranks_differing_by_a_last_axis_of_one_are_adjusted():
    x = keras.Input((3, 1))
    model = keras.Model(x, layers.Flatten()(x))
    assert model(ones(2, 3)).shape == (2, 3)
    x = keras.Input((3,))
    assert keras.Model(x, layers.Dense(1)(x))(ones(2, 3, 1)).shape == (2, 1)


def test_outputs_that_are_inputs():
    x = keras.Input((3,))
    model = keras.Model(x, [x, layers.Dense(1)(x)])
    np.testing.assert_array_equal(model(ones(1, 3))[0], ones(1, 3))


def test_unused_inputs_are_allowed():
    x, z = keras.Input((3,)), keras.Input((2,))
    model = keras.Model([x, z], layers.Dense(1)(x))
    assert model([ones(1, 3), ones(1, 2)]).shape == (1, 1)


def test_wrong_graphs_are_refused():
    x, z = keras.Input((3,)), keras.Input((3,))
    y = layers.Dense(1, name="d")(x)
    with pytest.raises(
        ValueError, match=r"Graph disconnected: cannot find parent for tensor .*'d'"
    ):
        keras.Model(z, y)
    with pytest.raises(ValueError, match="not connected to `inputs`"):
        keras.Model(x, [y, z])
    with pytest.raises(ValueError, match=r"shape=\(None, 3\).* does not depend on its inputs"):
        keras.Model(y, x)
    with pytest.raises(ValueError, match='The name "d" is used 2 times in the model'):
        keras.Model(x, layers.Dense(1, name="d")(y))
    with pytest.raises(ValueError, match="must be KerasTensors"):
        keras.Model(x, ones(1, 1))
    with pytest.raises(ValueError, match="All `inputs` of a model must be different"):
        keras.Model([x, x], y)


def test_an_explicit_training_flag_holds_at_every_run():
    x = keras.Input((100,))
    frozen = keras.Model(x, layers.Dropout(0.5)(x, training=False))
    np.testing.assert_array_equal(frozen(ones(1, 100), training=True), ones(1, 100))
    always = keras.Model(x, layers.Dropout(0.5)(x, training=True))
    assert (np.array(always(ones(1, 100))) == 0).any()
    for model in (frozen, always):
        again = keras.Model.from_config(model.get_config())
        zeros = (np.array(again(ones(1, 100), training=True)) == 0).any()
        assert zeros == (model is always)


def test_masks_pass_through_nested_models():
    tokens = keras.Input((3,), dtype="int32")
    embed = keras.Model(tokens, layers.Embedding(5, 2, mask_zero=True)(tokens))
    x = keras.Input((3,), dtype="int32")
    e = embed(x)
    assert e._keras_mask.shape == (None, 3)
    lstm = layers.LSTM(2)
    model = keras.Model(x, lstm(e))
    y = model(np.array([[1, 2, 0]]))
    np.testing.assert_allclose(y, lstm(embed(np.array([[1, 2, 0]]))[:, :2]), rtol=1e-5)
    assert [layer.name for layer in model.layers][1:] == [embed.name, lstm.name]


def test_a_subclass_may_hand_inputs_and_outputs_up():
    class Net(keras.Model):
        def __init__(self, units):
            x = keras.Input((4,))
            super().__init__(x, layers.Dense(units)(x))
            self.extra = layers.Dense(1)

        def double(self, x):
            return 2 * self(x)

    net = Net(3)
    assert net.name == "net" and net.output_shape == (None, 3)
    assert net.double(ones(1, 4)).shape == (1, 3)
    assert [type(layer).__name__ for layer in net.layers] == ["InputLayer", "Dense"]
    again = Net.from_config(net.get_config())
    assert again.output_shape == (None, 3)
    assert type(keras.Model(net.input, net.output)).__name__ == "Functional"


def test_a_function_is_a_graph_without_weights():
    x = keras.Input((3,))
    f = keras.Function(x, [ops.exp(x), x + 1])
    e, p = f(ops.ones((2, 3)))
    np.testing.assert_allclose(p, 2 * ones(2, 3))
    assert f(keras.Input((3,)))[0].shape == (None, 3) and e.shape == (2, 3)


def test_layers_of_the_graph_are_found_by_name_and_index():
    model = small()
    assert model.get_layer("h") is model.layers[1] is model.get_layer(index=1)
    with pytest.raises(ValueError, match=r"No such layer: zz. Existing layers are: \['a', 'h'"):
        model.get_layer("zz")
    with pytest.raises(ValueError, match="at index 5 but model only has 3 layers"):
        model.get_layer(index=5)
    with pytest.raises(ValueError, match="Provide either a layer name or layer index"):
        model.get_layer()
    with pytest.raises(ValueError, match="Provide only a layer name or a layer index"):
        model.get_layer("a", 1)


def test_batch_norm_of_a_frozen_nested_model_stays():
    base = keras.Sequential([keras.Input((3,)), layers.BatchNormalization()])
    base.trainable = False
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(1)(base(x)))
    model.compile("sgd", "mse")
    before = [w.copy() for w in base.get_weights()]
    model.fit(5 * ones(8, 3), ones(8, 1), verbose=0)
    for got, want in zip(base.get_weights(), before):
        np.testing.assert_array_equal(got, want)


def test_copies_and_pickles_of_a_model_compute_the_same():
    import copy
    import pickle

    model = small()
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again(ones(2, 4)), model(ones(2, 4)))
        again.set_weights([0 * w for w in again.get_weights()])
        assert np.array(model(ones(2, 4))).any()


@pytest.mark.parametrize("kind", [list, tuple])
def test_one_output_in_a_list_comes_out_alone(kind):
    a = keras.Input((4,), name="a")
    model = keras.Model(kind([a]), kind([layers.Dense(2, name="d")(a)]))
    assert isinstance(model.output, kind)
    assert model(np.ones((3, 4), "float32")).shape == (3, 2)
    assert model(a).shape == (None, 2)
    assert model.predict([np.ones((3, 4))], verbose=0).shape == (3, 2)
    model.compile("sgd", ["mse"], metrics=[["mae"]])
    history = model.fit([np.ones((4, 4))], [np.ones((4, 2))], verbose=0)
    assert sorted(history.history) == ["loss", "mae"]
    assert keras.Model.from_config(model.get_config()).predict(
        np.ones((1, 4)), verbose=0
    ).shape == (1, 2)


def test_one_named_input_is_found_without_its_name():
    a = keras.Input((4,))
    model = keras.Model({"x": a}, a * 2)
    x = np.ones((2, 4), "float32")
    for given in (x, [x], {"x": x}):
        assert model.predict(given, verbose=0).shape == (2, 4)
