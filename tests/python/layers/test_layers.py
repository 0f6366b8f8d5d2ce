"""What single layers do, where a formula or a property says it better than Keras's numbers."""

import addax
import numpy as np
import pytest
from addax import Input, Model, layers, ops


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# Dropout and noise


def test_dropout_keeps_the_mean_and_drops_the_fraction():
    y = np.asarray(layers.Dropout(0.25, seed=1)(np.ones((200, 200), "float32"), training=True))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.01


def test_dropout_draws_anew_at_each_call_and_alike_for_the_same_seed():
    x = np.ones((4, 50), "float32")
    one, other = layers.Dropout(0.5, seed=7), layers.Dropout(0.5, seed=7)
    first = np.asarray(one(x, training=True))
    np.testing.assert_array_equal(first, np.asarray(other(x, training=True)))
    assert not np.array_equal(first, np.asarray(one(x, training=True)))


def test_dropout_of_everything_gives_zeros():
    assert not np.asarray(layers.Dropout(1.0)(np.ones((2, 3), "float32"), training=True)).any()


def test_a_noise_shape_shares_the_pattern():
    layer = layers.Dropout(0.5, noise_shape=(None, 1, None), seed=2)
    y = np.asarray(layer(np.ones((3, 5, 40), "float32"), training=True))
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (layers.SpatialDropout1D(0.5, seed=1), (4, 6, 20), (1,)),
        (layers.SpatialDropout2D(0.5, seed=1), (4, 3, 5, 20), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first", seed=1), (4, 20, 3, 5), (2, 3)),
        (layers.SpatialDropout3D(0.5, seed=1), (4, 2, 3, 2, 20), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer, shape, axes):
    y = np.asarray(layer(np.ones(shape, "float32"), training=True))
    assert (y.min(axis=axes) == y.max(axis=axes)).all()
    assert set(np.unique(y)) == {0.0, 2.0}


@pytest.mark.parametrize(
    ("layer", "mean", "deviation"),
    [
        (layers.GaussianNoise(0.5, seed=1), 1.0, 0.5),
        (layers.GaussianDropout(0.2, seed=1), 1.0, 0.5),
    ],
)
def test_gaussian_noise_has_its_moments(layer, mean, deviation):
    x = np.ones((300, 300), "float32")
    y = np.asarray(layer(x, training=True))
    assert abs(y.mean() - mean) < 0.01
    assert abs(y.std() - deviation) < 0.01
    np.testing.assert_array_equal(np.asarray(layer(x)), x)


def test_alpha_dropout_keeps_mean_and_variance():
    y = np.asarray(layers.AlphaDropout(0.3, seed=1)(random(400, 400), training=True))
    assert abs(y.mean()) < 0.02
    assert abs(y.var() - 1) < 0.02
    _, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / y.size - 0.3) < 0.01


def test_activity_regularization_adds_its_penalty():
    layer = layers.ActivityRegularization(l1=0.1, l2=0.01)
    x = np.array([[1.0, -2.0], [3.0, 0.0]], "float32")
    layer(x)
    (loss,) = layer.losses
    assert abs(float(loss) - (0.1 * 6 + 0.01 * 14) / 2) < 1e-6


# Data formats

FORMATS = [
    ("Conv1D(3, 2, padding='causal')", 1),
    ("Conv2D(3, 3, strides=2, padding='same')", 2),
    ("Conv2DTranspose(3, 3, strides=2)", 2),
    ("DepthwiseConv2D(3)", 2),
    ("SeparableConv2D(3, 3)", 2),
    ("MaxPooling2D(2)", 2),
    ("AveragePooling2D(3, padding='same')", 2),
    ("GlobalMaxPooling2D()", 2),
    ("AdaptiveAveragePooling2D((3, 2))", 2),
    ("AdaptiveMaxPooling1D(3)", 1),
    ("CenterCrop(3, 2)", 2),
    ("CenterCrop(9, 8)", 2),
    ("Resizing(9, 4)", 2),
    ("Resizing(4, 4, pad_to_aspect_ratio=True)", 2),
    ("GlobalAveragePooling1D(keepdims=True)", 1),
    ("UpSampling2D(2)", 2),
    ("UpSampling2D(2, interpolation='bilinear')", 2),
    ("ZeroPadding2D((1, 2))", 2),
    ("Cropping2D(((1, 0), (0, 1)))", 2),
    ("Conv1DTranspose(3, 2, strides=2)", 1),
    ("DepthwiseConv1D(2, depth_multiplier=2)", 1),
    ("SeparableConv1D(3, 2)", 1),
    ("AveragePooling1D(2)", 1),
    ("GlobalMaxPooling1D()", 1),
    ("ZeroPadding1D((1, 2))", 1),
    ("Conv3D(2, 2, groups=2)", 3),
    ("Conv3DTranspose(2, 2, strides=2, padding='same')", 3),
    ("MaxPooling3D((1, 2, 3))", 3),
    ("AveragePooling3D(2, strides=1, padding='same')", 3),
    ("AdaptiveAveragePooling3D(2)", 3),
    ("GlobalAveragePooling3D()", 3),
    ("GlobalMaxPooling3D(keepdims=True)", 3),
    ("UpSampling3D((1, 2, 1))", 3),
    ("ZeroPadding3D(((1, 0), (0, 2), (1, 1)))", 3),
    ("Cropping3D(((1, 0), (0, 2), (1, 1)))", 3),
]


