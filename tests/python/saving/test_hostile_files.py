"""Damaged and hostile files of a model: an exception that names the problem, never worse."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import subprocess
import sys

import addax as keras
import pytest
from addax import layers
from hostile_files import read, refused, weights_file, write

# ---- Bytes


@pytest.mark.parametrize("part", ["model.json", "weights"])
def test_truncated_files_are_refused(folder, part):
    path = folder / "model.json" if part == "model.json" else weights_file(folder)
    whole = path.read_bytes()
    for length in sorted({0, 1, 7, len(whole) // 3, len(whole) // 2, len(whole) - 1}):
        path.write_bytes(whole[:length])
        refused(folder)
    path.write_bytes(whole + b"x")
    refused(folder)


def test_flipped_bits_of_weights_are_found_by_the_digest(folder):
    path = weights_file(folder)
    whole = bytearray(path.read_bytes())
    for seed in range(20):
        place = random.Random(seed)
        at = place.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[at] ^= 1 << place.randrange(8)
        path.write_bytes(damaged)
        refused(folder, "digest")


FLIPPER = """
import random, sys, pathlib
sys.path.insert(0, sys.argv[3])
from hostile_files import run_all
folder, first = pathlib.Path(sys.argv[1]), int(sys.argv[2])
path = folder / "model.json"
whole = path.read_bytes()
refused = 0
for seed in range(first, first + 150):
    place = random.Random(seed)
    damaged = bytearray(whole)
    for _ in range(place.choice((1, 1, 1, 2, 8))):
        at = place.randrange(len(damaged))
        how = place.randrange(4)
        if how == 0:
            damaged[at] ^= 1 << place.randrange(8)
        elif how == 1:
            damaged[at] = place.choice(b'0123456789-."[]{},:enft')
        elif how == 2:
            del damaged[at : at + place.randrange(1, 9)]
        else:
            damaged[at:at] = damaged[at : at + place.randrange(1, 9)]
    path.write_bytes(damaged)
    print("seed", seed, flush=True)
    refused += not run_all(folder)
