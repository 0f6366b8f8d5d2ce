"""TensorFlow.js's guide "Models and layers": what it says, in Python.
https://www.tensorflow.org/js/guide/models_and_layers
"""

import addax as keras
import numpy as np
import pytest
from addax import layers
from addax import ops as tf


def listed():
    return keras.Sequential(
        [layers.Dense(32, input_shape=[784], activation="relu"), layers.Dense(10)]
    )


def added():
    model = keras.Sequential()
    model.add(layers.Dense(32, input_shape=[784], activation="relu"))
    model.add(layers.Dense(10))
    return model


def functional():
    x = keras.Input(shape=[784])
    y = layers.Dense(32, activation="relu").apply(x)
    return keras.Model(inputs=x, outputs=layers.Dense(10).apply(y))


three_ways = pytest.mark.parametrize("make", [listed, added, functional])


@pytest.fixture
def digits():
    random = np.random.RandomState(0)
    return random.rand(96, 784).astype("float32"), random.randint(0, 10, 96)


def compiled(model, optimizer="adam"):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


# Making models


@three_ways
def test_a_model_maps_inputs_to_outputs_and_learns_its_parameters_from_data(make, digits):
    keras.utils.set_random_seed(0)
    model = compiled(make())
    losses = model.fit(*digits, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.predict(digits[0], verbose=0).shape == (96, 10)


@three_ways
def test_the_declared_shape_leaves_the_batch_out(make):
    model = make()
    assert model.input_shape == (None, 784)
    for batch in (1, 2, 7):
        assert model(tf.ones((batch, 784))).shape == (batch, 10)


@three_ways
def test_both_kinds_of_models_are_models(make):
    assert isinstance(make(), keras.Model)


@three_ways
def test_layers_and_those_at_the_ends_are_attributes(make):
    model = make()
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    assert [layer.units for layer in dense] == [32, 10]
    assert model.output_layers == [dense[-1]]
    assert [type(layer).__name__ for layer in model.input_layers] == ["InputLayer"]


def test_the_ends_of_a_graph_are_all_its_inputs_and_outputs():
    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
    x = layers.Concatenate()([a, b])
    outputs = [layers.Dense(1, name="c")(x), layers.Dense(2, name="d")(x)]
    model = keras.Model([a, b], outputs)
    assert [layer.name for layer in model.input_layers] == ["a", "b"]
    assert [layer.name for layer in model.output_layers] == ["c", "d"]


def test_a_model_is_any_graph_without_cycles(digits):
    x = keras.Input((784,))
    shared = layers.Dense(16, activation="relu")
    left = shared(x)
    right = shared(layers.Rescaling(0.5)(x))
    y = layers.Dense(10)(layers.Add()([left, layers.Multiply()([left, right])]))
    model = compiled(keras.Model(x, y))
    assert len(model.weights) == 4
    model.fit(*digits, verbose=0)


def test_apply_on_a_symbolic_tensor_gives_a_shape_without_values():
    x = keras.Input(shape=[784])
    y = layers.Dense(32).apply(x)
    assert isinstance(x, keras.KerasTensor) and isinstance(y, keras.KerasTensor)
    assert y.shape == (None, 32) and y.dtype == "float32"
    with pytest.raises((ValueError, TypeError, AttributeError), match=r"symbolic|KerasTensor"):
        np.asarray(y)


def test_apply_on_a_concrete_tensor_gives_values():
    dense = layers.Dense(3, kernel_initializer="ones")
    y = dense.apply(tf.ones((2, 4)))
    assert not isinstance(y, keras.KerasTensor)
    np.testing.assert_array_equal(y, np.full((2, 3), 4.0))
    np.testing.assert_array_equal(dense.apply(np.ones((2, 4))), dense(tf.ones((2, 4))))


# Validation


@three_ways
@pytest.mark.parametrize("shape", [(2, 783), (2, 28, 28), (784,), (2, 784, 1, 1)])
def test_the_declared_shape_validates_the_data(make, shape):
    model = compiled(make())
    y = np.zeros(shape[0], "int32")
    for use in (
        lambda x: model(x),
        lambda x: model.predict(x, verbose=0),
        lambda x: model.fit(x, y, verbose=0),
        lambda x: model.evaluate(x, y, verbose=0),
    ):
        with pytest.raises(ValueError, match="incompatible") as raised:
            use(np.ones(shape, "float32"))
        assert "784" in str(raised.value), "the wanted shape"
        assert str(shape[-1]) in str(raised.value), "the shape seen"


def test_shapes_are_inferred_from_layer_to_layer():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    outputs = [layer.output.shape for layer in model.layers]
    assert outputs == [(None, 26, 26, 8), (None, 13, 13, 8), (None, 1352), (None, 10)]
    assert [w.shape for w in model.layers[-1].weights] == [(1352, 10), (10,)]


def built(layer, shape):
    layer.build(shape)
    return layer


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda: layers.Dense(3), lambda: built(layers.Dense(2), (None, 5))),
        (lambda: layers.Dense(3), lambda: layers.Conv2D(2, 3)),
        (lambda: layers.Dense(3), lambda: layers.LSTM(2)),
        (lambda: layers.Reshape((2, 2, 1)), lambda: layers.Conv2D(2, 3)),
        (lambda: layers.Flatten(), lambda: layers.MaxPooling2D()),
        (lambda: layers.Dense(3), lambda: layers.Reshape((7,))),
        (lambda: layers.Dense(3), lambda: built(layers.BatchNormalization(), (None, 8))),
    ],
)
@pytest.mark.parametrize("way", ["list", "add", "functional", "deferred"])
def test_two_layers_that_do_not_fit_are_an_error_that_names_both(first, second, way):
    first, second = first(), second()
    first.name, second.name = "the_first", "the_second"
    with pytest.raises(ValueError) as raised:
        if way == "list":
            keras.Sequential([keras.Input((4,)), first, second])
        elif way == "add":
            model = keras.Sequential([keras.Input((4,)), first])
            model.add(second)
        elif way == "deferred":
            keras.Sequential([first, second])(tf.ones((2, 4)))
        else:
            second(first(keras.Input((4,))))
    message = str(raised.value)
    assert "the_first" in message and "the_second" in message, message


