"""Layer: names, building, state, masks, the training flag, losses, errors, configs."""

import gc
import warnings

import addax as keras
import numpy as np
import pytest
from addax import layers, ops
from addax.backend import names


@pytest.fixture(autouse=True)
def fresh_names():
    names.reset()


class Scale(layers.Layer):
    """Multiplies by a weight."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="w")

    def call(self, x):
        return x * self.w


class Probe(layers.Layer):
    """Keeps the training flag of its last call."""

    def call(self, x, training=None):
        self.seen = training
        return x


def ones(*shape):
    return np.ones(shape, "float32")


# Names and representation


def test_names_are_made_from_the_class_and_counted():
    assert [layers.Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert Scale().name == "scale"
    assert layers.BatchNormalization().name == "batch_normalization"


def test_representation_shows_name_and_built():
    layer = layers.Dense(2)
    assert repr(layer) == "<Dense name=dense, built=False>"
    layer(ones(1, 3))
    assert repr(layer) == "<Dense name=dense, built=True>"


def test_a_name_with_a_slash_is_refused():
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        layers.Dense(1, name="a/b")


def test_unknown_arguments_are_named():
    with pytest.raises(ValueError, match=r"Unrecognized keyword arguments passed to Scale: {'foo'"):
        Scale(foo=3)


def test_a_forgotten_super_call_is_named():
    class Bare(layers.Layer):
        def __init__(self):
            self.a = 3

    with pytest.raises(RuntimeError, match="In layer 'Bare', you forgot to call `super"):
        Bare()(ones(1, 2))


# Building and state


def test_weights_are_made_at_the_first_call():
    layer = layers.Dense(3)
    assert layer.weights == [] and not layer.built
    layer(ones(1, 4))
    assert [w.shape for w in layer.weights] == [(4, 3), (3,)]
    assert [w.path for w in layer.weights] == ["dense/kernel", "dense/bias"]
    assert layer.get_build_config() == {"input_shape": (1, 4)}


def test_build_is_called_once_and_its_super_call_is_harmless():
    calls = []

    class Counting(Scale):
        def build(self, input_shape):
            calls.append(input_shape)
            super().build(input_shape)

    layer = Counting()
    layer(ones(2, 3))
    layer(ones(4, 3))
    assert calls == [(2, 3)]
    assert layer.built and len(layer.weights) == 1


def test_several_inputs_are_built_by_name():
    class Two(layers.Layer):
        def build(self, a_shape, b_shape):
            self.shapes = (a_shape, b_shape)

        def call(self, a, b):
            return ops.sum(a) + ops.sum(b)

    layer = Two()
    layer(ones(2, 3), ones(4, 5))
    assert layer.shapes == ((2, 3), (4, 5))
    assert layer.get_build_config() == {"shapes_dict": {"a_shape": (2, 3), "b_shape": (4, 5)}}
    again = Two()
    again.build_from_config(layer.get_build_config())
    assert again.shapes == layer.shapes


def test_build_arguments_that_match_no_call_argument_are_refused():
    class Wrong(layers.Layer):
        def build(self, a_shape, c_shape):
            pass

        def call(self, a, b):
            return a

    with pytest.raises(ValueError, match="should have a `_shape` suffix and match"):
        Wrong()(ones(1, 1), ones(1, 1))


def test_state_in_attributes_lists_dicts_and_tuples_is_tracked():
    class Holder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.one = Scale(name="one")
            self.many = [Scale(name="two"), (Scale(name="three"),)]
            self.named = {"four": Scale(name="four"), "other": "text"}
            self.v = keras.Variable(ones(2), name="v")
            self.metric = keras.metrics.Mean(name="m")
            self.seed = keras.random.SeedGenerator(1)

        def call(self, x):
            for layer in (self.one, self.many[0], self.many[1][0], self.named["four"]):
                x = layer(x)
            return x

    layer = Holder()
    layer(ones(1, 2))
    assert [sub.name for sub in layer._layers] == ["one", "two", "three", "four"]
    assert len(layer.weights) == 5
    assert [w.path for w in layer.weights[1:]] == [
        f"holder/{n}/w" for n in ("one", "two", "three", "four")
    ]
    assert len(layer.variables) == 6, "the seed generator's state is a variable, but no weight"
    assert len(layer.metrics_variables) == len(layer.metric.variables)


def test_a_replaced_sublayer_is_no_longer_part_of_the_layer():
    class Holder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Scale(name="old")

    layer = Holder()
    layer.inner = Scale(name="new")
    assert [sub.name for sub in layer._layers] == ["new"]
    del layer.inner
    assert layer._layers == []


def test_layers_that_refer_to_each_other_are_listed_once():
    a, b = Probe(), Probe()
    a.other, b.other = b, a
    assert a._flatten_layers() == [a, b]
    assert a.variables == []


def test_a_built_layer_takes_no_new_state():
    layer = Scale()
    layer(ones(1, 2))
    with pytest.raises(ValueError, match="You cannot add new elements of state"):
        layer.extra = layers.Dense(2)
    with pytest.raises(ValueError, match="You cannot add new elements of state"):
        layer.add_weight(shape=(1,))


def test_layers_are_freed_when_nobody_holds_them():
    import weakref

    layer = Scale()
    layer(ones(1, 2))
    gone = weakref.ref(layer)
    del layer
    gc.collect()
    assert gone() is None


# Trainable


def test_trainable_reaches_all_sublayers_and_back():
    class Holder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.a = layers.BatchNormalization()
            self.b = layers.Dense(2)

        def call(self, x):
            return self.b(self.a(x))

    layer = Holder()
    layer(ones(1, 3))
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (4, 2)
    layer.trainable = False
    assert not layer.b.trainable
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (0, 6)
    layer.trainable = True
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (4, 2)
    layer.a.trainable = False
    assert [w.path for w in layer.trainable_weights] == [w.path for w in layer.b.weights]


def test_a_layer_made_frozen_can_be_unfrozen():
    layer = layers.Dense(2, trainable=False)
    layer(ones(1, 3))
    assert layer.trainable_variables == [] and len(layer.non_trainable_variables) == 2
    layer.trainable = True
    assert len(layer.trainable_variables) == 2


# Inputs


def test_arrays_and_lists_of_numbers_are_converted():
    layer = layers.Dense(2, use_bias=False, kernel_initializer="ones")
    np.testing.assert_array_equal(layer([[1.0, 2.0]]), [[3, 3]])
    assert layer(np.ones((1, 2), "float64")).dtype == "float32"
    assert Probe()(np.ones((1, 2), "int32")).dtype == "int32"


def test_other_positional_arguments_are_refused():
    with pytest.raises(ValueError, match="Only input tensors may be passed as positional"):
        layers.Dense(1)("abc")
    with pytest.raises(ValueError, match="Only input tensors may be passed as positional"):
        layers.Dense(1)(ones(1, 2), True)


def test_mixed_nests_are_refused():
    class Any(layers.Layer):
        def __init__(self):
            super().__init__()
            self._allow_non_tensor_positional_args = True

        def call(self, x, mask=None):
            return x[0]

    with pytest.raises(ValueError, match="cannot mix tensors and non-tensors"):
        Any()([ones(1), "a"])


def test_apply_is_the_call():
    layer = layers.Dense(2)
    x = ones(1, 3)
    np.testing.assert_array_equal(layer.apply(x), layer(x))
    y = layer.apply(keras.Input((3,)))
    assert y.shape == (None, 2)


def test_the_dtype_of_computation_and_weights_follows_the_policy():
    layer = Scale(dtype="float64")
    assert layer(ones(1, 2)).dtype == "float64"
    assert layer.w.dtype == layer.dtype == layer.compute_dtype == "float64"

    class Sees(Scale):
        def call(self, x):
            self.seen = (x.dtype, self.w.value.dtype)
            return x

    mixed = Sees(dtype="mixed_float16")
    mixed(ones(1, 2))
    assert mixed.seen == ("float16", "float16")
    assert (mixed.w.dtype, mixed.variable_dtype, mixed.compute_dtype) == (
        "float32",
        "float32",
        "float16",
    )


# The training flag


def test_training_is_inherited_unless_given():
    probe = Probe()
    probe(ones(1))
    assert not probe.seen

    class Outer(layers.Layer):
        def __init__(self, given=None):
            super().__init__()
            self.inner, self.after, self.given = Probe(), Probe(), given

        def call(self, x):
            x = self.inner(x, training=self.given)
            return self.after(x)

    outer = Outer()
    outer(ones(1), training=True)
    assert outer.inner.seen is True and outer.after.seen is True
    outer = Outer(given=False)
    outer(ones(1), training=True)
    assert outer.inner.seen is False, "an explicit flag wins"
    assert outer.after.seen is True, "and does not reach the layers beside"


def test_the_flag_is_forgotten_after_an_error():
    class Fails(layers.Layer):
        def call(self, x):
            raise ValueError("no")

    with pytest.raises(ValueError):
        Fails()(ones(1), training=True)
    probe = Probe()
    probe(ones(1))
    assert not probe.seen


# Masks


def test_masks_pass_through_and_are_consumed():
    class Consumer(layers.Layer):
        def call(self, x, mask=None):
            self.mask = mask
            return x

    x = layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    np.testing.assert_array_equal(x._keras_mask, [[True, False]])
    y = layers.Dropout(0.5)(x)
    consumer = Consumer()
    consumer(y)
    np.testing.assert_array_equal(consumer.mask, [[True, False]])


def test_a_layer_that_loses_the_mask_warns():
    x = layers.Masking()(np.ones((1, 2, 1), "float32"))

    class Flat(layers.Layer):
        def call(self, x):
            return ops.reshape(x, (1, 2))

    with pytest.warns(UserWarning, match="does not support masking and will therefore destroy"):
        Flat()(x)


def test_masks_of_several_inputs_go_to_the_arguments_named_after_them():
    class Two(layers.Layer):
        def call(self, query, value, query_mask=None, value_mask=None):
            self.masks = (query_mask, value_mask)
            return query

    q = layers.Masking()(np.zeros((1, 2, 1), "float32"))
    layer = Two()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(q, ones(1, 2, 1))
    assert layer.masks[0] is not None and layer.masks[1] is None


# Losses


def test_added_losses_are_those_of_the_last_call():
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x))
            return x

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = Adds()

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    outer(ones(2, 3))
    outer(ones(1, 3))
    assert [float(x) for x in outer.losses] == [3.0]
    with pytest.raises(ValueError, match="Received invalid value: abc"):
        outer.add_loss("abc")


def test_regularizers_are_losses():
    layer = layers.Dense(
        2,
        kernel_initializer="ones",
        kernel_regularizer=keras.regularizers.L2(0.5),
        activity_regularizer=keras.regularizers.L2(1.0),
    )
    layer(ones(4, 3))
    # Outputs are 3: 8 * 9 over a batch of 4; weights: 0.5 * 6.
    assert [float(x) for x in layer.losses] == [18.0, 3.0]
    layer.trainable = False
    assert [float(x) for x in layer.losses] == [18.0]


# Values


def test_weights_are_read_and_set_in_order():
    layer = layers.Dense(2)
    layer(ones(1, 3))
    values = [np.arange(6.0).reshape(3, 2), np.array([7.0, 8.0])]
    layer.set_weights(values)
    for got, want in zip(layer.get_weights(), values):
        np.testing.assert_array_equal(got, want)


def test_wrong_weights_change_nothing():
    layer = layers.Dense(2, name="d")
    layer(ones(1, 3))
    before = layer.get_weights()
    with pytest.raises(
        ValueError,
        match="on layer 'd' with a weight list of length 1, but the layer was expecting 2 weights",
    ):
        layer.set_weights([ones(3, 2)])
    with pytest.raises(ValueError, match="not compatible with provided weight shape"):
        layer.set_weights([ones(3, 2), ones(3)])
    for got, want in zip(layer.get_weights(), before):
        np.testing.assert_array_equal(got, want)


def test_own_variables_go_to_a_store_and_back():
    a, b = layers.BatchNormalization(), layers.BatchNormalization()
    a(ones(2, 3), training=True)
    b.build((None, 3))
    store = {}
    a.save_own_variables(store)
    assert list(store) == ["0", "1", "2", "3"]
    b.load_own_variables(store)
    for got, want in zip(b.get_weights(), a.get_weights()):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ValueError, match="was never built"):
        layers.Dense(1).load_own_variables(store)


def test_parameters_are_counted():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="the layer isn't built"):
        layer.count_params()
    layer.build((None, 4))
    assert layer.count_params() == 15


# Errors of call()


def test_errors_in_call_name_the_layer_and_its_arguments():
    class Fails(layers.Layer):
        def call(self, x, factor=2):
            raise KeyError("hey")

    with pytest.raises(KeyError) as caught:
        Fails()(ones(2, 3), factor=5)
    text = caught.value.args[0]
    assert text.startswith("Exception encountered when calling Fails.call().")
    assert "hey" in text and "Arguments received by Fails.call():" in text
    assert "x=Tensor(shape=(2, 3), dtype=float32)" in text and "factor=5" in text
    assert text.count("Exception encountered") == 1


def test_errors_are_bare_without_traceback_filtering():
    class Fails(layers.Layer):
        def call(self, x):
            raise ValueError("hey")

    keras.config.disable_traceback_filtering()
    try:
        with pytest.raises(ValueError, match=r"^hey$"):
            Fails()(ones(1))
    finally:
        keras.config.enable_traceback_filtering()


def test_two_layers_that_do_not_fit_are_both_named():
    second = layers.Dense(2, name="second")
    second.build((None, 8))
    x = layers.Dense(5, name="first")(keras.Input((4,)))
    with pytest.raises(ValueError) as caught:
        second(x)
    text = str(caught.value)
    assert (
        'Input 0 of layer "second" is incompatible with the layer: expected axis -1 of input '
        "shape to have value 8, but received input with shape (None, 5)"
    ) in text
    assert "'first'" in text


# Configuration


def test_a_plain_constructor_needs_no_get_config():
    class Plain(layers.Layer):
        def __init__(self, a, b=3, **kwargs):
            super().__init__(**kwargs)
            self.a, self.b = a, b

    layer = Plain([1, "x"], b=None, name="n", trainable=False)
    config = layer.get_config()
    assert (config["a"], config["b"], config["name"]) == ([1, "x"], None, "n")
    again = Plain.from_config(config)
    assert again.get_config() == config


def test_a_constructor_without_keywords_is_revived_with_its_name():
    class Bare(layers.Layer):
        def __init__(self, a):
            super().__init__()
            self.a = a

    layer = Bare(2)
    layer.trainable = False
    again = Bare.from_config(layer.get_config())
    assert (again.a, again.name, again.trainable) == (2, layer.name, False)


def test_arguments_that_are_no_plain_values_are_named():
    class Holds(layers.Layer):
        def __init__(self, a, thing):
            super().__init__()

    with pytest.raises(NotImplementedError, match=r"\(thing\).*must override `get_config\(\)`"):
        Holds(1, np.ones(2)).get_config()


def test_a_wrong_config_names_class_and_config():
    with pytest.raises(TypeError, match="Error when deserializing class 'Dense' using config="):
        layers.Dense.from_config({"zz": 1})
