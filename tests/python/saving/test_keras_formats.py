"""`.keras`, `.weights.h5` and legacy `.h5`: Keras's layouts, and guards against hostile ones."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import addax as keras
import numpy as np
import pytest
from addax import layers
from legacy_files import write_legacy

h5py = pytest.importorskip("h5py")

CLEAN = (ValueError, TypeError, OSError)


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


def test_without_h5py_the_error_names_the_extra(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"addax\[h5\]"):
        dense_model().save(tmp_path / "m.keras")


# ---- Hostile archives


@pytest.fixture
def members(tmp_path):
    model = dense_model()
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members if isinstance(members, list) else members.items():
            archive.writestr(name, data)


def refused(path, match=None):
    with pytest.raises(CLEAN, match=match):
        keras.saving.load_model(path)


def test_damaged_archives_are_refused(tmp_path, members):
    path = tmp_path / "bad.keras"
    pack(path, members)
    keras.saving.load_model(path)
    whole = path.read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:length])
        refused(path)
    pack(path, {k: v for k, v in members.items() if k != "config.json"})
    refused(path, "config.json")
    pack(path, {k: v for k, v in members.items() if k != "model.weights.h5"})
    refused(path, "model.weights.h5")
    with pytest.warns(UserWarning, match="Duplicate"):
        pack(path, [*members.items(), ("config.json", members["config.json"])])
    refused(path, "2 members")
    pack(path, {**members, "config.json": b'{"class_name": "A", "class_name": "B"}'})
    refused(path, "twice")
    pack(path, {**members, "config.json": b"[" * 100000})
    refused(path)
    pack(path, {**members, "config.json": b"[]"})
    refused(path)
    pack(path, {**members, "model.weights.h5": b"not HDF5"})
    refused(path)


def test_archives_may_be_deflated(tmp_path, members):
    pack(tmp_path / "m.keras", members, zipfile.ZIP_DEFLATED)
    keras.saving.load_model(tmp_path / "m.keras")


def test_bombs_are_refused_before_they_go_off(tmp_path, members):
    path = tmp_path / "bomb.keras"
    pack(path, {**members, "config.json": b" " * (200 << 20)}, zipfile.ZIP_DEFLATED)
    refused(path, "declares")
    # A size that is a lie, in the central directory and in the local header.
    pack(path, members)
    raw = bytearray(path.read_bytes())
    size = len(members["config.json"])
    old, new = struct.pack("<I", size), struct.pack("<I", size + 2**30)
    path.write_bytes(bytes(raw).replace(old, new))
    refused(path)


def test_encrypted_members_are_refused(tmp_path, members):
    path = tmp_path / "m.keras"
    pack(path, members)
    raw = bytearray(path.read_bytes())
    at = raw.find(b"PK\x01\x02")
    while at >= 0:
        raw[at + 8] |= 1
        at = raw.find(b"PK\x01\x02", at + 4)
    path.write_bytes(raw)
    refused(path, "encrypted")


# ---- Hostile HDF5


def test_links_and_foreign_data_in_hdf5_are_not_followed(tmp_path):
    model = dense_model()
    model.save_weights(tmp_path / "good.weights.h5")
    good = (tmp_path / "good.weights.h5").read_bytes()
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as h5:
        h5["kernel"] = np.zeros((3, 4), "float32")
    np.zeros(12, "float32").tofile(tmp_path / "raw.bin")

    def external_link(h5, path):
        h5[path] = h5py.ExternalLink(str(secret), "kernel")

    def soft_link(h5, path):
        h5["elsewhere"] = np.zeros((3, 4), "float32")
        h5[path] = h5py.SoftLink("/elsewhere")

    def external_storage(h5, path):
        raw = [(str(tmp_path / "raw.bin"), 0, 48)]
        h5.create_dataset(path, (3, 4), "float32", external=raw)

    def virtual(h5, path):
        layout = h5py.VirtualLayout((3, 4), "float32")
        layout[:] = h5py.VirtualSource(str(secret), "kernel", (3, 4))
        h5.create_virtual_dataset(path, layout)

    def bomb(h5, path):
        h5.create_dataset(path, (1 << 20, 1 << 20), "float32", chunks=(1024, 1024))

    def compressed_bomb(h5, path):
        h5.create_dataset(path, (1 << 14, 1 << 14), "float32", compression="gzip", fillvalue=0)

    def text(h5, path):
        h5[path] = np.array(["a"] * 12, dtype=h5py.string_dtype()).reshape(3, 4)

    def shape(h5, path):
        h5[path] = np.zeros((4, 3), "float32")

    def group(h5, path):
        h5.create_group(path)

    def empty(h5, path):
        h5[path] = h5py.Empty("float32")

    for attack in (
        external_link,
        soft_link,
        external_storage,
        virtual,
        bomb,
        compressed_bomb,
        text,
        shape,
        group,
        empty,
    ):
        path = tmp_path / f"{attack.__name__}.weights.h5"
        path.write_bytes(good)
        with h5py.File(path, "a") as h5:
            del h5["layers/dense/vars/0"]
            attack(h5, "layers/dense/vars/0")
        with pytest.raises(ValueError):
            model.load_weights(path)
        with h5py.File(tmp_path / "legacy.h5", "w") as h5:
            h5.attrs["layer_names"] = [b"one", b"two"]
            for name, w in (("one", (3, 4)), ("two", (4, 2))):
                h5.create_group(name).attrs["weight_names"] = [b"kernel", b"bias"]
                h5[f"{name}/bias"] = np.zeros(w[1], "float32")
            h5["two/kernel"] = np.zeros((4, 2), "float32")
            attack(h5, "one/kernel")
        with pytest.raises(ValueError):
            model.load_weights(tmp_path / "legacy.h5")


def test_a_linked_group_is_not_followed(tmp_path):
    model = dense_model()
    model.save_weights(tmp_path / "good.weights.h5")
    with h5py.File(tmp_path / "bad.weights.h5", "w") as h5:
        h5["layers"] = h5py.ExternalLink(str(tmp_path / "good.weights.h5"), "layers")
    with pytest.raises(ValueError, match="link"):
        model.load_weights(tmp_path / "bad.weights.h5")


def test_bytes_that_are_no_hdf5_are_refused(tmp_path):
    model = dense_model()
    for name in ("a.weights.h5", "a.h5"):
        for data in (b"", b"garbage" * 100, b"\x89HDF\r\n\x1a\n" + b"\0" * 100):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(CLEAN):
                model.load_weights(tmp_path / name)
    refused(tmp_path / "a.h5")


def test_a_topology_larger_than_the_weights_is_refused(tmp_path, members):
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["config"]["units"] = 2**28
    pack(tmp_path / "big.keras", {**members, "config.json": json.dumps(config)})
    refused(tmp_path / "big.keras", "weight")


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


def test_groups_that_contain_themselves_come_to_an_end(tmp_path):
    dense_model().save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as h5:
        for name in ("a", "b"):
            h5[f"layers/dense/{name}"] = h5["layers"]
    with pytest.raises(ValueError, match="too many or nested too deeply"):
        dense_model().load_weights(tmp_path / "m.weights.h5")


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
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'sgd'"):
        other.load_weights(tmp_path / "m.weights.h5")
