import gc

import addax
import numpy as np
import pytest
from addax import layers
from addax.applications import Xception
from addax.applications.xception import decode_predictions, preprocess_input


@pytest.fixture(autouse=True)
def collected():
    """Frees the model of a test, a circle of references, before the next test makes its own."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def small():
    return Xception(weights=None, include_top=False, input_shape=(71, 71, 3), pooling="avg")


# Of the summary that Keras prints.
PARAMETERS = {
    "block1_conv1": 864,
    "block1_conv1_bn": 128,
    "block1_conv2": 18432,
    "block2_sepconv1": 8768,
    "block2_sepconv2": 17536,
    "block3_sepconv1": 33920,
    "block3_sepconv2": 67840,
    "block4_sepconv1": 188672,
    "block4_sepconv2": 536536,
    "block5_sepconv1": 536536,
    "block12_sepconv3": 536536,
    "block13_sepconv1": 536536,
    "block13_sepconv2": 752024,
    "block14_sepconv1": 1582080,
    "block14_sepconv2": 3159552,
    "block14_sepconv2_bn": 8192,
}


def test_it_has_the_published_layers_and_parameters():
    addax.backend.clear_session()
    model = Xception(weights=None)
    assert model.count_params() == 22_910_480
    assert sum(w.shape and int(np.prod(w.shape)) for w in model.trainable_weights) == 22_855_952
    assert len(model.layers) == 134 and model.name == "xception"
    assert model.input_shape == (None, 299, 299, 3) and model.output_shape == (None, 1000)
    assert model.get_layer("predictions").count_params() == 2_049_000
    assert model.get_layer("avg_pool").output.shape == (None, 2048)
    for name, count in PARAMETERS.items():
        assert model.get_layer(name).count_params() == count, name
    unnamed = ["conv2d", "conv2d_1", "conv2d_2", "conv2d_3"]
    assert [layer.name for layer in model.layers if type(layer) is layers.Conv2D][2:] == unnamed
    for name in ("block13_pool", "block14_sepconv1_act", "batch_normalization_3", "add_11"):
        model.get_layer(name)


@pytest.mark.parametrize(
    ("pooling", "count", "shape"),
    [(None, 132, (None, None, None, 2048)), ("avg", 133, (None, 2048)), ("max", 133, (None, 2048))],
)
def test_without_the_classifier_it_gives_features(pooling, count, shape):
    model = Xception(weights=None, include_top=False, pooling=pooling)
    assert model.count_params() == 20_861_480
    assert len(model.layers) == count
    assert model.input_shape == (None, None, None, 3) and model.output_shape == shape


def test_images_shrink_by_32():
    model = Xception(weights=None, include_top=False, input_shape=(299, 299, 3))
    shapes = {layer.name: layer.output.shape[1:] for layer in model.layers}
    assert shapes["block1_conv2_act"] == (147, 147, 64)
    assert shapes["block2_pool"] == (74, 74, 128)
    assert shapes["block4_pool"] == (19, 19, 728)
    assert shapes["block14_sepconv2_act"] == (10, 10, 2048)


def test_a_classifier_of_other_classes_is_made():
    model = Xception(
        weights=None, input_shape=(71, 80, 1), classes=7, classifier_activation=None, name="small"
    )
    assert model.input_shape == (None, 71, 80, 1) and model.output_shape == (None, 7)
    assert model.name == "small"
    y = model.predict(np.zeros((1, 71, 80, 1)), verbose=0)
    assert y.shape == (1, 7)


def test_a_tensor_is_taken_as_input():
    images = addax.Input((80, 80, 3))
    scaled = layers.Rescaling(1 / 127.5, offset=-1)(images)
    model = Xception(weights=None, include_top=False, input_tensor=scaled)
    assert model.inputs[0] is images and model.output_shape == (None, 3, 3, 2048)


def test_it_trains_inside_a_sequential():
    addax.utils.set_random_seed(0)
    base = Xception(weights=None, include_top=False, input_shape=(71, 71, 3), pooling="avg")
    model = addax.Sequential([base, layers.Dense(2)])
    loss = addax.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(addax.optimizers.Adam(1e-3), loss)
    x = np.random.RandomState(0).rand(4, 71, 71, 3).astype("float32")
    before = base.get_weights()
    history = model.fit(x, np.array([0, 1, 0, 1]), epochs=2, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    same = [np.array_equal(a, b) for a, b in zip(before, base.get_weights())]
    assert not any(same)


def test_a_frozen_base_stays_as_it_is_and_normalizes_with_its_moving_moments(small):
    small.trainable = False
    try:
        model = addax.Sequential([small, layers.Dense(2)])
        assert len(model.trainable_weights) == 2
        model.compile("adam", "mse")
        before = small.get_weights()
        x = np.random.RandomState(0).rand(2, 71, 71, 3).astype("float32")
        model.fit(x, np.ones((2, 2)), verbose=0)
        for a, b in zip(before, small.get_weights()):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(small(x, training=True), small(x), rtol=1e-5, atol=1e-6)
    finally:
        small.trainable = True


def test_weights_of_keras_are_read_from_its_cache_folder(pretrained_xception):
    # The file has its layers in Keras's order; names that Keras made up do not count.
    layers.Conv2D(1, 1)
    model = Xception(include_top=False, input_shape=(71, 71, 3))
    for a, b in zip(model.get_weights(), pretrained_xception.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_are_read_from_a_path(pretrained_xception):
    path = pretrained_xception.path
    model = Xception(weights=path, include_top=False, pooling="max", input_shape=(71, 71, 3))
    for a, b in zip(model.get_weights(), pretrained_xception.weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("include_top", "ending"), [(True, ""), (False, "_notop")])
def test_a_missing_file_is_named(tmp_path, monkeypatch, include_top, ending):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(FileNotFoundError) as raised:
        Xception(include_top=include_top)
    name = f"xception_weights_tf_dim_ordering_tf_kernels{ending}.h5"
    assert str(tmp_path / "models" / name) in str(raised.value)
    assert "KERAS_HOME" in str(raised.value) and "weights=None" in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": "no_such_file.h5"}, r"path to the weights file to be loaded.*no_such_file"),
        ({"weights": 3}, "The `weights` argument should be either"),
        ({"classes": 10}, "`classes` should be 1000"),
        ({"classifier_activation": "relu"}, "Only `None` and `softmax` activations"),
        ({"weights": None, "input_shape": (70, 71, 3)}, "at least 71x71"),
        ({"weights": None, "input_shape": (71, 71)}, "tuple of three integers"),
        ({"weights": None, "input_shape": (None, None, 3)}, "specify a static `input_shape`"),
        ({"weights": None, "include_top": False, "pooling": "sum"}, "`pooling` argument"),
    ],
)
def test_arguments_that_do_not_go_together(arguments, message):
    with pytest.raises(ValueError, match=message):
        Xception(**arguments)


def test_published_weights_want_their_input_shape(pretrained_xception):
    with pytest.raises(ValueError, match="3 channels"):
        Xception(include_top=False, input_shape=(71, 71, 1))
    name = pretrained_xception.path.name.replace("_notop", "")
    top = pretrained_xception.path.with_name(name)
    top.touch()
    try:
        with pytest.raises(ValueError, match=r"should be \(299, 299, 3\)"):
            Xception(input_shape=(71, 71, 3))
    finally:
        top.unlink()


def test_images_are_scaled_to_minus_one_and_one():
    x = np.array([0, 127.5, 255]).reshape(1, 1, 3)
    np.testing.assert_allclose(preprocess_input(x).ravel(), [-1, 0, 1])
    assert x.max() == 255, "the images are left as they are"
    ints = np.full((2, 1, 1, 3), 255, "uint8")
    assert preprocess_input(ints).dtype == np.float32 and preprocess_input(ints).min() == 1
    tensor = preprocess_input(addax.ops.convert_to_tensor(x))
    np.testing.assert_allclose(tensor, preprocess_input(x), rtol=1e-6)
    assert preprocess_input(addax.Input((71, 71, 3))).shape == (None, 71, 71, 3)
    with pytest.raises(ValueError, match="data_format"):
        preprocess_input(x, data_format="last")
    with pytest.raises(ValueError, match="rank"):
        preprocess_input(np.zeros(3))


def test_other_scalings_of_the_family():
    from addax.applications.imagenet_utils import preprocess_input as scale

    x = np.full((1, 1, 3), 255.0)
    np.testing.assert_allclose(scale(x).ravel(), [151.061, 138.221, 131.32], rtol=1e-5)
    torch = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(scale(x, mode="torch").ravel(), torch, rtol=1e-5)
    first = scale(x.reshape(3, 1, 1), data_format="channels_first")
    np.testing.assert_allclose(first.ravel(), scale(x).ravel())
    with pytest.raises(ValueError, match="`caffe`, `tf` or `torch`"):
        scale(x, mode="onnx")


def test_predictions_are_named(tmp_path, monkeypatch):
    import json

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    scores = np.zeros((2, 1000))
    scores[0, 7], scores[0, 3], scores[1, 999] = 0.9, 0.1, 1.0
    with pytest.raises(FileNotFoundError, match=r"models.imagenet_class_index\.json"):
        decode_predictions(scores)
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "imagenet_class_index.json"
    path.write_text(json.dumps({str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}))
    names = decode_predictions(scores, top=2)
    assert names[0] == [("n00000007", "thing_7", 0.9), ("n00000003", "thing_3", 0.1)]
    assert names[1][0] == ("n00000999", "thing_999", 1.0) and len(names[1]) == 2
    with pytest.raises(ValueError, match=r"\(samples, 1000\).*\(2, 10\)"):
        decode_predictions(scores[:, :10])
