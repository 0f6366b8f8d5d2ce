"""The libraries that are compared: what they need, what they can do, and their settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from workloads import Workload


@dataclass(frozen=True)
class Library:
    """A way to run the workloads.

    Attributes:
        modules: Packages that its interpreter must have.
        engine: Module of `engines` with `Training` or `Inference` or both.
        trains, infers: Which of the two.
        environment: Of its process.
        slow_convolutions: Whether training a convolutional network takes minutes to compile.
        defined: Workloads that have a definition; all if empty.
    """

    modules: tuple[str, ...]
    engine: str
    trains: bool = False
    infers: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    slow_convolutions: bool = False
    defined: tuple[str, ...] = ()

    def left_out(self, workload: Workload, mode: str) -> str:
        """Why the library takes no part in a race, if it does not."""
        if self.defined and workload.name not in self.defined:
            return "no definition"
        if self.slow_convolutions and mode == "train" and len(workload.shape) == 3:
            return "XLA takes minutes to compile the step, which is slow"
        return ""


LIBRARIES = {
    "addax": Library((), "keras_engine", trains=True, infers=True),
    "keras-tensorflow": Library(
        ("keras", "tensorflow"),
        "keras_engine",
        trains=True,
        environment={
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1",
        },
    ),
    "keras-jax": Library(
        ("keras", "jax"),
        "keras_engine",
        trains=True,
        environment={"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        slow_convolutions=True,
    ),
    "keras-torch": Library(
        ("keras", "torch"), "keras_engine", environment={"KERAS_BACKEND": "torch"}
    ),
    "jax": Library(
        ("jax",),
        "jax_engine",
        trains=True,
        infers=True,
        environment={"JAX_PLATFORMS": "cpu"},
        defined=("tiny_mlp", "mlp", "tabular", "text", "lstm", "gru", "transformer"),
    ),
    "torch": Library(
        ("torch",),
        "torch_engine",
        trains=True,
        infers=True,
        environment={"CUDA_VISIBLE_DEVICES": ""},
    ),
    "onnxruntime": Library(("onnxruntime",), "onnxruntime_engine", infers=True),
    "openvino": Library(("openvino",), "openvino_engine", infers=True),
    "litert": Library(("ai_edge_litert",), "litert_engine", infers=True),
}


@dataclass(frozen=True)
class Place:
    """A library, the interpreter that runs it, and the environment of its process."""

    library: str
    python: str
    environment: dict[str, str]


def place(library: str, python: str, threads: int) -> Place:
    environment = {**os.environ, **LIBRARIES[library].environment}
    if library != "addax":
        environment.pop("PYTHONPATH", None)  # it may point to addax's requirements
    environment["OMP_NUM_THREADS"] = environment["ADDAX_NUM_THREADS"] = str(threads)
    if "jax" in library and threads == 1:
        # XLA's pool has as many threads as there are cores; the process is bound to one as well.
        environment["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    return Place(library, python, environment)


_FIND = """
import importlib.metadata, importlib.util, json, sys
names = sys.argv[1:]
packages = importlib.metadata.packages_distributions()
found = {}
for name in names:
    if importlib.util.find_spec(name) is not None:
        found[name] = importlib.metadata.version(packages.get(name, [name])[0])
print(json.dumps(found))
"""


def installed(pythons: list[str]) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """What interpreters offer.

    Returns:
        Library → the first interpreter that has it, Addax's being the one that runs this; and
        interpreter → versions of its packages.
    """
    packages = sorted({package for one in LIBRARIES.values() for package in one.modules})
    versions: dict[str, dict[str, Any]] = {}
    pythons_of = {"addax": sys.executable}
    for python in pythons:
        shown = subprocess.run(
            [python, "-c", _FIND, *packages, "numpy"], capture_output=True, text=True, check=True
        )
        versions[python] = json.loads(shown.stdout)
        for name, library in LIBRARIES.items():
            if library.modules and all(module in versions[python] for module in library.modules):
                pythons_of.setdefault(name, python)
    return pythons_of, versions
