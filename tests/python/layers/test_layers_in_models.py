"""Every layer runs in recorded programs of models, with unknown batch sizes, and trains there."""

import addax
import numpy as np
import pytest
from addax import Input, Model, layers, ops, tree
from layer_cases import CASES, arguments, build, set_numbers


def _model(name):
    """A functional model around the case's layer with an unknown batch size, and its inputs."""
    constructor, shapes, options = CASES[name]
    options = {k: v for k, v in options.items() if k not in ("training", "mask", "attention_mask")}
    args, options = arguments(shapes, options)
    inputs = tree.map_structure(lambda x: Input(x.shape[1:], dtype=str(x.dtype)), args)
    layer = build(constructor, layers)
    outputs = layer(*inputs, **options)
    flat = tree.flatten(inputs)
    return Model(flat, list(tree.flatten(outputs))), layer, tree.flatten(args)


@pytest.mark.parametrize("name", CASES)
def test_predict_gives_what_the_call_gives_for_any_batch(name):
    model, layer, args = _model(name)
    set_numbers(layer)
    for repeats in (1, 3):
        batch = [np.concatenate([x] * repeats) for x in args]
        eager = tree.flatten(model(batch))
        predicted = tree.flatten(model.predict(batch, verbose=0))
        for a, b in zip(predicted, eager, strict=True):
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-4, atol=1e-5)


def _has_weights(name):
    layer = build(CASES[name][0], layers)
    args, options = arguments(*CASES[name][1:])
    layer(*args, **options)
    return bool(layer.trainable_weights)


# Weights that shift all scores of a query alike, which softmax does not see; a table not read.
_WITHOUT_EFFECT = {
    "reversible_embedding_own_way_back": ["/embeddings"],
    "multi_head_attention": ["key/bias"],
    "multi_head_attention_causal": ["key/bias"],
    "multi_head_attention_mask": ["key/bias"],
    "multi_head_attention_axes": ["key/bias"],
    "multi_head_attention_gate": ["key/bias"],
    "grouped_query_attention": ["key/bias"],
}


@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # of the table not read
@pytest.mark.parametrize("name", CASES)
def test_a_training_step_changes_every_trainable_weight(name):
    if not _has_weights(name):
        return  # There is nothing to train; gradients are checked below.
    model, layer, args = _model(name)
    set_numbers(layer)
    model.compile("sgd", ["mse"] * len(model.outputs))
    before = [w.numpy() for w in layer.trainable_weights]
    targets = [
        np.cos(np.arange(np.prod(y.shape))).reshape(y.shape).astype("float32")
        for y in tree.flatten(model(args))
    ]
    model.fit(args, targets, epochs=1, verbose=0, batch_size=16)
    for weight, old in zip(layer.trainable_weights, before, strict=True):
        assert np.isfinite(weight.numpy()).all(), weight.path
        if not any(weight.path.endswith(end) for end in _WITHOUT_EFFECT.get(name, ())):
            assert not np.array_equal(weight.numpy(), old), weight.path


@pytest.mark.parametrize("name", [name for name in CASES if name != "spectral_normalization"])
def test_gradients_agree_with_differences_along_a_direction(name):
    constructor, shapes, options = CASES[name]
    args, options = arguments(shapes, options)
    previous = addax.config.dtype_policy()
    addax.config.set_dtype_policy("float64")
    try:
        layer = build(constructor, layers)
        # Shifted, for at 0 some layers have a kink.
        flat = [x + 0.01 if x.dtype.kind == "f" else x for x in tree.flatten(args)]
        flat = [np.asarray(x, "float64" if x.dtype.kind == "f" else None) for x in flat]
        layer(*tree.pack_sequence_as(args, flat), **options)
        set_numbers(layer)
    finally:
        addax.config.set_dtype_policy(previous)
    points = [x for x in flat if x.dtype.kind == "f"] + layer.get_weights()[
        : len(layer.trainable_weights)
    ]
    directions = [
        np.cos(3.1 * np.arange(p.size) + i).reshape(p.shape) for i, p in enumerate(points)
    ]
    inputs = len(points) - len(layer.trainable_weights)

    def loss(step):
        moved = [p + step * d for p, d in zip(points, directions, strict=True)]
        tensors = [ops.convert_to_tensor(x, dtype="float64") for x in moved[:inputs]]
        for weight, value in zip(layer.trainable_weights, moved[inputs:], strict=True):
            weight.assign(value)
        with addax.GradientTape() as tape:
            for x in tensors:
                tape.watch(x)
            values = iter(tensors)
            leaves = [next(values) if x.dtype.kind == "f" else x for x in flat]
            outputs = tree.flatten(layer(*tree.pack_sequence_as(args, leaves), **options))
            total = sum(ops.sum(ops.sin(y + 0.3)) for y in outputs)
        return float(total), tape.gradient(total, tensors + layer.trainable_weights)

    _, gradients = loss(0.0)
    slope = sum(
        float(np.sum(np.asarray(g) * d))
        for g, d in zip(gradients, directions, strict=True)
        if g is not None
    )
    difference = (loss(1e-6)[0] - loss(-1e-6)[0]) / 2e-6
    assert abs(slope - difference) < 1e-5 * max(1.0, abs(difference))