# The summary


@three_ways
def test_the_summary_has_names_types_shapes_and_counts(make, summary):
    keras.backend.clear_session()
    model = make()
    text = summary(model)
    for part in (
        "dense (Dense)",
        "dense_1 (Dense)",
        "(None, 32)",
        "25,120",
        "(None, 10)",
        "330",
        "Total params: 25,450",
        "Trainable params: 25,450",
        "Non-trainable params: 0",
    ):
        assert part in text
    assert model.count_params() == 25450


def test_the_summary_of_a_graph_tells_what_each_layer_receives(summary):
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    y = layers.Add(name="sum")([layers.Dense(3, name="left")(a), b])
    text = summary(keras.Model([a, b], y))
    assert "Connected to" in text
    for part in ("a[0][0]", "b[0][0]", "left[0][0]"):
        assert part in text


def test_the_summary_tells_trainable_parameters_from_others(summary):
    model = listed()
    model.layers[0].trainable = False
    text = summary(model)
    assert "Trainable params: 330" in text and "Non-trainable params: 25,120" in text


def test_none_in_a_shape_is_the_batch_that_may_have_any_size(summary):
    model = listed()
    assert model.output_shape == (None, 10) and "(None, 10)" in summary(model)
    fixed = keras.Sequential([keras.Input((784,), batch_size=5), layers.Dense(10)])
    assert fixed.output_shape == (5, 10) and "(5, 10)" in summary(fixed)


# Saving


@three_ways
def test_one_line_saves_and_one_loads_all_that_a_model_knows(make, digits, tmp_path):
    keras.utils.set_random_seed(0)
    model = compiled(make(), keras.optimizers.Adam(0.01, beta_1=0.8))
    model.fit(*digits, epochs=2, verbose=0, shuffle=False)

    model.save(tmp_path / "digits")
    loaded = keras.models.load_model(tmp_path / "digits")

    assert type(loaded) is type(model)
    assert [layer.get_config() for layer in loaded.layers] == [
        layer.get_config() for layer in model.layers
    ], "the architecture"
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg="the weights")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.loss.get_config() == model.loss.get_config()
    assert loaded.evaluate(*digits, verbose=0) == model.evaluate(*digits, verbose=0)
    for a, b in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg="the optimizer's state")
    for a in (model, loaded):
        a.fit(*digits, epochs=1, verbose=0, shuffle=False)
    for a, b in zip(loaded.get_weights(), model.get_weights()):
        np.testing.assert_array_equal(a, b, err_msg="training goes on as if nothing had happened")


