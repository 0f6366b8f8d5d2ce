"""The native command line."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from c_library import built
from model_cases import make


@pytest.fixture(scope="module")
def program():
    path = built("addax-run")
    if path is None:
        pytest.skip("addax-run is not built: cmake --preset release, or tools/test")
    return path


@pytest.fixture
def run(program, tmp_path):
    def call(*words, code=0):
        done = subprocess.run(
            [program, *map(str, words)], capture_output=True, text=True, cwd=tmp_path, timeout=120
        )
        assert done.returncode == code, done.stderr
        assert bool(done.stderr) == (code != 0 and "DIFFERENT" not in done.stdout)
        return done.stdout if not done.stderr else done.stderr

    return call


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A model with two inputs and outputs, and its folder."""
    case = make("two_in_two_out")
    folder = tmp_path_factory.mktemp("models") / "two"
    case.model.save(folder)
    return case, folder


@pytest.fixture(scope="module")
def mlp(tmp_path_factory):
    case = make("mlp_adam")
    folder = tmp_path_factory.mktemp("models") / "mlp"
    case.model.save(folder)
    return case, folder


def test_a_summary_tells_what_the_model_is(run, two):
    case, folder = two
    text = run("summary", folder)
    assert re.search(r"^  a +\(None, 4\) +float32$", text, re.M)
    assert re.search(r"^  right +\(None, 1\) +float32$", text, re.M)
    for layer in case.model.layers:
        assert re.search(rf"^  {layer.name} +{type(layer).__name__}$", text, re.M)
    count = case.model.count_params()
    assert f"Parameters: {count:,} numbers, {4 * count:,} bytes" in text
    assert "Can: predict, train" in text


def test_predictions_are_those_of_python(run, two, tmp_path):
    case, folder = two
    x, _ = case.batch(0)
    for name, array in zip("ab", x, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    wanted = case.model.predict(x, verbose=0)
    run("predict", folder, "a.npy", "b.npy")
    run("predict", folder, "a.npy", "b.npy", "--output", "l.npy", "--output=r.npy")
    for names in (("left.npy", "right.npy"), ("l.npy", "r.npy")):
        for name, theirs in zip(names, wanted, strict=True):
            ours = np.load(tmp_path / name)
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_both_versions_and_all_floats_are_read(run, mlp, tmp_path, version, dtype):
    case, folder = mlp
    x = case.batch(0)[0][0].astype(dtype)
    with open(tmp_path / "x.npy", "wb") as file:
        np.lib.format.write_array(file, x, version=version)
    run("predict", folder, "x.npy", "--output", "y.npy")
    wanted = case.model.predict(x.astype("float32"), verbose=0)
    assert np.array_equal(np.load(tmp_path / "y.npy"), wanted)


def header(text, version=b"\x01\x00"):
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


GOOD = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 12), }\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "cut off"),
        (b"PK\x03\x04" + bytes(60), "not a .npy file"),
        (header(GOOD, b"\x03\x00") + bytes(48), "version other than"),
        (header(GOOD)[:40], "cut off"),
        (header(GOOD) + bytes(47), "holds 47 bytes of data; shape (1, 12) of float32 needs 48"),
        (header(GOOD) + bytes(49), "holds 49 bytes"),
        (header(GOOD.replace(b"False", b"True")) + bytes(48), "Fortran order"),
        (header(GOOD.replace(b"<f4", b">f4")) + bytes(48), "type '>f4'"),
        (header(GOOD.replace(b"<f4", b"|O")) + bytes(48), "type '|O'"),
        (header(GOOD.replace(b"1, 12", b"-1, 12")) + bytes(48), "header that no"),
        (header(GOOD.replace(b"1, 12", b"99999999999999999999, 12")), "header that no"),
        (header(GOOD.replace(b"1, 12", b"4611686018427387904, 12")), ""),
        (header(GOOD.replace(b"1, 12", b"281474976710656, 1")), ""),
        (header(GOOD.replace(b"1, 12", b"1," * 9)), "more than 8 dimensions"),
        (header(GOOD.replace(b"'shape'", b"'descr'")), "header that no"),
        (header(GOOD[:-3] + b" __import__('os') }\n"), "header that no"),
        (header(b"{}"), "header that no"),
    ],
)
def test_a_file_that_is_no_array_is_refused(run, mlp, tmp_path, data, text):
    (tmp_path / "x.npy").write_bytes(data)
    assert text in run("predict", mlp[1], "x.npy", code=1)


