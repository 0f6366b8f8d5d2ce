"""The model folder: what it holds, and that a reloaded model goes on as if nothing had happened."""

from __future__ import annotations

import base64
import json
import os

import addax as keras
import numpy as np
import pytest
from addax import _core, layers, ops
from saved_models import assert_same_weights, data, document, recurrent_model, small_model

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01),
    "centered": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adagrad": lambda: keras.optimizers.Adagrad(0.05),
    "adadelta": lambda: keras.optimizers.Adadelta(0.5),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, clipnorm=1.0),
    "lion": lambda: keras.optimizers.Lion(0.001),
    "adafactor": lambda: keras.optimizers.Adafactor(0.01),
    "averaged": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulated": lambda: keras.optimizers.SGD(0.05, gradient_accumulation_steps=2),
    "scheduled": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.5)
    ),
}


@pytest.mark.parametrize("ending", ["", "/model.json", ".keras", ".h5"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_as_if_it_had_not_been_interrupted(tmp_path, name, ending):
    if ending in (".keras", ".h5"):
        pytest.importorskip("h5py")
    keras.utils.set_random_seed(7)
    x, y = data()
    model = small_model()
    model.compile(OPTIMIZERS[name](), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    path = str(tmp_path / f"model{ending}")
    if ending == "/model.json":
        path = str(tmp_path / "model" / "model.json")
    model.save(path)
    loaded = keras.saving.load_model(path)
    for v, w in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(v), np.asarray(w), err_msg=v.path)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    if ending in (".keras", ".h5"):
        return  # Keras's formats hold neither the shuffling's state nor that of Dropout
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    loaded.fit(x, y, batch_size=16, epochs=3, verbose=0)
    assert_same_weights(model, loaded)


def test_saving_changes_nothing_about_the_training(tmp_path):
    x, y = data()
    after = []
    for saves in (False, True):
        keras.utils.set_random_seed(11)
        model = small_model()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        if saves:
            model.save(tmp_path / "model")
        model.fit(x, y, epochs=2, batch_size=16, verbose=0)
        if saves:
            model.save(tmp_path / "model")
            model = keras.saving.load_model(tmp_path / "model")
        history = model.fit(x, y, epochs=2, batch_size=16, verbose=0)
        after.append((model.get_weights(), history.history))
    for a, b in zip(after[0][0], after[1][0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert after[0][1] == after[1][1]


def test_training_in_another_process_goes_on_the_same(tmp_path):
    import subprocess
    import sys

    keras.utils.set_random_seed(3)
    x, y = data()
    np.savez(tmp_path / "data.npz", x=x, y=y)
    model = small_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model")
    program = (
        "import sys, numpy as np, addax as keras\n"
        "d = np.load(sys.argv[1] + '/data.npz')\n"
        "m = keras.saving.load_model(sys.argv[1] + '/model')\n"
        "m.fit(d['x'], d['y'], epochs=2, verbose=0)\n"
        "np.savez(sys.argv[1] + '/after.npz', *m.get_weights())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)
    model.fit(x, y, epochs=2, verbose=0)
    after = np.load(tmp_path / "after.npz")
    for i, value in enumerate(model.get_weights()):
        np.testing.assert_array_equal(value, after[f"arr_{i}"])


def test_draws_of_the_global_generator_go_on_too(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Noise(layers.Layer):
        def call(self, x, training=False):
            return x + keras.random.normal(ops.shape(x)) if training else x

    keras.utils.set_random_seed(1)
    x, y = data()
    model = keras.Sequential([keras.Input((6,)), Noise(), layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model")
    model.fit(x, y, verbose=0)
    loaded = keras.saving.load_model(tmp_path / "model")
    loaded.fit(x, y, verbose=0)
    assert_same_weights(model, loaded)


def test_model_json_is_a_layers_model_in_the_dialect_of_keras_2(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            layers.Conv2D(2, 3, kernel_regularizer="l2", activation="silu", name="conv"),
            layers.DepthwiseConv2D(2, name="depthwise"),
            layers.SeparableConv2D(2, 2, name="separable"),
            layers.LeakyReLU(0.1, name="leaky"),
            layers.Flatten(name="flat"),
            layers.Dense(2, kernel_initializer="lecun_normal", name="out"),
        ],
        name="net",
    )
    model.compile("adam", "mse", metrics=["mae", keras.metrics.RootMeanSquaredError()])
    model.save(tmp_path / "model")
    saved = document(tmp_path / "model")
    assert saved["format"] == "layers-model"
    assert saved["generatedBy"] == f"addax {keras.__version__}"
    assert saved["convertedBy"] is None
    top = saved["modelTopology"]
    assert top["class_name"] == "Sequential"
    by_name = {entry["config"]["name"]: entry["config"] for entry in top["config"]["layers"]}
    assert by_name["image"]["batch_input_shape"] == [None, 8, 8, 3]
    assert by_name["image"]["dtype"] == "float32"
    assert by_name["conv"]["activation"] == "swish"
    assert by_name["conv"]["kernel_regularizer"]["class_name"] == "L1L2"
    assert by_name["leaky"]["alpha"] == pytest.approx(0.1)
    assert by_name["out"]["kernel_initializer"]["class_name"] == "LeCunNormal"
    assert "module" not in json.dumps(top)
    names = [w["name"] for w in saved["weightsManifest"][0]["weights"]]
    assert names[:7] == [
        "conv/kernel",
        "conv/bias",
        "depthwise/depthwise_kernel",
        "depthwise/bias",
        "separable/depthwise_kernel",
        "separable/pointwise_kernel",
        "separable/bias",
    ]
    groups = [w.get("group") for w in saved["weightsManifest"][0]["weights"]]
    first = groups.index("optimizer")
    assert set(groups[:first]) == {None} and set(groups[first:]) == {"optimizer"}
    count = saved["weightsManifest"][0]["weights"][first]
    assert (count["name"], count["shape"], count["dtype"]) == ("iter", [], "int32")
    assert names[first + 1] == "conv/kernel/m"
    training = saved["trainingConfig"]
    assert training["loss"] == "mean_squared_error"
    assert training["metrics"] == ["mae"]
    assert training["optimizer_config"]["class_name"] == "Adam"
    assert set(training["optimizer_config"]["config"]) == {
        "learningRate",
        "beta1",
        "beta2",
        "epsilon",
    }


def test_what_tensorflow_js_cannot_train_has_no_training_config(tmp_path):
    model = small_model()
    for optimizer, loss in (("adamw", "mse"), ("sgd", keras.losses.Huber()), ("lion", "mse")):
        model.compile(optimizer, loss)
        model.save(tmp_path / "model")
        assert "trainingConfig" not in document(tmp_path / "model")


def test_graphs_are_written_as_lists_of_calls(tmp_path):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="deep")], name="inner")
    total = layers.Add(name="sum")([shared(a), shared(b)])
    model = keras.Model([a, b], [inner(total), total])
    model.save(tmp_path / "model")
    config = document(tmp_path / "model")["modelTopology"]["config"]
    nodes = {entry["name"]: entry["inbound_nodes"] for entry in config["layers"]}
    assert nodes["shared"] == [[["a", 0, 0, {}]], [["b", 0, 0, {}]]]
    assert nodes["sum"] == [[["shared", 0, 0, {}], ["shared", 1, 0, {}]]]
    assert config["input_layers"] == [["a", 0, 0], ["b", 0, 0]]
    # A nested model counts its own graph as its call 0.
    assert config["output_layers"] == [["inner", 1, 0], ["sum", 0, 0]]
    names = [w["name"] for w in document(tmp_path / "model")["weightsManifest"][0]["weights"]]
    assert names == ["shared/kernel", "shared/bias", "deep/kernel", "deep/bias"]


@pytest.mark.parametrize("ending", ["", ".safetensors"])
def test_weights_go_into_a_model_made_later_whose_layers_have_other_numbers(tmp_path, ending):
    def make():
        return keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(4), keras.layers.Dense(2)]
        )

    saved, later = make(), make()
    saved.save_weights(tmp_path / f"weights{ending}")
    later.load_weights(tmp_path / f"weights{ending}")
    assert saved.layers[0].name != later.layers[0].name
    for v, w in zip(saved.weights, later.weights, strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy())
    wider = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="Not in the model: 'dense"):
        wider.load_weights(tmp_path / f"weights{ending}")


def test_user_metadata_is_kept(tmp_path):
    model = small_model()
    model.save(tmp_path / "a")
    saved = document(tmp_path / "a")
    saved["userDefinedMetadata"]["labels"] = ["cat", "dog"]
    with open(tmp_path / "a" / "model.json", "w", encoding="utf-8") as file:
        json.dump(saved, file)
    keras.saving.load_model(tmp_path / "a").save(tmp_path / "b")
    assert document(tmp_path / "b")["userDefinedMetadata"]["labels"] == ["cat", "dog"]


def decoded(entry):
    raw = base64.b64decode(entry["data"])
    return np.frombuffer(raw, entry["dtype"]).reshape(entry["shape"])


@pytest.mark.parametrize("make", [small_model, recurrent_model])
def test_the_programs_in_the_file_compute_what_the_model_does(tmp_path, make):
    keras.utils.set_random_seed(2)
    model = make()
    x = np.random.default_rng(0).normal(size=(8, *model.input_shape[1:])).astype("float32")
    y = np.random.default_rng(1).normal(size=(8, *model.output_shape[1:])).astype("float32")
    model.compile("adam", "mse", metrics=["mae"])
    model.save(tmp_path / "model")
    _, _, programs = _core.read_model(str(tmp_path / "model"), with_programs=True)
    steps = {"train", "train_weighted", "evaluate", "evaluate_weighted", "reset_metrics"}
    assert set(programs) - {"stream"} == {"predict"} | steps
    section = document(tmp_path / "model")["userDefinedMetadata"]["addax"]
    predict = _core.Executable(programs["predict"])
    check = section["check"]
    outputs = predict.run([decoded(entry) for entry in check["inputs"]])
    for out, entry in zip(outputs, check["outputs"], strict=True):
        np.testing.assert_array_equal(out.numpy(), decoded(entry))
    train = _core.Executable(programs["train"])
    for _ in range(3):
        results = train.run([x, y])
        logs = model.train_on_batch(x, y, return_dict=True)
    names = section["signatures"]["train"]["outputs"]
    for name, value in zip(names, results, strict=True):
        assert float(value) == pytest.approx(float(logs[name]), rel=1e-6)
    np.testing.assert_array_equal(predict.run([x])[0].numpy(), model.predict(x, verbose=0))


def test_a_model_in_plain_python_is_saved_without_programs_and_says_so(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class InPython(layers.Layer):
        def call(self, x):
            if not hasattr(x, "_keras_history") and getattr(x, "symbolic", False):
                raise RuntimeError("only real tensors here")
            return x * 2.0

        def compute_output_shape(self, shape):
            return shape

    model = keras.Sequential([keras.Input((2,)), InPython(), layers.Dense(1)])
    with pytest.warns(UserWarning, match="holds no program 'predict'"):
        model.save(tmp_path / "model")
    assert "programs" not in document(tmp_path / "model")["userDefinedMetadata"]["addax"]
    loaded = keras.saving.load_model(tmp_path / "model")
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))