@pytest.mark.parametrize(("constructor", "rank"), FORMATS)
def test_channels_first_is_channels_last_with_moved_axes(constructor, rank):
    last = eval(f"layers.{constructor}")
    config = {**last.get_config(), "data_format": "channels_first"}
    first = type(last).from_config(config)
    x = random(2, *(7, 6, 5)[:rank], 4)
    expected = np.asarray(last(x))
    first.build((2, 4, *x.shape[1:-1]))
    first.set_weights(last.get_weights())
    y = np.asarray(first(np.moveaxis(x, -1, 1).copy()))
    if y.ndim > 2:
        y = np.moveaxis(y, 1, -1)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    moved = first.compute_output_shape((2, 4, *x.shape[1:-1]))
    assert moved == tuple(first(np.moveaxis(x, -1, 1).copy()).shape)


@pytest.mark.parametrize("size", [None, 0])
def test_adaptive_pooling_needs_sizes(size):
    inputs = Input((size, 1))
    model = Model(inputs, layers.AdaptiveMaxPooling1D(2)(inputs))
    with pytest.raises(ValueError, match="Adaptive pooling needs known sizes above 0"):
        model.predict(np.ones((1, 4 if size is None else 0, 1)), verbose=0)


def test_adaptive_pooling_keeps_infinities_to_their_windows():
    x = np.array([1.0, 3.0, np.inf, 5.0, 7.0], "float32").reshape(1, 5, 1)
    outputs = layers.AdaptiveAveragePooling1D(2)(x)
    np.testing.assert_array_equal(np.asarray(outputs).ravel(), [np.inf, np.inf])
    outputs = layers.AdaptiveAveragePooling1D(4)(x)
    np.testing.assert_array_equal(np.asarray(outputs).ravel(), [2, np.inf, np.inf, 6])


# Normalization


