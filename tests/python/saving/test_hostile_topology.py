"""Topologies and sections that make no sense, or want code to run: refused by name."""

from __future__ import annotations

import sys

import addax as keras
import numpy as np
import pytest
from hostile_files import read, refused, run_all, write


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
            # A kernel that would go too far after its first place is all right.
            is_sound = (key, value) == ("strides", [8])
            assert run_all(folder) == is_sound, f"{key}={value}"


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
    {"module": "tests.saving.test_hostile_topology", "class_name": "touch", "config": {}},
    {
        "module": "test_hostile_topology",
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
    model = keras.saving.load_model(folder)
    assert model._shuffle_state == (2**200, -(2**200))
    history = model.fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