@keras.saving.register_keras_serializable("tests")
class Net(keras.Model):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first = layers.Dense(units, activation="relu")
        self.rest = [layers.Dense(units), layers.Dense(2)]

    def call(self, x):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return x

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_subclassed_models_are_rebuilt_by_their_config(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model = Net(5)
    model.compile("adam", "mse")
    model.fit(x, np.zeros((8, 2)), verbose=0)
    model.save(tmp_path / "model")
    loaded = keras.saving.load_model(tmp_path / "model")
    assert isinstance(loaded, Net) and loaded.units == 5
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    model.fit(x, np.ones((8, 2)), verbose=0)
    loaded.fit(x, np.ones((8, 2)), verbose=0)
    assert_same_weights(model, loaded)
    programs = document(tmp_path / "model")["userDefinedMetadata"]["addax"]["programs"]
    assert set(programs) == {"train", "reset_metrics"}  # what was run, with what belongs to it


def test_frozen_layers_stay_frozen(tmp_path):
    x, y = data()
    model = small_model()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model")
    loaded = keras.saving.load_model(tmp_path / "model")
    assert not loaded.layers[0].trainable
    model.fit(x, y, verbose=0)
    loaded.fit(x, y, verbose=0)
    assert_same_weights(model, loaded)


def test_an_optimizer_inside_an_optimizer_is_saved_whole(tmp_path):
    x, y = data()
    model = small_model()
    inner = keras.optimizers.Adam(0.01)
    model.compile(
        keras.optimizers.LossScaleOptimizer(inner, dynamic_growth_steps=2),
        "sparse_categorical_crossentropy",
    )
    model.fit(x, y, batch_size=16, verbose=0)
    model.save(tmp_path / "model")
    loaded = keras.saving.load_model(tmp_path / "model")
    model.fit(x, y, batch_size=16, verbose=0)
    loaded.fit(x, y, batch_size=16, verbose=0)
    assert_same_weights(model, loaded)


def test_dtype_policies_survive(tmp_path):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, dtype="float64")])
    model.save(tmp_path / "model")
    loaded = keras.saving.load_model(tmp_path / "model")
    assert loaded.layers[0].compute_dtype == "float64"
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_loading_without_compile_leaves_the_model_uncompiled(tmp_path):
    model = small_model()
    model.compile("adam", "mse")
    model.save(tmp_path / "model")
    assert not keras.saving.load_model(tmp_path / "model", compile=False).compiled