def test_masks_reach_layers_inside_a_recorded_model():
    inputs = Input((None,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(inputs)
    x = layers.LSTM(3)(x)
    model = Model(inputs, x)
    padded = model.predict(np.array([[1, 2, 3, 0, 0]]), verbose=0)
    short = model.predict(np.array([[1, 2, 3]]), verbose=0)
    np.testing.assert_allclose(padded, short, rtol=1e-5, atol=1e-6)


def test_masked_steps_reach_attention_pooling_and_merges():
    inputs = Input((None,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(inputs)
    y = layers.MultiHeadAttention(2, 2)(x, x)
    z = layers.Add()([x, y])
    model = Model(inputs, layers.GlobalAveragePooling1D()(z))
    padded = model.predict(np.array([[1, 2, 3, 0, 0]]), verbose=0)
    short = model.predict(np.array([[1, 2, 3]]), verbose=0)
    np.testing.assert_allclose(padded, short, rtol=1e-5, atol=1e-6)


def test_batch_normalization_learns_statistics_in_fit_and_uses_them_in_predict():
    x = np.random.default_rng(0).normal(3.0, 2.0, (64, 4)).astype("float32")
    model = addax.Sequential([Input((4,)), layers.BatchNormalization(momentum=0.5)])
    model.compile("sgd", "mse")
    model.fit(x, x, epochs=20, batch_size=64, verbose=0)
    layer = model.layers[0]
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean(0), rtol=1e-3)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x.var(0), rtol=1e-3)
    frozen = layer.get_weights()
    layer.trainable = False
    model.compile("sgd", "mse")
    model.fit(x + 5, x, epochs=1, verbose=0)
    for a, b in zip(layer.get_weights(), frozen, strict=True):
        np.testing.assert_array_equal(a, b)


def test_dropout_acts_in_fit_only():
    layer = layers.Dropout(0.5, seed=3)
    seen = []

    class Watch(layers.Layer):
        def call(self, inputs, training=False):
            seen.append(training)
            return inputs

    model = addax.Sequential([Input((100,)), layer, Watch(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 100), "float32")
    first = model.predict(x, verbose=0)
    np.testing.assert_array_equal(first, model.predict(x, verbose=0))
    model.fit(x, np.zeros((8, 1), "float32"), verbose=0)
    assert any(seen) and not all(seen)


def test_a_causal_transformer_block_of_unknown_length_trains():
    inputs = Input((None, 8))
    y = layers.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs, use_causal_mask=True)
    x = layers.LayerNormalization()(inputs + y)
    y = layers.Dense(8)(layers.Dense(16, activation="gelu")(x))
    model = Model(inputs, layers.LayerNormalization()(x + y))
    model.compile("adam", "mse")
    rng = np.random.default_rng(1)
    for time in (3, 6):
        x = rng.normal(size=(4, time, 8)).astype("float32")
        model.fit(x, x, verbose=0)
        changed = x.copy()
        changed[:, -1] += 1
        a, b = model.predict(x, verbose=0), model.predict(changed, verbose=0)
        np.testing.assert_allclose(a[:, :-1], b[:, :-1], rtol=1e-4, atol=1e-5)


def test_convolutions_run_on_images_of_unknown_size():
    inputs = Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.MaxPooling2D()(x)
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    x = layers.Conv2DTranspose(2, 3, strides=2, padding="same")(x)
    model = Model(inputs, [layers.GlobalAveragePooling2D()(x), x])
    assert model.output_shape == [(None, 2), (None, None, None, 2)]
    for rows, columns in ((8, 6), (5, 7)):
        pooled, image = model.predict(np.ones((2, rows, columns, 3), "float32"), verbose=0)
        assert pooled.shape == (2, 2)
        assert image.shape == (2, rows // 2 * 4, columns // 2 * 4, 2)


def test_a_lambda_runs_in_a_program_and_is_cloned():
    inputs = Input((3,))
    model = Model(inputs, layers.Lambda(lambda x: ops.square(x) + 1.0)(inputs))
    x = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_allclose(model.predict(x, verbose=0), x**2 + 1)
    clone = addax.models.clone_model(model)
    np.testing.assert_allclose(clone.predict(x, verbose=0), x**2 + 1)
