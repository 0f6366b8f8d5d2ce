"""Hostile `.keras` and `.h5` files: nothing runs, nothing outside is opened, memory is bounded."""

from __future__ import annotations

import base64
import json
import marshal
import os
import struct
import zipfile

import addax as keras
import numpy as np
import pytest
from addax import layers
from legacy_files import write_legacy

h5py = pytest.importorskip("h5py")

CLEAN = (ValueError, TypeError, OSError)


def dense_model():
    return keras.Sequential([keras.Input((3,)), layers.Dense(4, name="one"), layers.Dense(2)])


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


SHAPE = (3, 4)


def sound(h5, path, folder):
    h5[path] = np.zeros(SHAPE, "float32")


def external_link(h5, path, folder):
    h5[path] = h5py.ExternalLink(str(folder / "secret.h5"), "kernel")


def soft_link(h5, path, folder):
    sound(h5, "elsewhere", folder)
    h5[path] = h5py.SoftLink("/elsewhere")


def external_storage(h5, path, folder):
    h5.create_dataset(path, SHAPE, "float32", external=[(str(folder / "raw.bin"), 0, 48)])


def virtual(h5, path, folder):
    layout = h5py.VirtualLayout(SHAPE, "float32")
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "kernel", SHAPE)
    h5.create_virtual_dataset(path, layout)


def bomb(h5, path, folder):
    h5.create_dataset(path, (1 << 20, 1 << 20), "float32", chunks=(1024, 1024))


def compressed_bomb(h5, path, folder):
    h5.create_dataset(path, (1 << 14, 1 << 14), "float32", compression="gzip", fillvalue=0)


def never_written(h5, path, folder):
    h5.create_dataset(path, SHAPE, "float32", chunks=SHAPE)


def text(h5, path, folder):
    h5[path] = np.array(["a"] * 12, dtype=h5py.string_dtype()).reshape(SHAPE)


def turned(h5, path, folder):
    h5[path] = np.zeros(SHAPE[::-1], "float32")


def group(h5, path, folder):
    h5.create_group(path)


def empty(h5, path, folder):
    h5[path] = h5py.Empty("float32")


# What stands in the place of a kernel → what is said of it in .weights.h5 and in legacy files.
ATTACKS = {
    external_link: ("is a link, which is not followed", "is a link, which is not followed"),
    soft_link: ("is a link, which is not followed", "is a link, which is not followed"),
    external_storage: ("has its data in another file", "has its data in another file"),
    virtual: ("has its data in another file", "has its data in another file"),
    bomb: ("has shape", "declares"),
    compressed_bomb: ("has shape", "declares"),
    never_written: ("declares", "declares"),
    text: ("is no number", "is no number"),
    turned: ("has shape", "Shape mismatch"),
    group: ("has shape None", "must be a dataset"),
    empty: ("has shape None", "is empty"),
}


@pytest.fixture
def attacked(tmp_path):
    """A model, and a function that makes files of weights with something in a kernel's place."""
    model = dense_model()
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "secret.h5", "w") as h5:
        h5["kernel"] = np.zeros(SHAPE, "float32")
    np.zeros(12, "float32").tofile(tmp_path / "raw.bin")

    def make(attack):
        with h5py.File(tmp_path / "m.weights.h5", "a") as h5:
            del h5["layers/dense/vars/0"]
            attack(h5, "layers/dense/vars/0", tmp_path)
        with h5py.File(tmp_path / "legacy.h5", "w") as h5:
            h5.attrs["layer_names"] = [b"one", b"two"]
            for name, w in (("one", SHAPE), ("two", (4, 2))):
                h5.create_group(name).attrs["weight_names"] = [b"kernel", b"bias"]
                h5[f"{name}/bias"] = np.zeros(w[1], "float32")
            h5["two/kernel"] = np.zeros((4, 2), "float32")
            attack(h5, "one/kernel", tmp_path)
        return tmp_path / "m.weights.h5", tmp_path / "legacy.h5"

    return model, make


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_links_and_foreign_data_in_hdf5_are_not_followed(attacked, attack):
    model, make = attacked
    for path, said in zip(make(attack), ATTACKS[attack], strict=True):
        with pytest.raises(ValueError, match=said):
            model.load_weights(path)


def test_files_without_such_an_attack_load(attacked):
    model, make = attacked
    for path in make(sound):
        model.load_weights(path)
        assert not model.get_weights()[0].any()
        model.set_weights([w + 1 for w in model.get_weights()])


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


def test_groups_that_contain_themselves_come_to_an_end(tmp_path):
    dense_model().save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as h5:
        for name in ("a", "b"):
            h5[f"layers/dense/{name}"] = h5["layers"]
    with pytest.raises(ValueError, match="too many or nested too deeply"):
        dense_model().load_weights(tmp_path / "m.weights.h5")