def test_custom_objects_are_found_in_the_argument(tmp_path):
    class Twice(layers.Layer):
        def call(self, x):
            return x * 2

    def my_loss(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    model = keras.Sequential([keras.Input((2,)), Twice(), layers.Dense(1)])
    model.compile("sgd", my_loss)
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "model")
    with pytest.raises(TypeError, match="Could not locate class 'Twice'"):
        keras.saving.load_model(tmp_path / "model")
    custom = {"Twice": Twice, "my_loss": my_loss}
    loaded = keras.saving.load_model(tmp_path / "model", custom_objects=custom)
    assert loaded.loss is my_loss
    x = np.ones((1, 2))
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_paths_that_mean_nothing_are_refused_with_keras_messages(tmp_path):
    model = small_model()
    with pytest.raises(ValueError, match="Invalid filepath extension for saving"):
        model.save(tmp_path / "model.pt")
    with pytest.raises(ValueError, match="File not found: filepath="):
        keras.saving.load_model(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"must end in `.weights.h5`"):
        model.save_weights(tmp_path / "model.npz")
    with pytest.raises(ValueError, match="File not found: filepath="):
        model.load_weights(tmp_path / "no.weights.h5")
    with pytest.raises(ValueError, match="not built"):
        keras.Sequential([layers.Dense(2)]).save_weights(tmp_path / "x.weights.h5")