print("done", refused, flush=True)
"""


@pytest.mark.parametrize("kind", ["own", "plain"])
def test_flipped_bits_of_the_json_load_or_are_refused(request, kind):
    folder = request.getfixturevalue("folder" if kind == "own" else "plain")
    # In a process of its own, so that a crash is a failure and not the end of the tests.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "ignore",
    }
    here = os.path.dirname(__file__)
    done = subprocess.run(
        [sys.executable, "-c", FLIPPER, str(folder), str(random.randrange(10**9)), here],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-60:] + done.stderr[-3000:]
    refused = int(done.stdout.splitlines()[-1].removeprefix("done "))
    assert refused, "no damage was noticed"


def test_bytes_that_are_no_json_of_a_model_are_refused(folder):
    for text in (
        b"",
        b"[]",
        b"null",
        b"{}",
        b"{" * 10000,
        b"[" * 10000 + b"]" * 10000,
        b'{"modelTopology": {"a": ' + b'{"a": ' * 500 + b"1" + b"}" * 502,
        b'{"modelTopology": NaN}',
        b'{"modelTopology": 1e999}',
        b'\xef\xbb\xbf{"modelTopology": {}}',
        b'{"modelTopology": "\xff\xfe"}',
        b'{"modelTopology": {}} x',
        b'{"modelTopology": {}, "modelTopology": {}}',
        b'{"modelTopology": {"node": [], "library": {}}}',
    ):
        (folder / "model.json").write_bytes(text)
        refused(folder)


# ---- Paths


@pytest.mark.parametrize(
    "path",
    [
        "../secret.bin",
        "a/../../secret.bin",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a//b",
        "C:\\weights.bin",
        "..\\secret.bin",
        "file:///etc/passwd",
        "weights\u0000.bin",
        "a" * 300,
        5,
        None,
        ["weights.bin"],
    ],
)
def test_paths_that_leave_the_folder_are_refused(folder, path):
    (folder.parent / "secret.bin").write_bytes(weights_file(folder).read_bytes())
    document = read(folder)
    document["weightsManifest"][0]["paths"] = [path]
    write(folder, document)
    refused(folder)


def test_links_fifos_and_devices_are_not_opened(folder):
    path = weights_file(folder)
    outside = folder.parent / "outside.bin"
    shutil.copy(path, outside)
    path.unlink()
    path.symlink_to(outside)
    refused(folder, "link")
    path.unlink()
    os.mkfifo(path)
    refused(folder, "regular")
    path.unlink()
    path.mkdir()
    refused(folder)
    path.rmdir()
    document = read(folder)
    (folder / "sub").symlink_to(folder.parent)
    document["weightsManifest"][0]["paths"] = ["sub/outside.bin"]
    write(folder, document)
    refused(folder, "link")


def test_bytes_that_are_no_utf_8_are_quoted(folder):
    (folder / "model.json").write_bytes(b'{"format": "\xff\xfe"}')
    error = refused(folder, match=r"model\.json.*\\xff")
    assert type(error) is ValueError


def test_a_fifo_as_model_json_does_not_hang(folder):
    (folder / "model.json").unlink()
    os.mkfifo(folder / "model.json")
    refused(folder, "regular")


# ---- The manifest


def manifest_changes():
    def shape(value):
        return lambda specs: specs[0].update(shape=value)

    yield "negative", shape([-6, -8])
    yield "fractional", shape([6.0, 8])
    yield "text", shape(["6", 8])
    yield "none", shape([None, 8])
    yield "bool", shape([True, 48])
    yield "no list", shape(48)
    yield "huge", shape([2**31, 2**31])
    yield "overflow", shape([2**62, 4])
    yield "beyond 64 bits", shape([2**70])
    yield "wraps to its size", shape([2**63 + 6, 8])
    yield "transposed", shape([8, 6])
    yield "rank 100", shape([1] * 100)
    yield "many zeros", shape([0, 2**30])
    yield "dtype", lambda specs: specs[0].update(dtype="float128")
    yield "other dtype", lambda specs: specs[0].update(dtype="int32")
    yield "string dtype", lambda specs: specs[0].update(dtype="string")
    yield "no dtype", lambda specs: specs[0].pop("dtype")
    yield "no name", lambda specs: specs[0].pop("name")
    yield "name no text", lambda specs: specs[0].update(name=3)
    yield "duplicate", lambda specs: specs.append(copy.deepcopy(specs[0]))
    yield "missing", lambda specs: specs.pop(0)
    yield "extra", lambda specs: specs.append({"name": "x", "shape": [0], "dtype": "float32"})
    yield "renamed", lambda specs: specs[0].update(name="other/kernel")
    yield "no spec", lambda specs: specs.insert(0, 7)
    yield "quantized oddly", lambda specs: specs[0].update(quantization={"dtype": "int4"})
    yield "scale missing", lambda specs: specs[0].update(quantization={"dtype": "uint8"})
    yield (
        "scale infinite",
        lambda specs: specs[0].update(quantization={"dtype": "uint8", "scale": 1e999, "min": 0}),
    )


@pytest.mark.parametrize("kind", ["own", "plain"])
@pytest.mark.parametrize("name", [name for name, _ in manifest_changes()])
def test_manifests_that_do_not_fit_are_refused(request, name, kind):
    folder = request.getfixturevalue("folder" if kind == "own" else "plain")
    document = read(folder)
    dict(manifest_changes())[name](document["weightsManifest"][0]["weights"])
    write(folder, document)
    refused(folder)


def test_shards_given_twice_or_missing_are_refused(folder):
    document = read(folder)
    paths = document["weightsManifest"][0]["paths"]
    document["weightsManifest"][0]["paths"] = paths * 2
    write(folder, document)
    refused(folder, "twice")
    document["weightsManifest"][0]["paths"] = []
    write(folder, document)
    refused(folder)
    document["weightsManifest"] = document["weightsManifest"] * 2
    write(folder, document)
    refused(folder)
    document["weightsManifest"] = {"paths": paths}
    write(folder, document)
    refused(folder)


# ---- Other containers


def test_damaged_safetensors_are_refused(tmp_path):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, name="d")])
    path = tmp_path / "w.safetensors"

    def header(text, data=b"\0" * 24):
        text = text if isinstance(text, bytes) else json.dumps(text).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data)

    kernel = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}
    bias = {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]}
    header({"d/kernel": kernel, "d/bias": bias})
    model.load_weights(path)
    for bad in (
        {"d/kernel": kernel},
        {"d/kernel": kernel, "d/bias": {**bias, "data_offsets": [8, 16]}},
        {"d/kernel": kernel, "d/bias": {**bias, "data_offsets": [16, 32]}},
        {"d/kernel": kernel, "d/bias": {**bias, "data_offsets": [2**64 - 8, 2**64]}},
        {"d/kernel": {**kernel, "shape": [-2, -2]}, "d/bias": bias},
        {"d/kernel": {**kernel, "shape": [2.0, 2]}, "d/bias": bias},
        {"d/kernel": {**kernel, "dtype": "F8"}, "d/bias": bias},
        {"d/kernel": {**kernel, "dtype": ["F32"]}, "d/bias": bias},
        {"d/kernel": kernel, "d/bias": 5},
        [],
        b"{",
        b"{" * 5000,
        b'{"d/kernel": 1, "d/kernel": 2}',
    ):
        header(bad)
        with pytest.raises(ValueError):
            model.load_weights(path)
    for raw in (b"", b"\0" * 7, b"\xff" * 16, (2**63).to_bytes(8, "little") + b"{}"):
        path.write_bytes(raw)
        with pytest.raises(ValueError):
            model.load_weights(path)
