"""Compares Addax with other libraries on this machine and prints one table for each question.

    python -m venv peers && peers/bin/pip install keras jax tensorflow-cpu
    python bench/python/compare.py --peer-python peers/bin/python --data mnist.npz --json found.json

Every library has a process of its own; their rounds take turns; a ratio below 1 says that Addax
takes less. Heap allocations during a replay are counted by the C++ tests: the case "a training step
replays without a single heap allocation" of `addax_tests`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from typing import Any

import import_time
import memory
import mnist_accuracy
import size
from libraries import addax_python, installed_peers, run_interleaved
from report import machine, print_table, ratio, seconds

QUESTIONS = ("import", "size", "predict", "fit", "memory", "mnist")


def main() -> None:
    options = _arguments()
    peers: dict[str, str] = {}
    found: dict[str, Any] = {"machine": machine(), "versions": {}}
    if options.peer_python:
        names, found["versions"] = installed_peers(options.peer_python)
        chosen = options.peers.split(",") if options.peers else names
        peers = {name: options.peer_python for name in names if name in chosen}
    for name, value in found["machine"].items():
        print(f"{name}: {value}")
    print("peers:", ", ".join(f"{k} {v}" for k, v in found["versions"].items()) or "none")

    for question in options.only.split(",") if options.only else QUESTIONS:
        found[question] = _ask(question, options, peers)
        if options.json:  # after each: a run that is broken off keeps what it has
            Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


def _ask(question: str, options: argparse.Namespace, peers: dict[str, str]) -> Any:
    if question == "import":
        answer: Any = import_time.measure(peers, options.rounds)
        import_time.show(answer)
    elif question == "size":
        answer = size.measure(options.wheel)
        size.show(answer)
    elif question == "memory":
        answer = memory.measure(options.steps)
        memory.show(answer)
    elif question == "mnist":
        answer = mnist_accuracy.measure(
            options.data, peers, options.seeds, options.epochs, options.peer_epochs
        )
        mnist_accuracy.show(answer)
    else:
        answer = run_interleaved({**addax_python(), **peers}, question, options.rounds)
        _show_rounds(question, answer)
    return answer


_TITLES = {
    "fit": "`fit` of an MLP 784-128-10, batch 32: time of a step (addax / it), medians",
    "predict": "A row through an MLP 32-64-64-1: time of a call (addax / it), medians",
}


def _show_rounds(question: str, found: dict[str, list]) -> None:
    kinds = list(next(iter(found.values()))[0])
    middle = {
        name: {kind: median(run[kind] for run in rounds) for kind in kinds}
        for name, rounds in found.items()
    }
    ours = middle["addax"]
    rows = [
        [name, *(f"{seconds(one[kind])} ({ratio(ours[kind], one[kind])})" for kind in kinds)]
        for name, one in middle.items()
    ]
    print_table(_TITLES[question], ["library", *(kind.replace("_", " ") for kind in kinds)], rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", help=f"comma-separated, of {', '.join(QUESTIONS)}; all if not given"
    )
    parser.add_argument("--peer-python", help="interpreter that runs the peers; none if not given")
    parser.add_argument(
        "--peers", help="comma-separated names, all that are installed if not given"
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", help="file for all that was measured")
    parser.add_argument("--wheel", help="size: a wheel that is there already")
    parser.add_argument("--steps", type=int, default=20_000, help="memory: train steps")
    parser.add_argument("--data", help="mnist: path of mnist.npz; the Keras cache if not given")
    parser.add_argument("--seeds", type=int, default=3, help="mnist: seeds")
    parser.add_argument("--epochs", type=int, default=5, help="mnist: epochs")
    parser.add_argument(
        "--peer-epochs", type=int, default=0, help="mnist: fewer epochs for the peers"
    )
    options = parser.parse_args()
    unknown = set((options.only or "import").split(",")) - set(QUESTIONS)
    if unknown:
        parser.error(
            f"--only: unknown {', '.join(sorted(unknown))}; known are {', '.join(QUESTIONS)}"
        )
    return options


if __name__ == "__main__":
    main()
