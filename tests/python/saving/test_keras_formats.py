"""`.keras`, `.weights.h5` and legacy `.h5`: Keras's layouts."""

from __future__ import annotations

import io
import json
import zipfile

import addax as keras
import numpy as np
import pytest
from addax import layers
from legacy_files import write_legacy

h5py = pytest.importorskip("h5py")


def model_of_many_layers():
    x = inputs = keras.Input((5, 3))
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(4))(x)
    x = layers.MultiHeadAttention(2, 2)(x, x)
    x = layers.GRU(3)(x)
    inner = keras.Sequential([layers.Dense(3), layers.BatchNormalization()])
    x = inner(x)
    x = layers.Dense(3)(x)
    return keras.Model(inputs, layers.PReLU()(x))


X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")


def dense_model():
    return keras.Sequential([keras.Input((3,)), layers.Dense(4, name="one"), layers.Dense(2)])


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors", "", ".keras", ".h5"])
def test_weights_come_back(tmp_path, ending):
    model = model_of_many_layers()
    path = tmp_path / f"saved{ending}"
    if ending in (".keras", ".h5"):
        model.save(path)
    else:
        model.save_weights(path)
    other = keras.models.clone_model(model)
    assert not np.array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    other.load_weights(path)
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))


def test_weights_h5_has_the_paths_of_keras_3(tmp_path):
    model = model_of_many_layers()
    model.compile("adam", "mse")
    model.fit(X, np.zeros((4, 3)), verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    found = {}
    with h5py.File(tmp_path / "m.weights.h5") as h5:
        h5.visititems(
            lambda name, item: (
                found.update({name: item.shape}) if isinstance(item, h5py.Dataset) else None
            )
        )
    assert found["layers/bidirectional/forward_layer/cell/vars/0"] == (3, 8)
    assert found["layers/bidirectional/backward_layer/cell/vars/2"] == (8,)
    assert found["layers/time_distributed/layer/vars/1"] == (4,)
    assert found["layers/multi_head_attention/query_dense/vars/0"] == (4, 2, 2)
    assert found["layers/multi_head_attention/output_dense/vars/1"] == (4,)
    assert found["layers/gru/cell/vars/2"] == (2, 9)
    assert found["layers/sequential/layers/batch_normalization/vars/3"] == (3,)
    assert found["layers/dense/vars/0"] == (3, 3)
    assert found["layers/p_re_lu/vars/0"] == (3,)
    assert found["optimizer/vars/0"] == ()
    assert found["optimizer/vars/2"] == found["optimizer/vars/3"] == (3, 8)


def test_keras_files_hold_the_members_of_keras(tmp_path):
    model = dense_model()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        assert all(i.compress_type == zipfile.ZIP_STORED for i in archive.infolist())
        config = json.loads(archive.read("config.json"))
    assert config["module"] == "keras" and config["class_name"] == "Sequential"
    assert config["compile_config"]["optimizer"]["class_name"] == "Adam"


@pytest.mark.parametrize(
    ("name", "save_format"), [("model", "tf"), ("model", "h5"), ("model.keras", "h5")]
)
def test_a_format_other_than_the_ending_says_is_refused(tmp_path, name, save_format):
    with pytest.raises(ValueError, match=f"save_format='{save_format}'"):
        dense_model().save(tmp_path / name, save_format=save_format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("root", [None, "model_weights"])
def test_legacy_weights_are_taken_in_order(tmp_path, root):
    rng = np.random.default_rng(1)
    saved = [
        ("input_1", []),
        ("a", [rng.normal(size=(3, 4)), rng.normal(size=4)]),
        ("dropout", []),
        ("b", [rng.normal(size=(4, 2)), rng.normal(size=2)]),
    ]
    write_legacy(tmp_path / "old.h5", saved, root)
    model = dense_model()
    model.load_weights(tmp_path / "old.h5")
    flat = [w for _, weights in saved for w in weights]
    for have, want in zip(model.get_weights(), flat, strict=True):
        np.testing.assert_array_equal(have, want.astype("float32"))


def test_legacy_weights_by_name_and_with_mismatches(tmp_path):
    rng = np.random.default_rng(1)
    one = [rng.normal(size=(3, 4)), rng.normal(size=4)]
    write_legacy(tmp_path / "old.h5", [("other", [rng.normal(size=7)]), ("one", one)])
    model = dense_model()
    before = model.layers[1].get_weights()
    with pytest.raises(ValueError, match=r"Weight count mismatch|Shape mismatch"):
        model.load_weights(tmp_path / "old.h5")
    model.load_weights(tmp_path / "old.h5", by_name=True)
    np.testing.assert_array_equal(model.layers[0].get_weights()[1], one[1].astype("float32"))
    with pytest.warns(UserWarning, match="Skipping loading"):
        model.load_weights(tmp_path / "old.h5", skip_mismatch=True)
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], before[0])
    write_legacy(tmp_path / "short.h5", [("one", one)])
    with pytest.raises(ValueError, match="expected 2 layers, found 1 saved layers"):
        model.load_weights(tmp_path / "short.h5")


