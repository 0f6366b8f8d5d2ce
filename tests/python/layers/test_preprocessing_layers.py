"""Layers that prepare inputs: categories, bins, images. Keras's numbers are in layer_cases.py."""

import addax
import numpy as np
import pytest
from addax import Input, Model, layers
from addax.saving.serialization import deserialize_keras_object


def test_counts_take_weights():
    ids = np.array([[0, 1, 1], [3, 3, 9]])
    weights = np.array([[0.5, 1, 2], [1, 2, 3]], "float32")
    layer = layers.CategoryEncoding(4, output_mode="count")
    expected = [[0.5, 3, 0, 0], [0, 0, 0, 3]]
    np.testing.assert_array_equal(np.asarray(layer(ids, count_weights=weights)), expected)
    inputs = Input((3,), dtype="int64"), Input((3,))
    model = Model(inputs, layer(inputs[0], count_weights=inputs[1]))
    np.testing.assert_array_equal(model.predict([ids, weights], verbose=0), expected)


def test_only_counts_take_weights():
    with pytest.raises(ValueError, match="`count_weights` is not used when `output_mode` is not"):
        layers.CategoryEncoding(4)(np.array([[1]]), count_weights=np.array([[1.0]]))


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (2, 3), (2, 3, 4)])
def test_encoded_shapes_are_those_of_the_outputs(mode, shape):
    layer = layers.CategoryEncoding(5, output_mode=mode)
    outputs = layer(np.ones(shape, "int32"))
    assert outputs.shape == layer.compute_output_shape(shape)
    assert float(np.asarray(outputs).sum()) > 0


def test_categories_stay_exact_in_half_precision():
    ids = np.array([[4097.0, 2049.0]], "float32")
    outputs = layers.CategoryEncoding(5000, dtype="mixed_float16")(ids)
    assert outputs.dtype == "float16"
    np.testing.assert_array_equal(np.flatnonzero(np.asarray(outputs)), [2049, 4097])


def test_the_old_name_of_multi_hot_is_read():
    layer = layers.CategoryEncoding.from_config({"num_tokens": 3, "output_mode": "binary"})
    assert layer.get_config()["output_mode"] == "multi_hot"


def test_bins_are_numbered_from_what_lies_below_the_first_boundary():
    layer = layers.Discretization([0.0, 1.0, 2.0])
    outputs = layer(np.array([[-5.0, 0.0, 0.5], [1.0, 2.0, np.inf]], "float32"))
    assert outputs.dtype == "int32"
    np.testing.assert_array_equal(np.asarray(outputs), [[0, 1, 1], [2, 3, 3]])
    inputs = Input((3,))
    assert layer(inputs).dtype == "int32"


# What Keras 3.15.1 finds for `numpy.random.default_rng(0).normal(size=250)` as a whole and in
# batches of 100, with `num_bins=4`.
KERAS_BINS = [
    (250, [-0.66303, -0.03226, 0.69014]),
    (100, [-0.66303, -0.03226, 0.68678]),
]