def test_a_name_with_figures_after_a_dot_is_a_folder(tmp_path):
    small_model().save(tmp_path / "net-0.97")
    assert sorted(os.listdir(tmp_path / "net-0.97"))[0] == "model.json"


def test_saving_without_overwrite_asks(tmp_path, monkeypatch):
    model = small_model()
    model.save(tmp_path / "model")
    before = document(tmp_path / "model")
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    other = small_model()
    other.save(tmp_path / "model", overwrite=False)
    assert document(tmp_path / "model") == before


def test_model_checkpoint_writes_folders_and_files(tmp_path):
    pytest.importorskip("h5py")
    x, y = data()
    model = small_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    callbacks = [
        keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"), monitor="loss"),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "at-{epoch}"), monitor="loss"),
        keras.callbacks.ModelCheckpoint(
            str(tmp_path / "w.weights.h5"), monitor="loss", save_weights_only=True
        ),
    ]
    model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks)
    expected = model.predict(x, verbose=0)
    for name in ("best.keras", "at-2"):
        loaded = keras.saving.load_model(tmp_path / name)
        np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    other = small_model()
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)


def test_a_model_without_weights_and_an_unbuilt_one_can_be_saved(tmp_path):
    keras.Sequential([keras.Input((2,)), layers.Flatten()]).save(tmp_path / "flat")
    loaded = keras.saving.load_model(tmp_path / "flat")
    np.testing.assert_array_equal(loaded.predict(np.ones((1, 2)), verbose=0), [[1, 1]])
    keras.Sequential([layers.Dense(2)]).save(tmp_path / "unbuilt")
    assert not keras.saving.load_model(tmp_path / "unbuilt").built


