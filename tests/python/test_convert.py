"""`addax convert`: every format that is read becomes every format that is written."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import addax as keras
import interop_models
import numpy as np
import pytest
from addax import cli, layers
from addax.convert import convert

pytest.importorskip("h5py")

TFJS = Path(__file__).parents[1] / "golden" / "tfjs" / "rnn_adam"
SAVED = ("folder", "model.keras", "model.h5", "model.safetensors")
SOURCES = (*SAVED, "folder/model.json", "tfjs", "unzipped")
TARGETS = ("out", "out/model.json", "out.keras", "out.h5", "out.safetensors")

X = np.random.default_rng(0).normal(size=(6, 5, 3)).astype("float32")


def trained_model():
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((5, 3))
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(4))(x)
    x = layers.BatchNormalization()(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.GRU(3, reset_after=False)(x)))
    model.compile("adam", "mse")
    model.fit(X, np.ones((6, 2)), epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with a trained model in every format that `load_model` reads."""
    folder = tmp_path_factory.mktemp("saved")
    model = trained_model()
    for name in SAVED:
        model.save(folder / name)
    with zipfile.ZipFile(folder / "model.keras") as archive:
        archive.extractall(folder / "unzipped")
    model.save_weights(folder / "model.weights.h5")
    shutil.copytree(TFJS, folder / "tfjs")
    return folder


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_model_stays_the_same_in_another_format(saved, tmp_path, source, target):
    report = convert(saved / source, tmp_path / target)
    before = keras.models.load_model(saved / source)
    after = keras.models.load_model(tmp_path / target)
    np.testing.assert_array_equal(after.predict(X, verbose=0), before.predict(X, verbose=0))
    for model in (before, after):  # the optimizer's state came along
        model.fit(X, np.ones((6, 2)), epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(after.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (report.weights_apart, report.outputs_apart, report.not_run) == (0, 0, "")
    assert report.optimizer.startswith("Adam at step ")
    assert report.parameters == before.count_params() and report.layers == len(before.layers)


@pytest.mark.filterwarnings("ignore::UserWarning")  # what a browser does not know, for one
@pytest.mark.parametrize("name", interop_models.MODELS)
def test_each_kind_of_model_goes_through_all_formats_and_back(tmp_path, name):
    model = interop_models.build(name, keras)
    model.save(tmp_path / "first")
    formats = ["first", "second.keras", "third.h5", "fourth.safetensors", "last"]
    for source, target in itertools.pairwise(formats):
        report = convert(tmp_path / source, tmp_path / target)
        assert (report.weights_apart, report.outputs_apart, report.not_run) == (0, 0, "")
    last = keras.models.load_model(tmp_path / "last")
    for ours, theirs in zip(interop_models.outputs(last), interop_models.outputs(model)):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("source", SOURCES)
def test_the_weights_of_a_model_become_a_file(saved, tmp_path, source):
    report = convert(saved / source, tmp_path / "out.weights.h5")
    model = keras.models.load_model(saved / source)
    wanted = model.get_weights()
    model.set_weights([w * 0 for w in wanted])
    model.load_weights(tmp_path / "out.weights.h5")
    for have, want in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(have, want)
    assert report.outputs_apart == 0 and report.optimizer.startswith("Adam at step ")


@pytest.mark.parametrize("target", [*TARGETS, "out.weights.h5"])
def test_weights_become_a_model_with_the_model_that_they_belong_to(saved, tmp_path, target):
    other = keras.models.clone_model(keras.models.load_model(saved / "folder"))
    other.save(tmp_path / "other")
    convert(saved / "model.weights.h5", tmp_path / target, model=tmp_path / "other")
    if target == "out.weights.h5":
        other.load_weights(tmp_path / target)
    else:
        other = keras.models.load_model(tmp_path / target)
    wanted = keras.models.load_model(saved / "folder")
    np.testing.assert_array_equal(other.predict(X, verbose=0), wanted.predict(X, verbose=0))


def test_the_size_is_that_of_all_files_of_the_weights(saved, tmp_path):
    model = keras.models.load_model(saved / "folder")
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=1000 / 2**30)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) > 2
    target = tmp_path / "out"
    report = convert(tmp_path / "w.weights.json", target, model=saved / "folder")
    assert report.bytes_before == size
    assert report.bytes_after == sum(path.stat().st_size for path in target.iterdir())


