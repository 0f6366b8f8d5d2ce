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
        ("predict", "M"),
        ("predict", "M", "x.npy"),
        ("predict", "M", "x.npy", "x.npy", "--output", "y.npy"),
    ],
)
def test_a_wrong_command_line_ends_with_2(run, saved, tmp_path, words):
    np.save(tmp_path / "x.npy", np.zeros((1, 4), "float32"))
    assert "addax" in run(*[saved[1] if w == "M" else w for w in words], code=2)


def test_a_failure_ends_with_1_and_one_line(run, saved, tmp_path):
    (tmp_path / "bad.npy").write_bytes(b"no array")
    for words in (("summary", "nothing"), ("predict", saved[1], "bad.npy", "bad.npy")):
        text = run(*words, code=1)
        assert text.startswith("addax: ") and text.count("\n") == 1