def test_json_configurations_make_models_again():
    model = recurrent_model()
    again = keras.models.model_from_json(model.to_json())
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [v.shape for v in again.weights] == [v.shape for v in model.weights]
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    x = np.ones((2, 5, 3), "float32")
    np.testing.assert_array_equal(clone.predict(x, verbose=0), model.predict(x, verbose=0))


def test_the_global_names_do_not_clash(tmp_path):
    """Layers of the same name in two nested models get weights of different names."""
    one = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="d")], name="one")
    two = keras.Sequential([keras.Input((3,)), layers.Dense(3, name="d")], name="two")
    x = inputs = keras.Input((3,))
    model = keras.Model(inputs, two(one(x)))
    model.save(tmp_path / "model")
    names = [w["name"] for w in document(tmp_path / "model")["weightsManifest"][0]["weights"]]
    assert len(set(names)) == 4
    loaded = keras.saving.load_model(tmp_path / "model")
    x = np.ones((1, 3), "float32")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def attention_block(x):
    x = layers.LayerNormalization()(x)
    x = layers.MultiHeadAttention(num_heads=2, key_dim=5)(x, x, use_causal_mask=True)
    return layers.RMSNormalization()(x)


FUSED_LAYERS = {
    "lstm": lambda x: layers.LSTM(9, return_sequences=True)(x),
    "gru": lambda x: layers.GRU(9)(x),
    "gru reset before": lambda x: layers.GRU(9, reset_after=False, go_backwards=True)(x),
    "simple rnn": lambda x: layers.Bidirectional(layers.SimpleRNN(9))(x),
    "attention and normalization": attention_block,
    "grouped queries": lambda x: layers.GroupQueryAttention(4, 4, 2)(x, x),
}


@pytest.mark.parametrize("name", FUSED_LAYERS)
def test_a_model_of_fused_sequence_layers_reloads_and_predicts_the_same(name, tmp_path):
    inputs = keras.Input((7, 6))
    model = keras.Model(inputs, layers.Dense(2)(FUSED_LAYERS[name](inputs)))
    model.compile("adam", "mse")
    x = np.random.default_rng(3).normal(size=(5, 7, 6)).astype("float32")
    model.fit(x, np.zeros_like(model.predict(x, verbose=0)), verbose=0)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model")
    reloaded = keras.models.load_model(tmp_path / "model")
    np.testing.assert_array_equal(reloaded.predict(x, verbose=0), expected)
    y = np.zeros_like(expected)
    assert reloaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
