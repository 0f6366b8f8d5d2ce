"""Time of `import addax` beyond that of the bare interpreter, and the modules that it loads.

python bench/python/import_time.py --peer-python peers/bin/python
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

from libraries import installed, place
from report import print_table, seconds

_HEAVY = ("numpy", "rich", "h5py", "matplotlib", "PIL", "pandas")
_MODULES = (
    "import sys; before = set(sys.modules); import addax; print(*sorted(set(sys.modules) - before))"
)


def measure(peers: dict[str, str], rounds: int = 15) -> dict[str, Any]:
    """Runs `python -c pass` and the imports by turns, after one run of each that is not counted."""
    commands = {"pass": ([sys.executable, "-c", "pass"], None)}
    commands["addax"] = ([sys.executable, "-c", "import addax"], None)
    for name, python in peers.items():
        environment = place(name, python, len(os.sched_getaffinity(0))).environment
        commands[name] = ([python, "-c", "import keras"], environment)
    times: dict[str, list] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, (command, environment) in commands.items():
            if name in peers and number > min(rounds, 3):
                continue  # seconds each
            taken = _run(command, environment)
            if number > 0:
                times[name].append(taken)
    shown = subprocess.run(
        [sys.executable, "-c", _MODULES], capture_output=True, text=True, check=True
    )
    loaded = shown.stdout.split()
    bare = times.pop("pass")
    found: dict[str, Any] = {
        name: {
            "wall": median(run["wall"] for run in runs) - median(run["wall"] for run in bare),
            "cpu": median(run["cpu"] for run in runs) - median(run["cpu"] for run in bare),
        }
        for name, runs in times.items()
    }
    # Pair by pair, so that the machine's drift cancels.
    for kind in ("wall", "cpu"):
        found["addax"][kind] = median(a[kind] - b[kind] for a, b in zip(times["addax"], bare))
    found["addax"]["modules"] = loaded
    found["addax"]["heavy"] = [name for name in _HEAVY if name in loaded]
    return found


def _run(command: list[str], environment: Any) -> dict[str, float]:
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed.")
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime}


def show(found: dict[str, Any]) -> None:
    print_table(
        "Import, beyond `python -c pass` (medians)",
        ["library", "wall", "cpu"],
        [[name, seconds(one["wall"]), seconds(one["cpu"])] for name, one in found.items()],
    )
    addax = found["addax"]
    heavy = ", ".join(addax["heavy"]) or "none"
    print(f"`import addax` loads {len(addax['modules'])} modules; of {', '.join(_HEAVY)}: {heavy}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peer-python", help="interpreter with Keras; none runs if not given")
    parser.add_argument("--modules", action="store_true", help="list the modules that are loaded")
    options = parser.parse_args()
    pythons, _ = installed([options.peer_python]) if options.peer_python else ({}, {})
    peers = {name: python for name, python in pythons.items() if name.startswith("keras-")}
    found = measure(peers, options.rounds)
    show(found)
    if options.modules:
        print("\n".join(found["addax"]["modules"]))


if __name__ == "__main__":
    main()
