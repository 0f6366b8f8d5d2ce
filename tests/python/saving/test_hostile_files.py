"""Damaged and hostile model folders: an exception that names the problem, never worse."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import os
import random
import shutil
import subprocess
import sys

import addax as keras
import numpy as np
import pytest
from addax import _core, layers

# What a malformed file may raise.
CLEAN = (ValueError, TypeError, OSError)


def make_model():
    a = keras.Input((6,), name="a")
    x = layers.Dense(8, activation="relu", name="first")(a)
    x = layers.Reshape((4, 2), name="reshape")(x)
    x = layers.Conv1D(3, 2, name="conv")(x)
    x = layers.LSTM(3, name="lstm")(x)
    inner = keras.Sequential(
        [keras.Input((3,)), layers.BatchNormalization(name="norm"), layers.Dropout(0.3)],
        name="inner",
    )
    x = layers.Concatenate(name="both")([inner(x), x])
    model = keras.Model(a, layers.Dense(2, name="out")(x), name="net")
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 6)), np.zeros((4, 2)), verbose=0)
    return model


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "model"
    make_model().save(folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    shutil.copytree(original, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def plain(folder):
    """A folder as other programs write it, without our section."""
    document = read(folder)
    del document["userDefinedMetadata"]
    write(folder, document)
    return folder


def read(folder):
    return json.loads((folder / "model.json").read_text())


def write(folder, document):
    (folder / "model.json").write_text(json.dumps(document))


def weights_file(folder):
    return next(p for p in folder.iterdir() if p.suffix == ".bin")


def refused(folder, match=None, kinds=CLEAN):
    with pytest.raises(kinds, match=match) as caught:
        keras.saving.load_model(folder)
    assert len(str(caught.value)) > 10, "the message says nothing"
    return caught.value


def run_all(folder):
    """Loads the file in every way there is; returns whether it was accepted."""
    accepted = True
    try:
        model = keras.saving.load_model(folder)
        model.predict(np.ones((2, 6), "float32"), verbose=0)
    except CLEAN:
        accepted = False
    try:
        _, _, programs = _core.read_model(str(folder), with_programs=True)
        for program in programs.values():
            try:
                count = len(program.input_names)
                inputs = [np.ones((2, 6), "float32"), np.ones((2, 2), "float32")][:count]
                _core.Executable(program).run(inputs)
            except (*CLEAN, IndexError, MemoryError, RuntimeError):
                pass
    except CLEAN:
        accepted = False
    return accepted


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
from test_hostile_files import run_all
folder, first = pathlib.Path(sys.argv[1]), int(sys.argv[2])
path = folder / "model.json"
whole = path.read_bytes()
accepted = 0
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
    accepted += run_all(folder)
print("done", accepted, flush=True)
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
    assert "done" in done.stdout


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


# ---- The topology


def layers_of(document, kind):
    if kind == "own":
        return document["userDefinedMetadata"]["addax"]["config"]["config"]["layers"]
    return document["modelTopology"]["config"]["layers"]


def entry_of(document, kind, name):
    return next(e for e in layers_of(document, kind) if e["config"].get("name") == name)


BAD_SIZES = [-1, 0, 0.5, 2**31, 2**40, 2**63, 2**100, "8", None, True, [], {}, 1e300, [8]]


@pytest.mark.parametrize("kind", ["own", "plain"])
@pytest.mark.parametrize(
    ("layer", "key"),
    [
        ("first", "units"),
        ("conv", "filters"),
        ("conv", "kernel_size"),
        ("conv", "strides"),
        ("conv", "dilation_rate"),
        ("conv", "groups"),
        ("lstm", "units"),
        ("reshape", "target_shape"),
        ("both", "axis"),
        ("out", "units"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(request, kind, layer, key):
    folder = request.getfixturevalue("folder" if kind == "own" else "plain")
    document = read(folder)
    entry = entry_of(document, kind, layer)
    old = entry["config"][key]
    for bad in BAD_SIZES:
        for value in (bad, [bad], [bad, bad]):
            if value in (old, [old]) or [value] == old:
                continue
            entry["config"][key] = value
            write(folder, document)
            run_all(folder)


def test_a_small_file_cannot_ask_for_much_memory(plain):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    document = read(plain)
    entry_of(document, "plain", "first")["config"]["units"] = 2**28
    write(plain, document)
    refused(plain, "weight")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def graph_changes():
    def nodes(name, value):
        return lambda d: entry_of(d, "plain", name).update(inbound_nodes=value)

    yield "cycle", nodes("first", [[["out", 0, 0, {}]]])
    yield "itself", nodes("first", [[["first", 0, 0, {}]]])
    yield "unknown layer", nodes("first", [[["nobody", 0, 0, {}]]])
    yield "node index", nodes("first", [[["a", 7, 0, {}]]])
    yield "negative node", nodes("first", [[["a", -1, 0, {}]]])
    yield "tensor index", nodes("first", [[["a", 0, 3, {}]]])
    yield "huge index", nodes("first", [[["a", 2**70, 0, {}]]])
    yield "text index", nodes("first", [[["a", "0", 0, {}]]])
    yield "no list", nodes("first", {"a": 1})
    yield "kwargs", nodes("first", [[["a", 0, 0, {"nonsense": 1}]]])
    yield "kwargs no dict", nodes("first", [[["a", 0, 0, 5]]])
    yield "deep", nodes("first", [[[[[[[["a", 0, 0, {}]]]]]]]])
    yield "never called", nodes("out", [])
    yield "same names", lambda d: layers_of(d, "plain").append(layers_of(d, "plain")[1])
    yield "no layers", lambda d: d["modelTopology"]["config"].update(layers=[])
    yield "layers no list", lambda d: d["modelTopology"]["config"].update(layers={"a": 1})
    yield (
        "output unknown",
        lambda d: d["modelTopology"]["config"].update(output_layers=[["x", 0, 0]]),
    )
    yield "no output", lambda d: d["modelTopology"]["config"].update(output_layers=[])
    yield "no input", lambda d: d["modelTopology"]["config"].update(input_layers=[])
    yield (
        "input no input",
        lambda d: d["modelTopology"]["config"].update(input_layers=[["lstm", 0, 0]]),
    )
    yield "class unknown", lambda d: entry_of(d, "plain", "first").update(class_name="Mystery")
    yield "class no text", lambda d: entry_of(d, "plain", "first").update(class_name=["Dense"])
    yield "config no dict", lambda d: layers_of(d, "plain")[1].update(config=3)
    yield "no topology", lambda d: d.pop("modelTopology")
    yield "topology a list", lambda d: d.update(modelTopology=[])
    yield (
        "topology a layer",
        lambda d: d.update(modelTopology={"class_name": "Dense", "config": {"units": 3}}),
    )
    yield "unknown keyword", lambda d: entry_of(d, "plain", "first")["config"].update(evil=1)
    yield "name no text", lambda d: entry_of(d, "plain", "first")["config"].update(name=[1])
    yield "dtype", lambda d: entry_of(d, "plain", "first")["config"].update(dtype="float31")
    yield "activation", lambda d: entry_of(d, "plain", "first")["config"].update(activation="os")
    yield (
        "shape",
        lambda d: entry_of(d, "plain", "a")["config"].update(batch_input_shape=[None, -6]),
    )
    yield (
        "shape text",
        lambda d: entry_of(d, "plain", "a")["config"].update(batch_input_shape=[None, "6"]),
    )
    yield (
        "shape huge",
        lambda d: entry_of(d, "plain", "a")["config"].update(batch_input_shape=[None, 2**62]),
    )


@pytest.mark.parametrize("name", [name for name, _ in graph_changes()])
def test_graphs_that_do_not_fit_are_refused(plain, name):
    document = read(plain)
    dict(graph_changes())[name](document)
    write(plain, document)
    refused(plain)


def nested(depth):
    config = {"class_name": "Dense", "config": {"units": 1}}
    for i in range(depth):
        config = {"class_name": "Sequential", "config": {"name": f"s{i}", "layers": [config]}}
    return config


def test_models_nested_without_end_are_refused(plain):
    document = read(plain)
    for depth in (30, 62):  # the JSON's own depth is bounded, too
        document["modelTopology"] = nested(depth)
        write(plain, document)
        refused(plain)


# ---- Code

TOUCHED = []


def touch(*args, **kwargs):
    TOUCHED.append(args)


GADGETS = [
    {"module": "os", "class_name": "system", "config": {"command": "touch /tmp/pwned"}},
    {"module": "builtins", "class_name": "eval", "config": {"source": "1"}},
    {"module": "builtins", "class_name": "function", "config": "eval"},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
    {"module": "addax.utils", "class_name": "get_file", "config": {"fname": "x", "origin": "y"}},
    {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "http://x"}},
    {"module": "keras.saving", "class_name": "load_model", "config": {"filepath": "/tmp/x"}},
    {"module": "keras.config", "class_name": "enable_unsafe_deserialization", "config": {}},
    {"module": "tests.saving.test_hostile_files", "class_name": "touch", "config": {}},
    {
        "module": "test_hostile_files",
        "class_name": "touch",
        "config": {},
        "registered_name": "touch",
    },
    {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}},
    {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gASV"}},
    {"module": "keras.layers", "class_name": "__init__", "config": {}},
    {"module": "keras.layers", "class_name": "Layer.__subclasses__", "config": {}},
    {"module": "keras.layers.importlib", "class_name": "import_module", "config": {"name": "os"}},
    {"class_name": "__lambda__", "config": {"code": "4wAAAAAAAAA="}},
    {"module": "keras.ops", "class_name": "__import__", "config": {"name": "os"}},
]
LAMBDAS = [
    {"class_name": "__lambda__", "config": {"code": "4wAAAAAAAAA=", "defaults": None}},
    ["4wAAAAAAAAA=", None, None],
    "4wAAAAAAAAA=",
    {"class_name": "function", "module": "builtins", "config": "eval"},
    {"class_name": "function", "module": "os", "config": "system"},
    "eval",
    "os.system",
    "__import__",
    "touch",
]


@pytest.mark.parametrize("place", ["layer", "activation", "initializer", "regularizer", "loss"])
@pytest.mark.parametrize("number", range(len(GADGETS)))
def test_nothing_is_run_or_imported_by_name(folder, number, place):
    gadget = GADGETS[number]
    document = read(folder)
    section = document["userDefinedMetadata"]["addax"]
    entry = entry_of(document, "own", "first")
    if place == "layer":
        entry.update(gadget)
    elif place == "loss":
        section["compileConfig"]["loss"] = gadget
    else:
        key = {"activation": "activation"}.get(place, f"kernel_{place}")
        entry["config"][key] = gadget
    write(folder, document)
    loaded = set(sys.modules)
    refused(folder)
    assert not TOUCHED
    assert not {"importlib.metadata", "subprocess"} & (set(sys.modules) - loaded)


@pytest.mark.parametrize("number", range(len(LAMBDAS)))
def test_lambda_layers_never_run_code_from_the_file(folder, number):
    document = read(folder)
    entry = entry_of(document, "own", "first")
    entry["class_name"] = "Lambda"
    entry["config"] = {"name": "first", "function": LAMBDAS[number], "function_type": "lambda"}
    entry.pop("build_config", None)
    write(folder, document)
    refused(folder)
    assert not TOUCHED


# ---- Our own section


def section_changes():
    yield "version", lambda s: s.update(formatVersion=99)
    yield "version text", lambda s: s.update(formatVersion="1")
    yield "weights list", lambda s: s["weights"].pop()
    yield "weights twice", lambda s: s["weights"].append(s["weights"][0])
    yield "weights no list", lambda s: s.update(weights={"a": 1})
    yield "weights no text", lambda s: s["weights"].append(4)
    yield "seeds", lambda s: s["seeds"].append("seed/x")
    yield "seeds unknown", lambda s: s.update(seeds=["nothing"] * len(s["seeds"]))
    yield "state no list", lambda s: s.update(state=4)
    yield "state entry", lambda s: s["state"].insert(0, 4)
    yield "state twice", lambda s: s["state"].append(s["state"][0])
    yield "state data", lambda s: s["state"][0].update(data="%%%")
    yield "state size", lambda s: s["state"][0].update(shape=[2**40])
    yield "state negative", lambda s: s["state"][0].update(shape=[-1])
    yield "state dtype", lambda s: s["state"][0].update(dtype="object")
    yield "optimizer", lambda s: s["optimizer"].__setitem__(3, "nothing")
    yield "optimizer swapped", lambda s: s["optimizer"].reverse()
    yield "shuffle", lambda s: s.update(shuffle=[1, "2"])
    yield "shuffle long", lambda s: s.update(shuffle=[1, 2, 3])
    yield "compile", lambda s: s.update(compileConfig=[1])
    yield "loss", lambda s: s["compileConfig"].update(loss="no_such_loss")
    yield (
        "metric",
        lambda s: s["compileConfig"].update(metrics=[{"class_name": "No", "config": {}}]),
    )
    yield "rate", lambda s: s["compileConfig"]["optimizer"]["config"].update(learning_rate="x")
    yield "keyword", lambda s: s["compileConfig"].update(nonsense=1)
    yield "digest", lambda s: s.update(weightsDigest="0" * 64)
    yield "digest type", lambda s: s.update(weightsDigest=5)
    yield "no config", lambda s: s.update(config=None)


@pytest.mark.parametrize("name", [name for name, _ in section_changes()])
def test_sections_that_do_not_fit_are_refused(folder, name):
    document = read(folder)
    dict(section_changes())[name](document["userDefinedMetadata"]["addax"])
    write(folder, document)
    refused(folder)


def test_a_random_state_beyond_all_bounds_is_only_a_number(folder):
    document = read(folder)
    document["userDefinedMetadata"]["addax"]["shuffle"] = [2**200, -(2**200)]
    write(folder, document)
    with contextlib.suppress(CLEAN):
        keras.saving.load_model(folder).fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0)


# ---- Programs


def program_changes():
    def step(program, op):
        return next(s for s in program["steps"] if s["op"] == op)

    def constant(p):
        p["constants"].append({"dtype": "float32", "shape": [2**40], "data": "AAAA"})

    yield "slot behind", lambda p: p["steps"][0].update({"in": [10**6]})
    yield "slot negative", lambda p: p["steps"][0].update({"in": [-1]})
    yield (
        "slot its own",
        lambda p: p["steps"][0].update(
            {"in": [len(p["inputs"]) + len(p["variables"]) + len(p["constants"])]}
        ),
    )
    yield "slot text", lambda p: p["steps"][0].update({"in": ["0"]})
    yield "slot beyond 64 bits", lambda p: p["steps"][0].update({"in": [2**64]})
    yield "too few", lambda p: step(p, "matmul").update({"in": [0]})
    yield "too many", lambda p: step(p, "matmul").update({"in": [0, 1, 1, 1, 1, 1, 1]})
    yield "op unknown", lambda p: p["steps"][0].update(op="system")
    yield "op no text", lambda p: p["steps"][0].update(op=5)
    yield "op internal", lambda p: p["steps"][0].update(op="fused")
    yield "no attributes", lambda p: p["steps"][0].pop("attributes")
    yield "attributes list", lambda p: p["steps"][0].update(attributes=[])
    yield "output behind", lambda p: p.update(outputs=[10**9])
    yield "assign behind", lambda p: p.update(assign=[[0, 10**9]])
    yield "assign unknown", lambda p: p.update(assign=[[10**6, 0]])
    yield "assign malformed", lambda p: p.update(assign=[[0]])
    yield "assign dtype", lambda p: p.update(assign=[[0, len(p["inputs"]) - 1], [-1, 0]])
    yield "variable unknown", lambda p: p["variables"][0].update(name="nobody")
    yield "variable shape", lambda p: p["variables"][0].update(shape=[3])
    yield "variable dtype", lambda p: p["variables"][0].update(dtype="int32")
    yield "constant huge", constant
    yield "dim text", lambda p: p["inputs"][0].update(shape=["batch +", 6])
    yield "dim by zero", lambda p: p["inputs"][0].update(shape=["batch // 0", 6])
    yield "dim negative", lambda p: p["inputs"][0].update(shape=[-1, 6])
    yield "input wide", lambda p: p["inputs"][0].update(shape=["batch", 7])
    yield "rank", lambda p: p["inputs"][0].update(shape=[1] * 40)
    yield "no steps", lambda p: p.pop("steps")


@pytest.mark.parametrize("name", [name for name, _ in program_changes()])
def test_programs_that_do_not_fit_are_refused(folder, name):
    document = read(folder)
    programs = document["userDefinedMetadata"]["addax"]["programs"]
    dict(program_changes())[name](programs["predict"])
    write(folder, document)
    with pytest.raises(CLEAN):
        _core.read_model(str(folder), with_programs=True)
    # The model itself needs no program.
    keras.saving.load_model(folder)


CHANGED_PROGRAMS = """
import json, pathlib, random, sys
import numpy as np
sys.path.insert(0, sys.argv[3])
from addax import _core
folder, first = pathlib.Path(sys.argv[1]), int(sys.argv[2])
whole = (folder / "model.json").read_text()
VALUES = [-1, 0, 1, 2, 3, 7, 10**6, 2**31, 2**40, 2**62, -(2**62), 0.5, -3.0, True, "x", "batch",
          "2*batch", "batch // 0", "1 - batch", [], [0], [-1], [0, 1], [5, 5, 5, 5], ["batch"],
          None, {}, "valid", "same", "float32", "int32", "bool", "nan", "inf"]
