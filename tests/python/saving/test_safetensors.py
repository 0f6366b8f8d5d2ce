"""`.safetensors`: weights alone and whole models, also as the package of that name reads them."""

from __future__ import annotations

import json
import struct

import addax as keras
import numpy as np
import pytest
from addax import layers
from saved_models import assert_same_weights, data, recurrent_model, small_model


def header_of(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + length])


def test_a_whole_model_comes_back(tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    model = recurrent_model()
    want = model.predict(x, verbose=0)
    model.save(tmp_path / "m.safetensors")
    loaded = keras.saving.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), want)
    assert not loaded.compiled


def test_training_goes_on_where_it_stopped(tmp_path):
    x, y = data()
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    model.fit(x, y, verbose=0, shuffle=False)
    model.save(tmp_path / "m.safetensors")
    loaded = keras.saving.load_model(tmp_path / "m.safetensors")
    for m in (model, loaded):
        m.fit(x, y, verbose=0, shuffle=False)
    assert_same_weights(model, loaded)
    assert_same_weights(model.optimizer, loaded.optimizer)


def test_without_the_optimizer_the_slots_are_left_out(tmp_path):
    x, y = data()
    model = small_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.safetensors", include_optimizer=False)
    assert not [name for name in header_of(tmp_path / "m.safetensors") if "optimizer" in name]
    assert int(keras.saving.load_model(tmp_path / "m.safetensors").optimizer.iterations) == 0
    assert not keras.saving.load_model(tmp_path / "m.safetensors", compile=False).compiled


def test_the_weights_of_a_whole_model_load_into_another(tmp_path):
    model, other = small_model(), small_model()
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "m.safetensors")
    other.load_weights(tmp_path / "m.safetensors")
    for v, w in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


def test_weights_alone_are_no_model(tmp_path):
    small_model().save_weights(tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="holds weights alone"):
        keras.saving.load_model(tmp_path / "w.safetensors")


def test_a_topology_that_the_tensors_do_not_fit_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    keras.Sequential([keras.Input((2,)), layers.Dense(2, name="d")]).save(path)
    raw, header = path.read_bytes(), header_of(path)
    begin = 8 + struct.unpack("<Q", raw[:8])[0]

    def write(metadata):
        text = json.dumps({**header, "__metadata__": metadata}).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + raw[begin:])

    good = header["__metadata__"]
    write(good)
    keras.saving.load_model(path)
    config = json.loads(good["addax.model"])
    config["config"]["layers"][1]["config"]["units"] = 3
    for bad, message in (
        ({**good, "addax.model": "{"}, "not JSON"),
        ({**good, "addax.model": "[" * 10**5}, "not JSON"),
        ({**good, "addax.model": "[]"}, "must be an object"),
        ({**good, "addax.model": json.dumps(config)}, "d/kernel"),
        ({**good, "addax.model": 5}, "strings"),
        ([], "malformed"),
    ):
        write(bad)
        with pytest.raises(ValueError, match=message):
            keras.saving.load_model(path)
    write({**good, "addax.model": '{"class_name": "Evil", "config": {}, "module": "os"}'})
    with pytest.raises(TypeError, match="Evil"):
        keras.saving.load_model(path)


def test_every_dtype_and_shape_comes_back(tmp_path):
    class Holder(layers.Layer):
        def __init__(self):
            super().__init__()
            self.kept = [
                self.add_weight(shape=shape, dtype=dtype, name=f"{dtype}{i}", trainable=False)
                for dtype in ("float64", "float16", "bfloat16", "int64", "uint8", "bool", "float32")
                for i, shape in enumerate([(), (3,), (0, 2), (2, 1)])
            ]

        def call(self, x):
            return x

    model, other = (keras.Sequential([keras.Input((1,)), Holder()]) for _ in range(2))
    for i, v in enumerate(model.weights):
        v.assign((np.arange(v.numpy().size) + i).reshape(v.shape) % 3)
    model.save_weights(tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    for v, w in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy(), err_msg=v.name)


def test_the_package_safetensors_reads_what_is_written_and_the_other_way_round(tmp_path):
    numpy_files = pytest.importorskip("safetensors.numpy")
    from safetensors import safe_open

    model = small_model()
    model.save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        assert file.metadata()["format"] == "addax"
        names = set(file.keys())
    tensors = numpy_files.load_file(tmp_path / "m.safetensors")
    assert names == set(tensors) and len(tensors) == len(model.weights)
    np.testing.assert_array_equal(tensors[f"{model.layers[0].name}/kernel"], model.get_weights()[0])
    numpy_files.save_file({k: v * 2 for k, v in tensors.items()}, tmp_path / "w.safetensors")
    model.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(
        model.layers[0].kernel.numpy(), tensors[f"{model.layers[0].name}/kernel"] * 2
    )
