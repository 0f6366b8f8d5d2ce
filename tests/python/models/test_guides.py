"""Two guides: TensorFlow's "The Sequential model" and TensorFlow.js's "Models and layers".

Cells of the first stand as they are there, `tensorflow.keras` read as `addax` and `tf.ones` as
`ops.ones`. Where the guides go beyond Keras 3, they win.
"""

import addax as keras
import numpy as np
import pytest
from addax import layers
from addax import ops as tf
from addax.backend import names


@pytest.fixture(autouse=True)
def fresh_names():
    names.reset()


def summary(model):
    parts = []
    model.summary(print_fn=parts.append)
    return parts[0]


def three_layers():
    return keras.Sequential(
        [
            layers.Dense(2, activation="relu"),
            layers.Dense(3, activation="relu"),
            layers.Dense(4),
        ]
    )


# The Sequential model


def test_a_sequential_model_is_its_layers_in_a_row():
    # Define Sequential model with 3 layers
    model = keras.Sequential(
        [
            layers.Dense(2, activation="relu", name="layer1"),
            layers.Dense(3, activation="relu", name="layer2"),
            layers.Dense(4, name="layer3"),
        ]
    )
    # Call model on a test input
    x = tf.ones((3, 3))
    y = model(x)
    layer1, layer2, layer3 = model.layers
    np.testing.assert_allclose(y, layer3(layer2(layer1(x))), rtol=1e-6)


def test_it_behaves_like_a_list_of_layers():
    model = keras.Sequential()
    model.add(layers.Dense(2, activation="relu"))
    model.add(layers.Dense(3, activation="relu"))
    model.add(layers.Dense(4))
    assert [type(layer) for layer in model.layers] == [layers.Dense] * 3
    model.pop()
    assert len(model.layers) == 2
    model = keras.Sequential(name="my_sequential")
    model.add(layers.Dense(2, activation="relu", name="layer1"))
    assert model.name == "my_sequential"


def test_a_layer_has_weights_once_it_was_called():
    layer = layers.Dense(3)
    assert layer.weights == []  # Empty
    # Call layer on a test input
    x = tf.ones((1, 4))
    layer(x)
    assert [w.shape for w in layer.weights] == [(4, 3), (3,)]


def test_asking_an_unbuilt_model_for_weights_is_an_error_that_says_so():
    model = three_layers()  # No weights at this stage!
    # At this point, you can't do this:
    with pytest.raises(ValueError, match="unbuilt"):
        model.weights  # noqa: B018
    text = summary(model)
    assert text.count("?") == 3 and text.count("0 (unbuilt)") == 3
    # Call the model on a test input
    x = tf.ones((1, 4))
    model(x)
    assert len(model.weights) == 6
    text = summary(model)
    for shape in ("(1, 2)", "(1, 3)", "(1, 4)"):
        assert shape in text
    assert "Total params: 35" in text and "Non-trainable params: 0" in text


def test_an_input_makes_the_summary_complete_at_once():
    model = keras.Sequential()
    model.add(keras.Input(shape=(4,)))
    model.add(layers.Dense(2, activation="relu"))
    assert "(None, 2)" in summary(model) and "Total params: 10" in summary(model)
    assert [type(layer) for layer in model.layers] == [layers.Dense], "Input is not a layer"

    model = keras.Sequential()
    model.add(layers.Dense(2, activation="relu", input_shape=(4,)))
    assert "(None, 2)" in summary(model) and "Total params: 10" in summary(model)
    assert len(model.weights) == 2 and model.output_shape == (None, 2)


def test_add_and_summary_take_turns():
    model = keras.Sequential()
    model.add(keras.Input(shape=(250, 250, 3)))  # 250x250 RGB images
    model.add(layers.Conv2D(32, 5, strides=2, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(3))
    text = summary(model)
    for shape in ("(None, 123, 123, 32)", "(None, 121, 121, 32)", "(None, 40, 40, 32)"):
        assert shape in text
    assert "Total params: 11,680" in text

    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(3))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(2))
    text = summary(model)
    for shape in (
        "(None, 38, 38, 32)",
        "(None, 12, 12, 32)",
        "(None, 8, 8, 32)",
        "(None, 4, 4, 32)",
    ):
        assert shape in text
    assert "Total params: 48,672" in text
    assert [layer.name for layer in model.layers][-2:] == ["conv2d_5", "max_pooling2d_2"]

    # Now that we have 4x4 feature maps, time to apply global max pooling.
    model.add(layers.GlobalMaxPooling2D())
    # Finally, we add a classification layer.
    model.add(layers.Dense(10))
    assert model.output_shape == (None, 10)