def test_weights_of_batch_normalization_in_a_nested_model_have_the_order_of_old_files(tmp_path):
    inner = keras.Sequential(
        [keras.Input((2,)), layers.BatchNormalization(), layers.Dense(2)], name="inner"
    )
    model = keras.Sequential([keras.Input((2,)), inner])
    gamma, beta, kernel, bias = np.ones(2) * 2, np.ones(2) * 3, np.eye(2) * 4, np.ones(2) * 5
    mean, variance = np.ones(2) * 6, np.ones(2) * 7
    saved = [("inner", [gamma, beta, kernel, bias, mean, variance])]  # trainable ones first
    write_legacy(tmp_path / "old.h5", saved)
    model.load_weights(tmp_path / "old.h5")
    norm = inner.layers[0]
    np.testing.assert_array_equal(norm.moving_variance.numpy(), variance)
    np.testing.assert_array_equal(inner.layers[1].kernel.numpy(), kernel)


def test_a_keras_2_model_file_is_read(tmp_path):
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(3, 2)), rng.normal(size=2)
    write_legacy(tmp_path / "old.h5", [("d", [kernel, bias])], "model_weights")
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "sequential",
            "layers": [
                {
                    "class_name": "Dense",
                    "config": {
                        "name": "d",
                        "units": 2,
                        "batch_input_shape": [None, 3],
                        "dtype": "float32",
                        "trainable": True,
                        "activation": "linear",
                        "use_bias": True,
                    },
                }
            ],
        },
    }
    with h5py.File(tmp_path / "old.h5", "a") as h5:
        h5.attrs["model_config"] = json.dumps(config).encode()
        h5.attrs["keras_version"] = b"2.15.0"
        h5.attrs["training_config"] = json.dumps(
            {
                "loss": "mse",
                "metrics": ["mae"],
                "optimizer_config": {
                    "class_name": "Custom>Adam",
                    "config": {
                        "name": "Adam",
                        "learning_rate": 0.25,
                        "jit_compile": False,
                        "is_legacy_optimizer": False,
                    },
                },
            }
        ).encode()
    model = keras.saving.load_model(tmp_path / "old.h5")
    x = rng.normal(size=(4, 3))
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ kernel + bias, atol=1e-6)
    assert float(model.optimizer.learning_rate) == 0.25
    model.fit(x, np.zeros((4, 2)), verbose=0)


@pytest.mark.parametrize("name", ["m.weights.h5", "m.h5", "m.keras", "m.safetensors", "m"])
def test_weights_that_do_not_fit_leave_the_model_as_it_was(tmp_path, name):
    def make(units):
        return keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(4, name="a"),
                keras.layers.Dense(units, name="b"),
            ]
        )

    saved, other = make(2), make(5)
    (saved.save_weights if "weights" in name else saved.save)(tmp_path / name)
    before = [w.numpy() for w in other.weights]
    with pytest.raises(ValueError):
        other.load_weights(tmp_path / name)
    for value, w in zip(before, other.weights, strict=True):
        np.testing.assert_array_equal(w.numpy(), value)


