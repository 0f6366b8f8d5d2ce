"""`addax`, the command line: `python -m addax` in a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import addax as keras
import numpy as np
import pytest
from addax import layers


@pytest.fixture
def run(tmp_path):
    environment = dict(os.environ)
    environment["PYTHONPATH"] = str(Path(keras.__file__).parents[1])

    def call(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "addax", *map(str, words)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
            env=environment,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code == 2 or (code and done.stderr) else done.stdout

    return call


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model with two inputs and outputs, and its folder."""
    keras.utils.set_random_seed(3)
    a, b = layers.Input((4,), name="a"), layers.Input((None, 3), name="b")
    merged = layers.concatenate([a, layers.GlobalAveragePooling1D()(b)])
    outputs = [layers.Dense(2, name="left")(merged), layers.Dense(1, name="right")(merged)]
    model = keras.Model([a, b], outputs, name="two")
    folder = tmp_path_factory.mktemp("models") / "two"
    model.save(folder)
    return model, folder


def test_a_summary_is_printed(run, saved):
    text = run("summary", saved[1])
    assert 'Model: "two"' in text and "Total params: 24" in text.replace(" (", "\n")


def test_predictions_go_into_a_file_per_output(run, saved, tmp_path):
    model, folder = saved
    x = [np.ones((2, 4), "float32"), np.ones((2, 5, 3), "float32")]
    for name, array in zip("ab", x):
        np.save(tmp_path / f"{name}.npy", array)
    run("predict", folder, "a.npy", "b.npy")
    run("predict", folder, "a.npy", "b.npy", "--output", "l.npy", "--output", "r")
    for names in (("left.npy", "right.npy"), ("l.npy", "r")):
        for name, wanted in zip(names, model.predict(x, verbose=0)):
            assert np.array_equal(np.load(tmp_path / name), wanted)


def test_inputs_in_a_dict_are_given_in_the_order_of_the_summary(run, tmp_path):
    a, b = layers.Input((4,), name="a"), layers.Input((None, 4), name="b")
    model = keras.Model({"b": b, "a": [a]}, layers.Add()([a, layers.GlobalMaxPooling1D()(b)]))
    model.save(tmp_path / "m")
    x = {"a": np.ones((2, 4), "float32"), "b": np.full((2, 5, 4), 2, "float32")}
    for name in x:
        np.save(tmp_path / f"{name}.npy", x[name])
    files = [f"{tensor.name}.npy" for tensor in model.inputs]
    run("predict", "m", *files, "--output", "y.npy")
    assert (np.load(tmp_path / "y.npy") == 3).all()
    assert run("verify", "m").startswith("equal")
    assert run("bench", "m", "--batch", "2", "--threads", "1", "--seconds", "0.01")


def test_verify_tells_a_file_whose_pair_differs(run, saved, tmp_path):
    model, _ = saved
    model.save(tmp_path / "m")
    wanted = "equal: the largest difference is 0, the tolerance 0.0001\n"
    assert run("verify", tmp_path / "m") == wanted
    assert run("verify", tmp_path / "m" / "model.json") == wanted
    path = tmp_path / "m" / "model.json"
    document = json.loads(path.read_text())
    check = document["userDefinedMetadata"]["addax"]["check"]
    data = check["outputs"][0]["data"]
    check["outputs"][0]["data"] = "A" * (len(data) - 4) + data[-4:]
    path.write_text(json.dumps(document))
    assert run("verify", "m", code=1).startswith("DIFFERENT")
    run("verify", "m", "--tolerance", "10")
    del document["userDefinedMetadata"]["addax"]["check"]
    path.write_text(json.dumps(document))
    assert "no pair" in run("verify", "m", code=1)


def test_verify_wants_a_file_that_holds_a_pair(run, saved, tmp_path):
    pytest.importorskip("h5py")
    model, _ = saved
    for name, options in (("zip", {}), ("folder", {"zipped": False})):
        model.save(tmp_path / f"{name}.keras", **options)
        assert "no pair" in run("verify", tmp_path / f"{name}.keras", code=1)


def test_bench_prints_a_row_per_batch_and_thread_count(run, saved):
    text = run("bench", saved[1], "--batch", "1,3", "--threads", "1,2", "--seconds", "0.01")
    lines = text.splitlines()
    assert lines[0].split() == ["batch", "threads", "p50", "p90", "p99", "max", "samples/s", "runs"]
    pairs = [tuple(map(int, line.split()[:2])) for line in lines[1:]]
    assert pairs == [(1, 1), (3, 1), (1, 2), (3, 2)]
    assert all(re.fullmatch(r"( *\d+){2}( +\d+\.\d\d (µs|ms)){4}( +\d+){2}", s) for s in lines[1:])


@pytest.mark.parametrize(
    "words",
    [
        ("dance",),
        ("summary",),
        ("verify", "M", "--tolerance", "-1"),
        ("bench", "M", "--batch", "0"),
        ("bench", "M", "--open", "3,4"),
        ("--include-dir", "summary", "M"),
        ("predict", "M"),
        ("predict", "M", "x.npy"),
        ("predict", "M", "x.npy", "x.npy", "--output", "y.npy"),
    ],
)
def test_a_wrong_command_line_ends_with_2(run, saved, tmp_path, words):
    np.save(tmp_path / "x.npy", np.zeros((1, 4), "float32"))
    assert "addax" in run(*[saved[1] if w == "M" else w for w in words], code=2)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("summary", "nothing"), "File not found"),
        (("summary", "deep/model.json"), "deep"),
        (("verify", "text.txt"), "not supported"),
        (("predict", "M", "text.txt", "text.txt"), "text.txt is no .npy file"),
        (("predict", "M", "empty.npy", "empty.npy"), "empty.npy is no .npy file"),
        (("predict", "M", "two.npz", "two.npz"), "two.npz is no .npy file"),
        (("predict", "M", "names.npy", "names.npy"), "names.npy is no .npy file"),
    ],
)
def test_a_failure_ends_with_1_and_one_line(run, saved, tmp_path, words, text):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "model.json").write_text("[" * 100_000)
    (tmp_path / "text.txt").write_bytes(b"no array")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "two.npz", np.ones(2), np.ones(3))
    np.save(tmp_path / "names.npy", np.array(["a", None], dtype=object))
    said = run(*[saved[1] if w == "M" else w for w in words], code=1)
    assert said.startswith("addax: ") and said.count("\n") == 1
    assert text in said
