"""Processes in which libraries run, and rounds that take turns.

Each library has a process of its own (`worker.py`), which waits for the word to run a round: so the
rounds of all libraries take turns, and what else the machine does meets all of them alike.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from libraries import Place


class WorkerError(RuntimeError):
    """What went wrong in a library's process; `str` is the reason in one line."""

    def __init__(self, library: str, reason: str, details: str = "") -> None:
        super().__init__(" ".join(f"{library}: {reason}".split()))
        self.details = details


class Worker:
    """A process with one object in it, of the class `make` ("module:Class").

    Args:
        place: The library, its interpreter and environment.
        make: Of a module beside this one.
        cores: To which the process is bound; `None` binds it to none.
        arguments: Of the class.
    """

    def __init__(
        self, place: Place, make: str, cores: Iterable[int] | None = None, **arguments: Any
    ) -> None:
        self.library = place.library
        self._process = subprocess.Popen(
            [place.python, str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=place.environment,
        )
        try:
            if cores is not None:
                self._ask({"cores": list(cores)})
            self._ask({"make": make, "arguments": arguments})
        except BaseException:
            self.close()
            raise

    def call(self, method: str, **arguments: Any) -> Any:
        return self._ask({"call": method, "arguments": arguments})

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> Any:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.poll()
            raise WorkerError(self.library, f"the process ended during {request} ({code})")
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerError(self.library, reply["error"], reply["traceback"])
        return reply["answer"]


def take_turns(
    workers: list[Worker], rounds: int, run: Callable[[Worker], dict[str, float]]
) -> dict[str, list[dict[str, float]]]:
    """Runs `rounds` rounds with all workers by turns: library → what each round measured."""
    found: dict[str, list[dict[str, float]]] = {worker.library: [] for worker in workers}
    for number in range(rounds):
        # Every other round backwards: nobody always comes after the same neighbour.
        for worker in workers if number % 2 == 0 else workers[::-1]:
            found[worker.library].append(run(worker))
    return found


def available_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))