def test_skip_mismatch_leaves_what_does_not_fit(tmp_path):
    model = dense_model()
    model.save_weights(tmp_path / "m.weights.h5")
    other = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="one"), layers.Dense(7)])
    before = other.layers[1].get_weights()
    with pytest.raises(ValueError, match="could not be loaded"):
        other.load_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="could not be loaded"):
        other.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(other.layers[0].get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(other.layers[1].get_weights()[0], before[0])


def test_an_own_store_of_a_layer_is_kept(tmp_path):
    @keras.saving.register_keras_serializable("tests")
    class Counting(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.count = 0

        def call(self, x):
            return x

        def save_own_variables(self, store):
            store["count"] = np.array(self.count)

        def load_own_variables(self, store):
            self.count = int(store["count"])

    model = keras.Sequential([keras.Input((2,)), Counting(), layers.Dense(1)])
    model.layers[0].count = 5
    model.save(tmp_path / "m.keras")
    assert keras.saving.load_model(tmp_path / "m.keras").layers[0].count == 5


def test_names_that_one_attribute_cannot_hold_are_split(tmp_path):
    names = [f"{i:02}{'x' * 2000}" for i in range(40)]
    model = keras.Sequential([keras.Input((1,)), *(layers.Dense(1, name=n) for n in names)])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as h5:
        parts = [k for k in h5["model_weights"].attrs if k.startswith("layer_names")]
    assert sorted(parts) == ["layer_names0", "layer_names1"]
    loaded = keras.saving.load_model(tmp_path / "m.h5")
    assert [layer.name for layer in loaded.layers] == names
    np.testing.assert_array_equal(loaded.get_weights()[-2], model.get_weights()[-2])


def test_a_name_that_no_attribute_can_hold_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, name="x" * 70_000)])
    with pytest.raises(ValueError, match="A name of 70000 bytes in '/model_weights' is too long"):
        model.save(tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []


def test_without_h5py_the_error_names_the_extra(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"addax\[h5\]"):
        dense_model().save(tmp_path / "m.keras")


def test_the_state_of_hdf5_in_memory_is_that_of_the_file(tmp_path):
    from addax.saving.keras_h5 import write_model_state

    model = dense_model()
    buffer = io.BytesIO()
    write_model_state(model, buffer)
    (tmp_path / "m.weights.h5").write_bytes(buffer.getvalue())
    other = dense_model()
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_weights_for_which_there_is_no_layer_are_named(tmp_path):
    dense_model().save_weights(tmp_path / "m.weights.h5")
    small = keras.Sequential([keras.Input((3,)), layers.Dense(4)])
    with pytest.raises(ValueError, match="no layer: 'layers/dense_1'"):
        small.load_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="layers/dense_1"):
        small.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    small.save_weights(tmp_path / "s.weights.h5")
    with pytest.raises(
        ValueError, match=r"Dense name=dense_?\d*, built=True>:\n\nLayer .*expected 2 variables"
    ):
        dense_model().load_weights(tmp_path / "s.weights.h5")


def test_training_goes_on_from_weights_in_a_model_that_has_not_yet_trained(tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 3))
    model, other = dense_model(), dense_model()
    for m in (model, other):
        m.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(x, x[:, :2], verbose=0, shuffle=False)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    for m in (model, other):
        m.fit(x, x[:, :2], verbose=0, shuffle=False)
    for v, w in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)
    other.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'sgd"):
        other.load_weights(tmp_path / "m.weights.h5")


def test_a_model_of_ones_own_has_the_paths_of_keras_3(tmp_path):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.tail, self.first = layers.Dense(2), layers.Dense(3)
            self.blocks = [layers.Dense(3), layers.Dense(3)]
            self._hidden = layers.Dense(3)

        def call(self, x):
            x = self._hidden(self.first(x))
            for block in self.blocks:
                x = block(x)
            return self.tail(x)

    model = Net()
    model(X[:, 0])
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as h5:
        # `layers` stands among the attributes: `tail` and `_hidden`, later by name, are below it.
        assert set(h5) == {"vars", "blocks", "first", "layers"}
        assert set(h5["blocks"]) == {"dense", "dense_1"}
        assert set(h5["layers"]) == {"dense", "dense_4"}
    other = Net()
    other(X[:, 0])
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(model(X[:, 0]), other(X[:, 0]))


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_bfloat16_numbers_of_keras_are_read(tmp_path, ending):
    # HDF5 does not know them: ml_dtypes, which Keras uses, leaves two opaque bytes of each.
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, dtype="bfloat16")])
    values = np.arange(12, dtype="float32").reshape(3, 4) / 4
    opaque = (values.view("uint32") >> 16).astype("uint16").view("V2")
    path = tmp_path / f"m{ending}"
    if ending == ".h5":
        write_legacy(path, [("d", [opaque, np.zeros(4, "uint16").view("V2")])])
    else:
        model.save_weights(path)
        with h5py.File(path, "a") as h5:
            del h5["layers/dense/vars/0"]
            h5["layers/dense/vars/0"] = opaque
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], values)