@pytest.mark.parametrize("steps", [3, 2**62])
def test_a_count_of_steps_costs_no_more_than_a_small_one(tmp_path, steps):
    """Keras 2 did not save what its Nadam multiplies up once per step."""
    model, other = dense_model(), dense_model()
    for m in (model, other):
        m.compile("nadam", "mse")
    for _ in range(3):
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save_weights(tmp_path / "m.weights.h5")
    nadam = model.optimizer
    of_keras_3 = [id(nadam._learning_rate), id(nadam._u_product)]
    arrays = [v.numpy() for v in nadam.variables if id(v) not in of_keras_3]
    arrays[0] = np.array(steps)
    with h5py.File(tmp_path / "m.weights.h5", "a") as h5:
        del h5["optimizer/vars"]
        for i, array in enumerate(arrays):
            h5[f"optimizer/vars/{i}"] = array
    other.load_weights(tmp_path / "m.weights.h5")
    assert other.optimizer.iterations.numpy() == steps
    wanted = nadam._u_product.numpy() if steps == 3 else 0.0
    np.testing.assert_allclose(other.optimizer._u_product.numpy(), wanted, rtol=1e-6)


# ---- Code and classes


def evil():
    """Code that leaves a file behind when it is run."""
    code = compile("open('ran', 'w').close()", "evil", "exec")
    return base64.b64encode(marshal.dumps(code)).decode()


def lambda_layers():
    """A `Lambda` as Keras 3 and as Keras 2 write it."""
    function = {
        "class_name": "__lambda__",
        "config": {"code": evil(), "defaults": None, "closure": None},
    }
    new = {"name": "l", "function": function, "arguments": {}, "trainable": True}
    old = {"name": "l", "function": [evil(), None, None], "function_type": "lambda"}
    return [{"class_name": "Lambda", "config": config} for config in (new, old)]


def test_code_in_files_is_never_run(tmp_path, members, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for layer in lambda_layers():
        config = json.loads(members["config.json"])
        config["config"]["layers"].append({"module": "keras.layers", **layer})
        pack("m.keras", {**members, "config.json": json.dumps(config)})
        refused("m.keras", "never run|function")
        topology = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}
        for version in ("2.15.0", "3.15.1"):
            write_legacy("m.h5", [], "model_weights", model_config=topology, keras_version=version)
            refused("m.h5", "never run|function")
        with pytest.raises(CLEAN):
            keras.saving.load_model("m.keras", safe_mode=False)
    assert not os.path.exists("ran")


@pytest.mark.parametrize("module", ["os", "subprocess", "builtins", "keras.src.saving", None])
def test_classes_are_not_imported_by_name(tmp_path, members, module):
    config = json.loads(members["config.json"])
    entry = {"module": module, "class_name": "system", "config": {"command": "touch ran"}}
    config["config"]["layers"][1] = entry
    pack(tmp_path / "m.keras", {**members, "config.json": json.dumps(config)})
    refused(tmp_path / "m.keras", "system")


@pytest.mark.parametrize("ending", [".keras", ".h5", ".safetensors"])
def test_a_class_of_ones_own_is_passed_or_registered(tmp_path, ending):
    class Doubling(layers.Dense):
        def call(self, x):
            return 2 * super().call(x)

    model = keras.Sequential([keras.Input((3,)), Doubling(2)])
    path = tmp_path / f"m{ending}"
    model.save(path)
    with pytest.raises(TypeError, match="Doubling"):
        keras.saving.load_model(path)
    loaded = keras.saving.load_model(path, custom_objects={"Doubling": Doubling})
    x = np.ones((2, 3), "float32")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


# ---- Folders


def test_members_that_climb_out_are_not_touched(tmp_path, members):
    inside = tmp_path / "inside"
    inside.mkdir()
    extra = [("../climbed", b"x"), ("/climbed", b"x"), ("assets/../../climbed", b"x")]
    pack(inside / "m.keras", [*members.items(), *extra])
    keras.saving.load_model(inside / "m.keras")
    assert sorted(os.listdir(tmp_path)) == ["inside", "m.keras"]
    assert os.listdir(inside) == ["m.keras"]


def test_a_folder_with_links_or_pipes_is_refused(tmp_path):
    model = dense_model()
    model.save(tmp_path / "m.keras", zipped=False)
    keras.saving.load_model(tmp_path / "m.keras")
    weights = tmp_path / "m.keras" / "model.weights.h5"
    weights.rename(tmp_path / "elsewhere.h5")
    refused(tmp_path / "m.keras", "has no `model.weights.h5`")
    weights.symlink_to(tmp_path / "elsewhere.h5")
    refused(tmp_path / "m.keras", "no plain file")
    weights.unlink()
    os.mkfifo(weights)
    refused(tmp_path / "m.keras", "no plain file")


def test_links_in_a_whole_legacy_model_are_not_followed(tmp_path):
    model = dense_model()
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save(tmp_path / "good.h5")
    good = (tmp_path / "good.h5").read_bytes()
    for name in ("model_weights", "model_weights/one", "optimizer_weights"):
        for link in (h5py.ExternalLink(str(tmp_path / "good.h5"), name), h5py.SoftLink("/other")):
            path = tmp_path / "bad.h5"
            path.write_bytes(good)
            with h5py.File(path, "a") as h5:
                h5.move(name, "other")
                h5[name] = link
            refused(path, "link")
