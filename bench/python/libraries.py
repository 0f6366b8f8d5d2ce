"""The libraries that are compared, and the processes in which they run.

Each library has a process of its own (`worker.py`), which waits for the word to run a round: so the
rounds of all libraries take turns, and what else the machine does meets all of them alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# Name → (modules that must be there, environment).
PEERS = {
    "keras-jax": (("keras", "jax"), {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}),
    "keras-tensorflow": (
        ("keras", "tensorflow"),
        {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    ),
    "keras-torch": (("keras", "torch"), {"KERAS_BACKEND": "torch"}),
}

_FIND = """
import importlib.metadata, importlib.util, json, sys
names = sys.argv[1:]
found = {}
for name in names:
    if importlib.util.find_spec(name) is not None:
        of = importlib.metadata.packages_distributions().get(name, [name])[0]
        found[name] = importlib.metadata.version(of)
print(json.dumps(found))
"""


def installed_peers(python: str) -> tuple[list[str], dict[str, str]]:
    """Names of the peers that an interpreter has, and the versions of their packages."""
    packages = sorted({package for modules, _ in PEERS.values() for package in modules})
    shown = subprocess.run(
        [python, "-c", _FIND, *packages, "numpy"], capture_output=True, text=True, check=True
    )
    versions = json.loads(shown.stdout)
    names = [name for name, (modules, _) in PEERS.items() if all(m in versions for m in modules)]
    return names, versions


class Worker:
    """A process that runs one workload of one library.

    Args:
        library: "addax" or a name of `PEERS`.
        workload: A name of `workloads.WORKLOADS`.
        python: The interpreter.
        options: Arguments of the workload.
    """

    def __init__(self, library: str, workload: str, python: str, **options: Any) -> None:
        environment = dict(os.environ)
        if library in PEERS:
            environment.update(PEERS[library][1])
            environment.pop("PYTHONPATH", None)  # it may point to addax's requirements
        self.library = library
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        try:
            self._ask({"library": library, "workload": workload, "options": options})
        except BaseException:
            self.close()
            raise

    def round(self) -> dict[str, float]:
        """Runs the workload once more."""
        return self._ask("round")

    def finish(self) -> dict[str, float]:
        """What the workload says at its end; ends the process."""
        found = self._ask("finish")
        self.close()
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, request: Any) -> Any:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process of {self.library} ended during {request}.")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.library}: {answer['error']}")
        return answer


def run_interleaved(
    libraries: dict[str, str], workload: str, rounds: int, **options: Any
) -> dict[str, list[dict[str, float]]]:
    """Runs `rounds` rounds of a workload with all libraries by turns.

    Args:
        libraries: Name → interpreter.

    Returns:
        Name → what each round measured. `finish` adds to the last round.
    """
    workers: list[Worker] = []
    try:
        for name, python in libraries.items():
            workers.append(Worker(name, workload, python, **options))
        found: dict[str, list] = {worker.library: [] for worker in workers}
        for number in range(rounds):
            # Every other round backwards: nobody always comes after the same neighbour.
            for worker in workers if number % 2 == 0 else workers[::-1]:
                found[worker.library].append(worker.round())
        for worker in workers:
            found[worker.library][-1].update(worker.finish())
    finally:
        for worker in workers:
            worker.close()
    return found


def addax_python() -> dict[str, str]:
    """Addax runs under the interpreter that runs this."""
    return {"addax": sys.executable}