# Custom layers


class SquaredSum(layers.Layer):
    def compute_output_shape(self, input_shape):
        return ()

    def call(self, inputs):
        return tf.sum(tf.square(inputs))


def test_a_custom_layer_is_tried_on_a_concrete_tensor():
    t = tf.convert_to_tensor([-2.0, 1.0, 0.0, 5.0])
    y = SquaredSum().apply(t)
    assert y.shape == () and float(y) == 30.0


def test_a_custom_layer_takes_symbolic_tensors_too():
    assert SquaredSum().apply(keras.Input((4,))).shape == ()


class ScaledSquares(layers.Layer):
    """Σ scale · x² of each row, with a weight and a config."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape):
        constant = keras.initializers.Constant(self.start)
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer=constant, name="scale")

    def call(self, inputs):
        return tf.sum(self.scale * tf.square(inputs), axis=-1, keepdims=True)

    def get_config(self):
        return {**super().get_config(), "start": self.start}


def test_a_custom_layer_works_with_other_layers():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), ScaledSquares(), layers.Dense(1)])
    model.compile("adam", "mse")
    before = model.layers[1].scale.numpy()
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
    assert not np.array_equal(before, model.layers[1].scale.numpy())


def test_a_model_with_a_custom_layer_is_loaded_by_telling_the_class(tmp_path):
    model = keras.Sequential([keras.Input((4,)), ScaledSquares(2.0), layers.Dense(1)])
    model.save(tmp_path / "custom")
    with pytest.raises((ValueError, TypeError), match="ScaledSquares"):
        keras.models.load_model(tmp_path / "custom")
    loaded = keras.models.load_model(
        tmp_path / "custom", custom_objects={"ScaledSquares": ScaledSquares}
    )
    x = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


# The core


@pytest.fixture
def core_model():
    """A model as a function of tensors, and its parameters."""
    keras.utils.set_random_seed(0)
    w1 = keras.Variable(keras.random.normal((784, 32), stddev=0.05))
    b1 = keras.Variable(tf.zeros((32,)))
    w2 = keras.Variable(keras.random.normal((32, 10), stddev=0.05))
    b2 = keras.Variable(tf.zeros((10,)))

    def model(x):
        return tf.softmax(tf.matmul(tf.relu(tf.matmul(x, w1) + b1), w2) + b2)

    return model, [w1, b1, w2, b2]


def test_the_same_model_is_a_function_of_tensors(core_model):
    model, variables = core_model
    layered = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    layered.set_weights([v.numpy() for v in variables])
    x = keras.random.normal((5, 784))
    np.testing.assert_allclose(layered(x), model(x), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layered.predict(x, verbose=0), model(x), rtol=1e-4, atol=1e-6)


def test_a_variable_is_made_from_a_tensor_and_marks_it_as_learnable():
    tensor = tf.convert_to_tensor([1.0, 2.0])
    variable = keras.Variable(tensor)
    assert variable.trainable and variable.shape == (2,)
    with keras.GradientTape() as tape:
        loss = tf.sum(variable**3 + tensor)
    np.testing.assert_allclose(tape.gradient(loss, variable), [3.0, 12.0])
    variable.assign([5.0, 5.0])
    np.testing.assert_array_equal(tensor, [1.0, 2.0], err_msg="the tensor is left as it was")


def test_the_function_learns_with_a_tape_and_an_optimizer(core_model, digits):
    model, variables = core_model
    x, y = tf.convert_to_tensor(digits[0]), digits[1]
    optimizer = keras.optimizers.Adam(0.01)
    losses = []
    for _ in range(15):
        with keras.GradientTape() as tape:
            loss = tf.mean(keras.losses.sparse_categorical_crossentropy(y, model(x)))
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables))
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]


def test_the_function_learns_by_hand(core_model, digits):
    model, variables = core_model
    x, y = tf.convert_to_tensor(digits[0]), digits[1]
    losses = []
    for _ in range(10):
        with keras.GradientTape() as tape:
            loss = tf.mean(keras.losses.sparse_categorical_crossentropy(y, model(x)))
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(0.05 * gradient)
        losses.append(float(loss))
    assert losses == sorted(losses, reverse=True)