def test_adapt_finds_mean_and_variance_of_all_batches():
    x = random(50, 3) * 4 + 10
    whole, batched = layers.Normalization(), layers.Normalization()
    whole.adapt(x)
    batched.adapt(x[i : i + 7] for i in range(0, 50, 7))
    np.testing.assert_allclose(whole.adapt_mean.numpy(), x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(whole.adapt_variance.numpy(), x.var(0), rtol=1e-5)
    for a, b in zip(whole.get_weights(), batched.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    y = np.asarray(whole(x))
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(0), 1, atol=1e-4)


@pytest.mark.parametrize("with_targets", [False, True])
def test_adapt_reads_a_data_set(with_targets):
    x = np.random.default_rng(0).normal(2.0, 3.0, (50, 4)).astype("float32")

    class Batches(addax.utils.PyDataset):
        def __len__(self):
            return 8

        def __getitem__(self, i):
            part = x[i * 7 : i * 7 + 7]
            return (part, part[:, 0]) if with_targets else (part,)

    layer = layers.Normalization()
    layer.adapt(Batches())
    np.testing.assert_allclose(layer.adapt_mean.numpy(), x.mean(0), rtol=1e-5)


def test_adapt_works_on_other_axes():
    x = random(6, 4, 5)
    both, none = layers.Normalization(axis=(1, 2)), layers.Normalization(axis=None)
    both.adapt(x)
    none.adapt(x)
    np.testing.assert_allclose(both.adapt_mean.numpy(), x.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(none.adapt_mean.numpy(), x.mean(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.asarray(both(x)).std(axis=0), 1, atol=1e-3)


def test_a_model_follows_a_later_adapt():
    layer = layers.Normalization()
    model = addax.Sequential([Input((2,)), layer])
    x = random(20, 2)
    model.predict(x, verbose=0)
    layer.adapt(x + 5)
    y = model.predict(x + 5, verbose=0)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-4)


@pytest.mark.parametrize("data", [[], np.zeros((0, 3), "float32"), iter([])])
def test_adapt_refuses_no_data(data):
    with pytest.raises(ValueError, match="received no data"):
        layers.Normalization().adapt(data)


def test_layer_normalization_keeps_its_precision_in_half_precision():
    x = (random(4, 64) * 100).astype("float16")
    y = layers.LayerNormalization(dtype="mixed_float16")(x)
    assert y.dtype == "float16"
    wide = x.astype("float64")
    expected = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(np.asarray(y).astype("float64"), expected, atol=4e-3)


# Shapes


def test_reshape_and_flatten_keep_an_unknown_batch_apart_from_other_unknowns():
    inputs = Input((None, 4))
    pairs = layers.Reshape((-1, 2))(inputs)
    flat = layers.Flatten()(inputs)
    assert pairs.shape == (None, None, 2)
    assert flat.shape == (None, None)
    model = Model(inputs, [pairs, flat])
    x = random(3, 5, 4)
    a, b = model.predict(x, verbose=0)
    np.testing.assert_array_equal(a, x.reshape(3, 10, 2))
    np.testing.assert_array_equal(b, x.reshape(3, 20))


def test_flatten_gives_scalars_an_axis():
    assert layers.Flatten()(np.ones(3, "float32")).shape == (3, 1)


def test_shapes_without_elements_pass():
    x = np.ones((0, 4, 4, 2), "float32")
    assert layers.Conv2D(3, 3)(x).shape == (0, 2, 2, 3)
    assert layers.MaxPooling2D(2)(x).shape == (0, 2, 2, 2)
    assert layers.Flatten()(x).shape == (0, 32)
    assert layers.Dense(3)(np.ones((0, 4), "float32")).shape == (0, 3)
    assert layers.LSTM(3)(np.ones((0, 4, 2), "float32")).shape == (0, 3)


def test_integers_keep_their_dtype_where_only_shapes_change():
    x = np.arange(24).reshape(2, 3, 4)
    for layer in (layers.Flatten(), layers.Reshape((4, 3)), layers.Permute((2, 1))):
        assert layer(x).dtype == layer(Input((3, 4), dtype="int64")).dtype == "int64"


def test_identity_returns_nested_structures():
    x = {"a": np.ones(2, "float32"), "b": [np.zeros(1, "float32")]}
    y = layers.Identity()(x)
    assert set(y) == {"a", "b"}
    np.testing.assert_array_equal(np.asarray(y["b"][0]), [0])


# Embedding, masks, lambdas


def test_embedding_begins_with_given_weights():
    table = random(4, 3)
    layer = layers.Embedding(4, 3, weights=[table])
    np.testing.assert_array_equal(np.asarray(layer(np.array([2, 0]))), table[[2, 0]])
    with pytest.raises(ValueError, match=r"\(4, 3\) is not compatible with provided weight shape"):
        layers.Embedding(4, 3, weights=[table[:2]])


def test_embedding_ids_stay_exact_in_half_precision():
    layer = layers.Embedding(5000, 2, dtype="mixed_float16")
    y = layer(np.array([4097, 4096]))
    assert y.dtype == "float16"
    np.testing.assert_array_equal(
        np.asarray(y), layer.embeddings.numpy()[[4097, 4096]].astype("float16")
    )


def test_a_reversible_embedding_goes_both_ways_in_a_model_with_one_table(tmp_path):
    layer = layers.ReversibleEmbedding(6, 3, mask_zero=True)
    inputs = Input((None,), dtype="int32")
    states = layer(inputs)
    model = Model(inputs, layer(states, reverse=True))
    assert model.output_shape == (None, None, 6)
    ids = np.array([[1, 5, 0]])
    table = layer.embeddings.numpy()
    predicted = model.predict(ids, verbose=0)
    np.testing.assert_allclose(predicted, table[ids] @ table.T, rtol=1e-5, atol=1e-7)
    assert [w.path.rpartition("/")[2] for w in model.weights] == ["embeddings"]
    np.testing.assert_array_equal(np.asarray(layer(ids)._keras_mask), [[True, True, False]])
    assert getattr(layer(layer(ids), reverse=True), "_keras_mask", None) is None
    with pytest.warns(UserWarning, match="ReversibleEmbedding"):
        model.save(tmp_path / "m")
    again = addax.models.load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(ids, verbose=0), predicted)


def test_a_reversible_embedding_gives_logits_of_the_dtype_it_is_told():
    layer = layers.ReversibleEmbedding(4, 2, reverse_dtype="float32", dtype="mixed_bfloat16")
    states = layer(np.array([[1]]))
    assert states.dtype == "bfloat16"
    assert layer(states, reverse=True).dtype == "float32"
    inputs = Input((1,), dtype="int32")
    assert layer(layer(inputs), reverse=True).dtype == "float32"


def test_a_pipeline_is_in_training_unless_told_otherwise():
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.Dropout(0.5, seed=1)])
    x = np.ones((20, 20), "float32")
    assert set(np.unique(np.asarray(pipeline(x)))) == {0.0, 4.0}
    np.testing.assert_array_equal(np.asarray(pipeline(x, training=False)), 2 * x)
    inputs = Input((20,))
    model = Model(inputs, pipeline(inputs))
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)