@pytest.mark.parametrize("all_layers", [True, False])
def test_features_are_extracted(all_layers):
    initial_model = keras.Sequential(
        [
            keras.Input(shape=(250, 250, 3)),
            layers.Conv2D(32, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu", name="my_intermediate_layer"),
            layers.Conv2D(32, 3, activation="relu"),
        ]
    )
    if all_layers:
        outputs = [layer.output for layer in initial_model.layers]
    else:
        outputs = initial_model.get_layer(name="my_intermediate_layer").output
    feature_extractor = keras.Model(inputs=initial_model.inputs, outputs=outputs)
    # Call feature extractor on test input.
    x = tf.ones((1, 250, 250, 3))
    features = feature_extractor(x)
    if all_layers:
        assert [f.shape[1] for f in features] == [123, 121, 119]
    else:
        assert features.shape == (1, 121, 121, 32)


def test_all_layers_but_the_last_are_frozen():
    model = keras.Sequential(
        [
            keras.Input(shape=(784)),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(10),
        ]
    )
    # Freeze all layers except the last one.
    for layer in model.layers[:-1]:
        layer.trainable = False
    # Recompile and train (this will only update the weights of the last layer).
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.get_weights()]
    model.fit(np.ones((8, 784)), np.ones((8, 10)), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights())]
    assert changed == [False] * 6 + [True] * 2


def test_a_classifier_stands_on_a_frozen_base():
    base_model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten()])
    # Freeze the base model
    base_model.trainable = False
    # Use a Sequential model to add a trainable classifier on top
    model = keras.Sequential([base_model, layers.Dense(10)])
    assert len(model.trainable_weights) == 2
    model.compile("sgd", "mse")
    before = [w.copy() for w in base_model.get_weights()]
    model.fit(np.ones((4, 8, 8, 3)), np.ones((4, 10)), verbose=0)
    for got, want in zip(base_model.get_weights(), before):
        np.testing.assert_array_equal(got, want)


# Models and layers


def test_the_layers_api_makes_one_model_in_three_ways():
    listed = keras.Sequential(
        [layers.Dense(32, input_shape=[784], activation="relu"), layers.Dense(10)]
    )
    added = keras.Sequential()
    added.add(layers.Dense(32, input_shape=[784], activation="relu"))
    added.add(layers.Dense(10))
    x = keras.Input([784])
    y = layers.Dense(10).apply(layers.Dense(32, activation="relu").apply(x))
    functional = keras.Model(x, y)
    for model in (listed, added, functional):
        text = summary(model)
        for part in ("(None, 32)", "25,120", "(None, 10)", "330", "Total params: 25,450"):
            assert part in text
        assert [layer.name[:5] for layer in model.input_layers] == ["input"]
        assert model.output_layers == [model.layers[-1]]


def test_apply_takes_concrete_tensors_too():
    dense = layers.Dense(32)
    assert not isinstance(dense.apply(tf.ones((2, 4))), keras.KerasTensor)
    assert isinstance(dense.apply(keras.Input((4,))), keras.KerasTensor)


def test_a_model_validates_shapes():
    model = keras.Sequential([layers.Dense(32, input_shape=[784]), layers.Dense(10)])
    with pytest.raises(ValueError, match=r"expected shape=\(None, 784\), found shape=\(2, 783\)"):
        model(tf.ones((2, 783)))
    first, second = layers.Dense(3, name="first"), layers.Dense(2, name="second")
    second.build((None, 5))
    with pytest.raises(ValueError) as caught:
        keras.Sequential([keras.Input((4,)), first, second])
    assert "first" in str(caught.value) and "second" in str(caught.value)


def test_a_custom_layer_of_squares():
    class SquaredSum(layers.Layer):
        # In this case, the output is a scalar.
        def compute_output_shape(self, input_shape):
            return ()

        # call() is where we do the computation.
        def call(self, input):
            return tf.sum(tf.square(input))

    t = tf.convert_to_tensor([-2.0, 1.0, 0.0, 5.0])
    assert float(SquaredSum().apply(t)) == 30.0
    assert SquaredSum().apply(keras.Input((4,))).shape == ()


def test_the_same_model_in_operations():
    # The weights and biases for the two dense layers.
    w1 = keras.Variable(keras.random.normal((784, 32)))
    b1 = keras.Variable(keras.random.normal((32,)))
    w2 = keras.Variable(keras.random.normal((32, 10)))
    b2 = keras.Variable(keras.random.normal((10,)))

    def model(x):
        return tf.softmax(tf.matmul(tf.relu(tf.matmul(x, w1) + b1), w2) + b2)

    layered = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    layered.set_weights([v.numpy() for v in (w1, b1, w2, b2)])
    x = keras.random.normal((2, 784))
    np.testing.assert_allclose(layered(x), model(x), rtol=1e-4, atol=1e-6)