def test_the_command_tells_what_was_converted(saved, tmp_path, capsys):
    target = tmp_path / "out.keras"
    assert cli.main(["convert", str(saved / "folder"), str(target)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{saved / 'folder'} → {target}"
    entries = {line[:13].strip(): line[14:] for line in lines[1:]}
    assert entries["layers"] == "6"
    assert entries["parameters"] == "212 (204 trainable)"
    assert entries["optimizer"] == "Adam at step 2"
    assert entries["size"].endswith(f" → {target.stat().st_size / 1e3:.1f} kB")
    assert entries["checked"] == "weights differ by 0, outputs for random inputs by 0"


def test_the_optimizer_can_be_left_out(saved, tmp_path, capsys):
    words = ["convert", str(saved / "folder"), str(tmp_path / "out"), "--no-optimizer"]
    assert cli.main(words) == 0
    assert "Adam, without its state" in capsys.readouterr().out
    document = json.loads((tmp_path / "out" / "model.json").read_text())
    groups = document["weightsManifest"]
    assert not [w for g in groups for w in g["weights"] if w.get("group") == "optimizer"]


def test_the_optimizer_can_be_left_out_of_weights(saved, tmp_path):
    report = convert(saved / "model.h5", tmp_path / "out.weights.h5", include_optimizer=False)
    assert report.optimizer == "none"
    model = keras.models.load_model(saved / "model.h5")
    steps = model.optimizer.iterations.numpy()
    model.optimizer.iterations.assign(7)
    model.load_weights(tmp_path / "out.weights.h5")
    assert steps == 2 and model.optimizer.iterations.numpy() == 7


@pytest.mark.parametrize(
    ("kind", "share", "near"), [("uint8", 4, 5e-2), ("uint16", 2, 1e-3), ("float16", 2, 5e-3)]
)
def test_weights_of_a_folder_become_short_codes(saved, tmp_path, capsys, kind, share, near):
    words = ["convert", str(saved / "folder"), str(tmp_path / "out"), "--quantize", kind]
    assert cli.main([*words, "--no-optimizer"]) == 0
    (told,) = (x for x in capsys.readouterr().out.splitlines() if "checked" in x)
    weights, outputs = map(float, re.findall(r"by ([\d.e-]+)", told))
    assert 0 < weights < near and 0 < outputs < near
    before, after = (keras.models.load_model(path) for path in (saved / "folder", tmp_path / "out"))
    differences = after.predict(X, verbose=0) - before.predict(X, verbose=0)
    assert 0 < abs(differences).max() < near
    (data,) = (tmp_path / "out").glob("*.bin")
    assert data.stat().st_size == pytest.approx(4 * before.count_params() / share, rel=0.1)


@pytest.mark.parametrize("source", ["folder", "unzipped"])
def test_a_keras_file_may_be_a_folder_of_its_members(saved, tmp_path, source):
    words = ["convert", str(saved / source), str(tmp_path / "out.keras")]
    assert cli.main([*words, "--unzipped"]) == 0
    names = {"config.json", "metadata.json", "model.weights.h5"}
    assert set(os.listdir(tmp_path / "out.keras")) == names
    after = keras.models.load_model(tmp_path / "out.keras")
    before = keras.models.load_model(saved / source)
    np.testing.assert_array_equal(after.predict(X, verbose=0), before.predict(X, verbose=0))
    assert cli.main(words) == 1 and cli.main([*words, "--overwrite"]) == 0
    assert set(os.listdir(tmp_path / "out.keras")) == names


def test_a_folder_does_not_take_the_place_of_a_file(saved, tmp_path, capsys):
    shutil.copy(saved / "model.keras", tmp_path / "out.keras")
    before = (tmp_path / "out.keras").read_bytes()
    words = ["convert", str(saved / "folder"), str(tmp_path / "out.keras")]
    assert cli.main([*words, "--unzipped", "--overwrite"]) == 1
    assert "is a file, whose place a folder cannot take" in capsys.readouterr().err
    assert (tmp_path / "out.keras").read_bytes() == before
    assert os.listdir(tmp_path) == ["out.keras"]


def test_weights_of_a_folder_are_cut_into_files(saved, tmp_path):
    words = ["convert", str(saved / "folder"), str(tmp_path / "out"), "--shard-size", "500"]
    assert cli.main(words) == 0
    sizes = [path.stat().st_size for path in (tmp_path / "out").glob("*.bin")]
    assert len(sizes) > 2 and max(sizes) == 500
    after = keras.models.load_model(tmp_path / "out")
    before = keras.models.load_model(saved / "folder")
    np.testing.assert_array_equal(after.predict(X, verbose=0), before.predict(X, verbose=0))


@pytest.mark.parametrize("target", ["out", "out.keras"])
def test_what_is_there_is_replaced_only_when_asked(saved, tmp_path, capsys, target):
    small = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    small.save(tmp_path / target)
    words = ["convert", str(saved / "folder"), str(tmp_path / target)]
    assert cli.main(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert len(keras.models.load_model(tmp_path / target).weights) == 2
    assert cli.main([*words, "--overwrite"]) == 0
    assert len(keras.models.load_model(tmp_path / target).weights) > 2


def test_other_files_in_the_target_folder_stay(saved, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    convert(saved / "model.keras", tmp_path / "out")
    convert(saved / "model.h5", tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    names = sorted(p.suffix for p in (tmp_path / "out").iterdir())
    assert names == [".bin", ".json", ".txt"]


@pytest.mark.parametrize(
    "words",
    [
        ("nothing", "out"),
        ("damaged.keras", "out"),
        ("folder", "no such folder/out"),
        ("folder", "out.txt"),
        ("folder", "out.keras", "--quantize", "uint8"),
        ("folder", "out", "--unzipped"),
        ("model.weights.h5", "out"),
    ],
)
def test_a_failure_ends_with_1_and_one_line_and_leaves_nothing(
    saved, tmp_path, capsys, monkeypatch, words
):
    shutil.copytree(saved, tmp_path / "saved")
    whole = (saved / "model.keras").read_bytes()
    (tmp_path / "saved" / "damaged.keras").write_bytes(whole[: len(whole) // 2])
    monkeypatch.chdir(tmp_path)
    source, *rest = words
    assert cli.main(["convert", str(Path("saved") / source), *rest]) == 1
    text = capsys.readouterr()
    assert text.err.startswith("addax: ") and text.err.count("\n") == 1
    assert text.out == "" and os.listdir() == ["saved"]


def test_a_target_that_came_out_otherwise_is_not_kept(saved, tmp_path, monkeypatch, capsys):
    from addax.models.model import Model

    whole = Model.save

    def forgetful(self, path, **options):
        self.weights[0].assign(self.weights[0] + 1e-3)
        whole(self, path, **options)
        self.weights[0].assign(self.weights[0] - 1e-3)

    monkeypatch.setattr(Model, "save", forgetful)
    assert cli.main(["convert", str(saved / "folder"), str(tmp_path / "out.keras")]) == 1
    assert "The weights came out otherwise, by up to 0.001" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_run_is_compared_by_its_weights(tmp_path, capsys):
    inputs = keras.Input((None, 4))
    sevens = layers.Reshape((-1, 7))(layers.Dense(4)(inputs))
    keras.Model(inputs, sevens).save(tmp_path / "model")  # 16 steps give no whole sevens
    assert cli.main(["convert", str(tmp_path / "model"), str(tmp_path / "out.keras")]) == 0
    assert "weights differ by 0; not run: " in capsys.readouterr().out
