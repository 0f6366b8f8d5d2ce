"""Reads what make_training.py wrote, and builds the objects of its cases."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

_HERE = Path(__file__).parent
CASES = json.loads((_HERE / "training.json").read_text())


def _read_arrays() -> dict[str, np.ndarray]:
    files = np.load(_HERE / "training.npz")
    flat = {kind: files[kind] for kind in ("f", "i")}
    used = {"f": 0, "i": 0}
    arrays = {}
    for line in CASES["arrays"]:
        name, kind, *sizes = line.split(" ")
        shape = tuple(int(size) for size in sizes)
        start = used[kind]
        used[kind] += math.prod(shape)
        arrays[name] = flat[kind][start : used[kind]].reshape(shape)
    return arrays


ARRAYS = _read_arrays()


def batch(number: int, kind: str | None) -> np.ndarray | None:
    """The inputs of one kind in batch 0 or 1."""
    return None if kind is None else ARRAYS[f"batch{number}/{kind}"]


def label(case: dict) -> str:
    """A name of the case for pytest."""
    name = case.get("class") or case["schedule"]
    arguments = ",".join(f"{k}={v}" for k, v in case["arguments"].items())
    return f"{name}({arguments})"


def build(module, case: dict, **more):
    """The object of a case; a learning rate may be a schedule's case."""
    arguments = dict(case["arguments"])
    rate = arguments.get("learning_rate")
    if isinstance(rate, dict):
        arguments["learning_rate"] = getattr(module.schedules, rate["schedule"])(
            **rate["arguments"]
        )
    return getattr(module, case["class"])(**arguments, **more)


def assert_close(ours, name: str, rtol=1e-5, atol=1e-6) -> None:
    """Compares with the array of that name."""
    expected = ARRAYS[name]
    ours = np.asarray(ours)
    assert ours.shape == expected.shape, f"{name}: shape {ours.shape}, wanted {expected.shape}"
    np.testing.assert_allclose(ours, expected, rtol=rtol, atol=atol, err_msg=name)
