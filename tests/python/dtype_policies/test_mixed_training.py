"""Models that compute in 16 bits: mixed_bfloat16, mixed_float16."""

import addax as keras
import numpy as np
import pytest
from addax import layers, mixed_precision

RNG = np.random.default_rng(0)
X = RNG.normal(size=(128, 10, 10, 3)).astype("float32")
Y = (X.mean((1, 2, 3)) > 0).astype("int64")


@pytest.fixture(autouse=True)
def default_policy():
    yield
    keras.config.set_dtype_policy("float32")


def model_of(policy: str):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((10, 10, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, padding="same"),
            layers.LayerNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.1),
            layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss, metrics=["accuracy"])
    return model


def losses_of(policy: str) -> list[float]:
    return model_of(policy).fit(X, Y, epochs=6, batch_size=32, verbose=0).history["loss"]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_training_reaches_the_loss_of_float32(policy):
    np.testing.assert_allclose(losses_of(policy), losses_of("float32"), atol=0.03)


def test_variables_are_float32_and_computation_bfloat16():
    model = model_of("mixed_bfloat16")
    model.fit(X, Y, epochs=1, verbose=0)
    assert {w.dtype for w in model.weights} == {"float32"}
    assert {v.dtype for v in model.optimizer.variables} <= {"float32", "int32", "int64"}
    outputs = model(X[:4])
    assert outputs.dtype == "bfloat16"
    # NumPy has no bfloat16.
    assert model.predict(X[:4], verbose=0).dtype == "float32"
    assert model.predictor()(X[:4]).dtype == "float32"
    assert np.asarray(outputs).dtype == "float32"


def test_a_file_keeps_the_policies(tmp_path):
    model = model_of("mixed_bfloat16")
    model.add(layers.Activation("softmax", dtype="float32"))
    keras.config.set_dtype_policy("float32")
    model.save(tmp_path / "model")
    again = keras.models.load_model(tmp_path / "model")
    assert [layer.dtype_policy.name for layer in again.layers] == ["mixed_bfloat16"] * 9 + [
        "float32"
    ]
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_a_layer_alone_may_compute_in_bfloat16():
    layer = layers.Dense(3, dtype="mixed_bfloat16")
    y = layer(X[:, 0, 0])
    assert y.dtype == "bfloat16" and layer.kernel.dtype == "float32"
    wide = X[:, 0, 0] @ layer.kernel.numpy()
    np.testing.assert_allclose(np.asarray(y), wide, rtol=0.02, atol=0.02)


def test_float32_models_never_use_bfloat16():
    model = model_of("float32")
    model.predict(X[:4], verbose=0)
    (recorded,) = [f._recorded for f in model.predict_function._functions.values()]
    for function in recorded.values():
        assert "bfloat16" not in str(function.program.optimize())


def test_recurrent_embedding_and_attention_layers_compute_in_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    ids = RNG.integers(0, 20, (4, 6))
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(20, 8)(inputs)
    x = layers.MultiHeadAttention(2, 4)(x, x) + x
    x = layers.GroupNormalization(2)(x)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    x = layers.GRU(5)(x)
    model = keras.Model(inputs, layers.Dense(1, dtype="float32")(x))
    model.compile(optimizer="sgd", loss="mse")
    assert np.isfinite(model.fit(ids, np.ones(4), verbose=0).history["loss"]).all()
    assert x.dtype == "bfloat16" and model(ids).dtype == "float32"


def test_zero_samples_and_nan():
    layer = layers.Conv2D(4, 3, dtype="mixed_bfloat16")
    assert layer(np.zeros((0, 8, 8, 2), "float32")).shape == (0, 6, 6, 4)
    x = np.zeros((1, 8, 8, 2), "float32")
    x[0, 0, 0] = np.nan
    y = np.asarray(layer(x))
    assert np.isnan(y[0, 0, 0]).all() and not np.isnan(y[0, 1:]).any()


def test_older_names():
    mixed_precision.set_global_policy("mixed_bfloat16")
    assert mixed_precision.global_policy() == mixed_precision.Policy("mixed_bfloat16")
    assert keras.mixed_precision.LossScaleOptimizer is keras.optimizers.LossScaleOptimizer