@pytest.mark.parametrize(("batch", "boundaries"), KERAS_BINS)
def test_adapt_finds_the_boundaries_that_keras_finds(batch, boundaries):
    data = np.random.default_rng(0).normal(size=250)
    layer = layers.Discretization(num_bins=4)
    layer.adapt(data[i : i + batch] for i in range(0, 250, batch))
    np.testing.assert_allclose(layer.bin_boundaries, boundaries, atol=1e-5)
    again = deserialize_keras_object(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(np.asarray(again(data)), np.asarray(layer(data)))


def test_a_discretization_of_keras_2_is_read():
    config = {"name": "bins", "trainable": True, "dtype": "float32", "bin_boundaries": [0.0, 1.5]}
    config = {**config, "num_bins": None, "epsilon": 0.01, "output_mode": "int", "sparse": False}
    layer = layers.Discretization.from_config(config)
    np.testing.assert_array_equal(np.asarray(layer(np.array([-1.0, 1.0, 2.0]))), [0, 1, 2])


def test_adapt_reads_as_many_batches_as_it_is_told():
    layer = layers.Discretization(num_bins=2)
    layer.adapt(iter([np.zeros(10), np.full(10, 9.0)]), steps=1)
    assert layer.bin_boundaries == [0.0]


def test_given_boundaries_are_not_adapted():
    with pytest.raises(ValueError, match="Cannot adapt a Discretization layer"):
        layers.Discretization([1.0]).adapt([1.0])
    with pytest.raises(ValueError, match="received no data"):
        layers.Discretization(num_bins=2).adapt([])


def test_bins_are_to_be_known_before_a_call():
    layer = layers.Discretization(num_bins=3, output_mode="one_hot")
    assert layer(Input((4,))).shape == (None, 4, 3)
    with pytest.raises(ValueError, match="before you can start using the `Discretization` layer"):
        layer(np.ones(2))


def test_single_images_are_cropped_and_resized():
    image = np.arange(24, dtype="float32").reshape(4, 6, 1)
    for layer in (layers.CenterCrop(2, 2), layers.Resizing(3, 3)):
        one, batch = layer(image), layer(image[None])
        assert one.shape == layer.compute_output_shape(image.shape)
        np.testing.assert_array_equal(np.asarray(one), np.asarray(batch)[0])


def test_integer_images_are_rounded_by_resizing_and_become_floats_by_cropping():
    image = np.array([[[0], [255]]], "uint8")
    resized = layers.Resizing(1, 4)(image)
    assert resized.dtype == "uint8"
    np.testing.assert_array_equal(np.asarray(resized).ravel(), [0, 64, 191, 255])
    cropped = layers.CenterCrop(1, 1)(image)
    assert cropped.dtype == "float32"


def test_images_of_unknown_size_are_cropped_and_resized_in_a_model():
    inputs = Input((None, None, 1))
    model = Model(inputs, [layers.CenterCrop(2, 3)(inputs), layers.Resizing(4, 5)(inputs)])
    assert model.output_shape == [(None, 2, 3, 1), (None, 4, 5, 1)]
    for rows, columns in ((2, 4), (7, 9)):
        x = np.random.default_rng(0).normal(size=(2, rows, columns, 1)).astype("float32")
        for ours, theirs in zip(model.predict(x, verbose=0), model(x), strict=True):
            np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="was recorded"):
        model.predict(np.ones((1, 1, 4, 1), "float32"), verbose=0)


def test_a_thresholded_relu_passes_what_is_above_and_nan():
    x = np.array([-np.inf, -1.0, 0.5, 0.6, np.nan], "float32")
    outputs = layers.ThresholdedReLU(0.5)(x)
    np.testing.assert_array_equal(np.asarray(outputs), np.array([0, 0, 0, 0.6, np.nan], "float32"))
    saved = deserialize_keras_object({"class_name": "ThresholdedReLU", "config": {"theta": 2}})
    np.testing.assert_array_equal(np.asarray(saved(np.array([2.0, 3.0]))), [0, 3])
    again = type(saved).from_config(saved.get_config())
    assert again.get_config() == saved.get_config()


def test_random_width_is_refused_with_the_reason():
    config = {"class_name": "RandomWidth", "config": {"factor": 0.5}}
    with pytest.raises(ValueError, match="'RandomWidth' is not supported: it gives images of"):
        deserialize_keras_object(config)
    topology = {"class_name": "Sequential", "config": {"name": "m", "layers": [config]}}
    with pytest.raises(ValueError, match="'RandomWidth' is not supported"):
        addax.Sequential.from_config(topology["config"])


REFUSED = [
    ("RandomFlip", "images are not changed at random here"),
    ("RandomZoom", "take the layer out of the model"),
    ("TextVectorization", "tensors hold numbers, no text"),
]


@pytest.mark.parametrize(("class_name", "reason"), REFUSED)
def test_layers_that_are_not_there_are_refused_with_the_reason(class_name, reason):
    config = {"class_name": class_name, "config": {"name": "x"}, "module": "keras.layers"}
    with pytest.raises(ValueError, match=f"'{class_name}' is not supported: .*{reason}"):
        deserialize_keras_object(config)


def test_a_refused_layer_may_be_ones_own():
    class RandomFlip(layers.Layer):
        def call(self, inputs):
            return inputs

    config = {"class_name": "RandomFlip", "config": {"name": "x"}}
    layer = deserialize_keras_object(config, custom_objects={"RandomFlip": RandomFlip})
    assert type(layer) is RandomFlip