def test_arrays_that_do_not_fit_are_named(run, mlp, tmp_path):
    np.save(tmp_path / "wide.npy", np.zeros((2, 13), "float32"))
    np.save(tmp_path / "ids.npy", np.zeros((2, 12), "int32"))
    assert "13" in run("predict", mlp[1], "wide.npy", code=1)
    assert "must be float32; received int32" in run("predict", mlp[1], "ids.npy", code=1)
    assert "cannot read 'none.npy'" in run("predict", mlp[1], "none.npy", code=1)


def test_names_from_a_file_cannot_command_the_terminal(run, mlp, tmp_path):
    shutil.copytree(mlp[1], tmp_path / "m")
    document = json.loads((tmp_path / "m" / "model.json").read_text())
    config = document["userDefinedMetadata"]["addax"]["config"]["config"]
    config["name"] = "a\x1b[2Jb\x9b1mc\u00e9"
    config["layers"][1]["config"]["name"] = "d\x07\n"
    (tmp_path / "m" / "model.json").write_text(json.dumps(document))
    text = run("summary", tmp_path / "m")
    assert text.startswith('Model: "a\\x1b[2Jb\\x9b1mc\u00e9"\n')
    assert "  d\\x07\\x0a  " in text
    document["weightsManifest"][0]["weights"][0]["name"] = "\x1b[2J"
    document["weightsManifest"][0]["weights"][0]["dtype"] = "x"
    (tmp_path / "m" / "model.json").write_text(json.dumps(document))
    assert "weight '\\x1b[2J'" in run("summary", tmp_path / "m", code=1)


def test_verify_tells_a_file_whose_pair_differs(run, mlp, tmp_path):
    assert run("verify", mlp[1]) == "equal: the largest difference is 0, the tolerance 0.0001\n"
    copy = tmp_path / "m"
    shutil.copytree(mlp[1], copy)
    document = json.loads((copy / "model.json").read_text())
    check = document["userDefinedMetadata"]["addax"]["check"]
    check["outputs"][0]["data"] = "AAAA" * (len(check["outputs"][0]["data"]) // 4)
    (copy / "model.json").write_text(json.dumps(document))
    assert run("verify", copy, code=1).startswith("DIFFERENT")
    run("verify", copy, "--tolerance", "2")
    del document["userDefinedMetadata"]["addax"]["check"]
    (copy / "model.json").write_text(json.dumps(document))
    assert "no pair" in run("verify", copy, code=1)


def test_bench_prints_a_row_per_batch_and_thread_count(run, mlp):
    text = run("bench", mlp[1], "--batch", "1,3", "--threads=1,2", "--seconds", "0.01")
    lines = text.splitlines()
    assert lines[0].split() == ["batch", "threads", "p50", "p90", "p99", "max", "samples/s", "runs"]
    assert [tuple(line.split()[:2]) for line in lines[1:]] == [
        ("1", "1"),
        ("3", "1"),
        ("1", "2"),
        ("3", "2"),
    ]
    assert all(re.fullmatch(r"( +\d+){2}( +\d+\.\d\d (µs|ms)){4}( +\d+){2}", s) for s in lines[1:])


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("dance", "M"),
        ("summary",),
        ("summary", "M", "more"),
        ("verify", "M", "--tolerance"),
        ("verify", "M", "--tolerance", "-1"),
        ("verify", "M", "--tolerance", "x"),
        ("bench", "M", "--batch", "0"),
        ("bench", "M", "--batch", "1,,2"),
        ("bench", "M", "--wrong", "1"),
        ("predict", "M"),
        ("predict", "M", "x.npy", "--output", "a", "--output", "b"),
    ],
)
def test_a_wrong_command_line_ends_with_2(run, mlp, words):
    assert "addax-run: " in run(*[mlp[1] if w == "M" else w for w in words], code=2)


def test_a_missing_model_ends_with_1(run):
    assert "nothing" in run("summary", "nothing", code=1)


def test_help_is_printed(run):
    assert run("--help").startswith("usage: addax-run COMMAND MODEL")