def test_a_pipeline_passes_masks_on():
    pipeline = layers.Pipeline([layers.Masking(), layers.LSTM(3, return_sequences=True)])
    x = random(1, 4, 2)
    x[:, 2:] = 0
    y = pipeline(x)
    np.testing.assert_array_equal(np.asarray(y._keras_mask), [[True, True, False, False]])
    assert len(pipeline.trainable_weights) == 3


def test_masking_masks_and_zeroes_steps_of_the_mask_value():
    x = np.array([[[1.0, 2.0], [-1.0, -1.0], [-1.0, 3.0]]], "float32")
    y = layers.Masking(-1.0)(x)
    np.testing.assert_array_equal(np.asarray(y._keras_mask), [[True, False, True]])
    np.testing.assert_array_equal(np.asarray(y)[0, 1], [0, 0])
    np.testing.assert_array_equal(np.asarray(y)[0, 2], x[0, 2])


def test_merged_masks_are_those_of_all():
    embedding = layers.Embedding(4, 2, mask_zero=True)
    a, b = embedding(np.array([[1, 0, 2]])), embedding(np.array([[1, 1, 0]]))
    expected = [[True, False, False]]
    np.testing.assert_array_equal(np.asarray(layers.Add()([a, b])._keras_mask), expected)
    np.testing.assert_array_equal(np.asarray(layers.Concatenate()([a, b])._keras_mask), expected)
    joined = layers.Concatenate(axis=1)([a, b])
    np.testing.assert_array_equal(
        np.asarray(joined._keras_mask), [[True, False, True, True, True, False]]
    )


@addax.saving.register_keras_serializable(package="tests")
def halve(x):
    return x / 2


def test_a_lambda_takes_arguments_shapes_and_configs():
    layer = layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 3.0})
    np.testing.assert_allclose(np.asarray(layer(np.ones(2, "float32"))), [3, 3])
    shaped = layers.Lambda(lambda x: ops.sum(x, axis=-1, keepdims=True), output_shape=(1,))
    assert shaped(Input((4,))).shape == (None, 1)
    named = layers.Lambda.from_config(layers.Lambda(halve).get_config())
    np.testing.assert_allclose(np.asarray(named(np.ones(2, "float32"))), [0.5, 0.5])


def test_a_lambda_from_elsewhere_is_refused():
    config = layers.Lambda(lambda x: x).get_config()
    config["function"]["config"] = {"code": "4wEAAAA=", "defaults": None, "closure": None}
    with pytest.raises(ValueError, match="is a Python lambda"):
        layers.Lambda.from_config(config)


def test_time_distributed_applies_a_layer_with_a_channel_axis_to_each_step():
    x = random(2, 3, 6, 6, 1)
    layer = layers.TimeDistributed(layers.Conv2D(2, 3))
    y = np.asarray(layer(x))
    np.testing.assert_allclose(y[:, 1], np.asarray(layer.layer(x[:, 1])), rtol=1e-5, atol=1e-6)
    inputs = Input((None, 6, 6, 1))
    model = Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, 4, 4, 2)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-6)


def test_functional_merges_are_their_layers():
    a, b = random(2, 3), random(2, 3, seed=1)
    for name, expected in {
        "add": a + b,
        "subtract": a - b,
        "multiply": a * b,
        "average": (a + b) / 2,
        "maximum": np.maximum(a, b),
        "minimum": np.minimum(a, b),
        "concatenate": np.concatenate([a, b], -1),
    }.items():
        merged = getattr(layers, name)([a, b])
        np.testing.assert_allclose(np.asarray(merged), expected, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(
        np.asarray(layers.dot([a, b], axes=1)), (a * b).sum(1, keepdims=True), rtol=1e-5
    )


def test_all_public_names_load_and_aliases_are_the_same_class():
    for name in layers.__all__:
        assert getattr(layers, name) is not None
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.Convolution2D is layers.Conv2D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D


def test_importing_the_package_loads_no_layer():
    import subprocess
    import sys

    code = "import addax.layers, sys; print([m for m in sys.modules if 'layers.' in m])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
