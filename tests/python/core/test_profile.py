"""ADDAX_PROFILE and ADDAX_TRACE show where the time of programs goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

SCRIPT = """
import numpy as np, addax
model = addax.Sequential([addax.Input((8,)), addax.layers.Dense(4, activation="relu")])
for _ in range(3):
    model.predict(np.ones((2, 8), "float32"), verbose=0)
"""


def run(**variables: str) -> str:
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout == ""
    return shown.stderr


def test_profile_prints_a_table_of_steps_when_the_process_ends():
    shown = run(ADDAX_PROFILE="1")
    assert "inputs (2, 8): 3 runs of" in shown
    assert "GFLOP/s" in shown and "%peak" in shown
    assert "matmul" in shown and "(2, 8)" in shown


def test_nothing_is_printed_without_being_asked_for():
    assert run() == ""


def test_trace_is_a_file_of_chrome_trace_events(tmp_path):
    path = tmp_path / "trace.json"
    run(ADDAX_TRACE=str(path))
    events = json.loads(path.read_text())["traceEvents"]
    assert sum("matmul" in e["name"] for e in events) == 3
    assert all(e["ph"] == "X" and e["dur"] >= 0 and "(2, 8)" in e["args"]["shapes"] for e in events)


def test_trace_that_cannot_be_written_is_reported_and_harms_nothing(tmp_path):
    assert "cannot be written" in run(ADDAX_TRACE=str(tmp_path / "no" / "trace.json"))
