"""Folders with weights in codes of 8 or 16 bits, and with several weights files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import addax as keras
import numpy as np
import pytest
from addax import _core, layers
from saved_models import data, document, small_model

KINDS = ("uint8", "uint16", "float16")
GOLDEN = Path(__file__).parents[2] / "golden" / "converted"


def dense(values):
    model = keras.Sequential([keras.Input((len(values),)), layers.Dense(len(values[0]), name="d")])
    model.layers[0].kernel.assign(values)
    return model


def kernel_of(folder):
    return np.asarray(keras.saving.load_model(folder).layers[0].kernel)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_lose_little_and_zero_stays_exact(tmp_path, kind):
    values = np.random.default_rng(0).normal(size=(30, 20)).astype("float32")
    values[::3] = 0
    dense(values).save(tmp_path / "model", quantize=kind)
    loaded = kernel_of(tmp_path / "model")
    step = (values.max() - values.min()) / {"uint8": 255, "uint16": 65535}.get(kind, 1000)
    assert not loaded[::3].any()
    assert 0 < np.abs(loaded - values).max() <= step
    size = sum(p.stat().st_size for p in (tmp_path / "model").glob("*.bin"))
    assert size == (values.size + 20) * (1 if kind == "uint8" else 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, 0.3, -7.25])
def test_a_weight_of_one_value_stays_exact(tmp_path, kind, value):
    values = np.full((2, 3), value, "float32")
    dense(values).save(tmp_path / "model", quantize=kind)
    wanted = values.astype("float16").astype("float32") if kind == "float16" else values
    np.testing.assert_array_equal(kernel_of(tmp_path / "model"), wanted)


@pytest.mark.parametrize(("low", "high"), [(1.0, 3.0), (-3.0, -1.0)])
def test_weights_of_one_sign_use_all_codes(tmp_path, low, high):
    values = np.linspace(low, high, 12, dtype="float32").reshape(3, 4)
    dense(values).save(tmp_path / "model", quantize="uint8")
    np.testing.assert_allclose(kernel_of(tmp_path / "model"), values, atol=2 / 255 / 2 + 1e-6)


def test_the_codes_are_those_of_the_converter(tmp_path):
    keras.saving.load_model(GOLDEN / "conv").save(tmp_path / "model", quantize="uint8")

    def codes(folder):
        group = document(folder)["weightsManifest"][0]
        stored = b"".join((Path(folder) / path).read_bytes() for path in group["paths"])
        found, at = {}, 0
        for spec in group["weights"]:
            size = int(np.prod(spec["shape"]))
            found[spec["name"]] = np.frombuffer(stored[at : at + size], "u1"), spec["quantization"]
            at += size
        return found

    ours, theirs = codes(tmp_path / "model"), codes(GOLDEN / "conv_uint8")
    assert set(ours) == set(theirs)
    for name, (values, record) in theirs.items():
        np.testing.assert_array_equal(ours[name][0], values, err_msg=name)
        assert ours[name][1]["scale"] == pytest.approx(record["scale"], rel=1e-6)
        assert ours[name][1]["min"] == pytest.approx(record["min"], rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_python_and_the_programs_compute_with_what_the_codes_stand_for(tmp_path, kind):
    model = small_model()
    x, _ = data()
    model.save(tmp_path / "model", quantize=kind)
    loaded = keras.saving.load_model(tmp_path / "model")
    predicted = loaded.predict(x, verbose=0)
    assert np.abs(predicted - model.predict(x, verbose=0)).max() > 0
    program = _core.read_model(str(tmp_path / "model"), with_programs=True)[2]["predict"]
    np.testing.assert_allclose(_core.Executable(program).run([x])[0], predicted, atol=1e-6)
    # The self-check of the file was made with the same weights.
    check = document(tmp_path / "model")["userDefinedMetadata"]["addax"]["check"]
    from addax.saving.programs import decode_tensor

    (x,), (y,) = ([decode_tensor(e, "check") for e in check[k]] for k in ("inputs", "outputs"))
    np.testing.assert_allclose(loaded.predict(x, verbose=0), y, atol=1e-6)


def test_saving_leaves_the_model_and_the_state_of_its_optimizer_exact(tmp_path):
    model = small_model()
    x, y = data()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    model.save(tmp_path / "model", quantize="uint8")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    loaded = keras.saving.load_model(tmp_path / "model")
    for a, b in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=a.path)
    loaded.fit(x, y, verbose=0)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uint8", np.inf), ("uint16", np.nan), ("float16", 1e6), ("float16", np.inf)],
)
def test_a_number_without_a_code_is_refused_and_the_old_file_stays(tmp_path, kind, value):
    dense([[1.0, 2.0]]).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"'d/kernel' has the value .*without `quantize`"):
        dense([[value, 2.0]]).save(tmp_path / "model", quantize=kind)
    np.testing.assert_array_equal(kernel_of(tmp_path / "model"), [[1.0, 2.0]])


def test_several_weights_files_are_read_and_replaced_together(tmp_path):
    folder = tmp_path / "model"
    model = small_model()
    x, _ = data()
    model.save(folder, shard_size=100)
    shards = document(folder)["weightsManifest"][0]["paths"]
    count = len(shards)
    assert count > 3
    assert all(re.fullmatch(rf"weights-[0-9a-f]{{16}}-\d+of{count}\.bin", s) for s in shards)
    sizes = [(folder / shard).stat().st_size for shard in shards]
    assert set(sizes[:-1]) == {100} and 0 < sizes[-1] <= 100
    loaded = keras.saving.load_model(folder)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert "predict" in _core.read_model(str(folder), with_programs=True)[2]
    (folder / "notes-1of2.bin").write_text("of the user")
    model.layers[0].kernel.assign(model.layers[0].kernel + 1)
    model.save(folder, shard_size=250)
    names = set(os.listdir(folder))
    assert names == {
        *document(folder)["weightsManifest"][0]["paths"],
        "model.json",
        "notes-1of2.bin",
    }
    model.save(folder)
    assert len(os.listdir(folder)) == 3


def test_a_damaged_or_missing_shard_is_refused(tmp_path):
    folder = tmp_path / "model"
    small_model().save(folder, shard_size=100)
    shard = folder / document(folder)["weightsManifest"][0]["paths"][1]
    kept = shard.read_bytes()
    shard.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(ValueError, match="digest"):
        keras.saving.load_model(folder)
    shard.unlink()
    with pytest.raises(OSError, match=shard.name):
        keras.saving.load_model(folder)


@pytest.mark.parametrize(
    "options",
    [
        {"quantize": "int4"},
        {"quantize": 8},
        {"shard_size": 0},
        {"shard_size": -4},
        {"shard_size": 1.5},
        {"shard_size": True},
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        small_model().save(tmp_path / "model", **options)
    assert not (tmp_path / "model").exists()


def test_shards_without_number_are_refused(tmp_path):
    model = dense(np.zeros((200, 100), "float32"))
    with pytest.raises(ValueError, match="would be 80400 files"):
        model.save(tmp_path / "model", shard_size=1)


def test_the_options_are_for_folders(tmp_path):
    with pytest.raises(ValueError, match="`quantize` are for folders"):
        small_model().save(tmp_path / "model.keras", quantize="uint8")


def test_what_another_program_saved_is_not_taken_for_ours(tmp_path):
    """TensorFlow.js keeps our metadata when it trains and saves: it is out of date then."""
    model = small_model()
    x, _ = data()
    model.save(tmp_path / "model")
    saved = document(tmp_path / "model")
    saved["generatedBy"] = "TensorFlow.js tfjs-layers v4.22.0"
    saved["userDefinedMetadata"]["note"] = "mine"
    saved["userDefinedMetadata"]["addax"]["weightsDigest"] = "0" * 64
    saved["userDefinedMetadata"]["addax"]["state"] = "nonsense"
    (tmp_path / "model" / "model.json").write_text(json.dumps(saved))
    loaded = keras.saving.load_model(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded._user_metadata == {"note": "mine"}
    assert _core.read_model(str(tmp_path / "model"), with_programs=True)[2] == {}