counts = [0, 0, 0]
for seed in range(first, first + 400):
    r = random.Random(seed)
    document = json.loads(whole)
    programs = document["userDefinedMetadata"]["addax"]["programs"]
    program = programs[r.choice(sorted(t for t in programs if programs[t]["steps"]))]
    for _ in range(r.choice((1, 1, 2, 4))):
        step = r.choice(program["steps"])
        how = r.randrange(5)
        if how == 0 and step["in"]:
            step["in"][r.randrange(len(step["in"]))] = r.randrange(len(program["steps"]))
        elif how == 1 and step["attributes"]:
            step["attributes"][r.choice(sorted(step["attributes"]))] = r.choice(VALUES)
        elif how == 2:
            step["op"] = r.choice(program["steps"])["op"]
        elif how == 3:
            other = r.choice(program["steps"])
            step["op"] = other["op"]
            step["attributes"] = json.loads(json.dumps(other["attributes"]))
        else:
            entry = r.choice(program["inputs"] + program["constants"])
            shapes = [[], [0], ["batch"], [2, 6], [6, "batch"], ["batch", "batch"]]
            entry["shape"] = r.choice([entry["shape"], *shapes])
    (folder / "model.json").write_text(json.dumps(document))
    print("seed", seed, flush=True)
    try:
        _, _, loaded = _core.read_model(str(folder), with_programs=True)
    except (ValueError, TypeError, OSError):
        counts[0] += 1
        continue
    for p in loaded.values():
        for rows in (2, 0, 5):
            inputs = [np.ones((rows, 6), "float32"), np.ones((rows, 2), "float32")]
            try:
                _core.Executable(p).run(inputs[: len(p.input_names)])
                counts[1] += 1
            except (ValueError, TypeError, IndexError, MemoryError, RuntimeError):
                counts[2] += 1
print("done", *counts, flush=True)
"""


def test_changed_programs_run_or_are_refused(folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    here = os.path.dirname(__file__)
    first = str(random.randrange(10**9))
    done = subprocess.run(
        [sys.executable, "-c", CHANGED_PROGRAMS, str(folder), first, here],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-60:] + done.stderr[-3000:]


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


def test_state_in_the_json_is_what_programs_read(folder):
    section = read(folder)["userDefinedMetadata"]["addax"]
    entry = next(e for e in section["state"] if e["name"] == "optimizer/iteration")
    assert np.frombuffer(base64.b64decode(entry["data"]), "int64")[0] == 1
