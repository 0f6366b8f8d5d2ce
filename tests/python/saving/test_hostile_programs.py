"""Programs in a file that somebody changed: refused, or as safe to run as any."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys

import addax as keras
import numpy as np
import pytest
from addax import _core
from hostile_files import CLEAN, read, write


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
    refused, ran, _ = map(int, done.stdout.splitlines()[-1].removeprefix("done ").split())
    assert refused and ran, "either no change went through, or none was noticed"


def test_state_in_the_json_is_what_programs_read(folder):
    section = read(folder)["userDefinedMetadata"]["addax"]
    entry = next(e for e in section["state"] if e["name"] == "optimizer/iteration")
    assert np.frombuffer(base64.b64decode(entry["data"]), "int64")[0] == 1
