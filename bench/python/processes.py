"""Processes in which libraries run, and rounds that take turns.

Each library has a process of its own (`worker.py`), which waits for the word to run a round: so the
rounds of all libraries take turns, and what else the machine does meets all of them alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from libraries import Place

# Seconds in which the threads of the last worker, which may spin for a while, go to sleep.
_PAUSE = 0.02


class WorkerError(RuntimeError):
    """What went wrong in a library's process; `str` is the reason in one line."""

    def __init__(self, library: str, reason: str, details: str = "") -> None:
        super().__init__(" ".join(f"{library}: {reason}".split()))
        self.details = details


class Worker:
    """A process with one object in it.

    Args:
        place: The library, its interpreter and environment.
        cores: To which the process is bound; `None` binds it to none.
    """

    def __init__(self, place: Place, cores: Iterable[int] | None = None) -> None:
        self.library = place.library
        self._process = subprocess.Popen(
            [place.python, str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=place.environment,
        )
        if cores is not None:
            self._send({"cores": list(cores)})
            self._receive("cores")

    def make(self, name: str, **arguments: Any) -> None:
        """Begins to make the object: `name` is "module:Class", of a module beside this one."""
        self._send({"make": name, "arguments": arguments})

    def made(self) -> None:
        """Waits until the object is made."""
        self._receive("make")

    def call(self, method: str, **arguments: Any) -> Any:
        """Calls a method of the object."""
        self._send({"call": method, "arguments": arguments})
        return self._receive(method)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer that is missing tells

    def _receive(self, what: str) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(self.library, f"the process ended in {what!r}")
        reply = json.loads(line)
        if "error" in reply:
            raise WorkerError(self.library, reply["error"], reply["traceback"])
        return reply["answer"]


def take_turns(
    workers: list[Worker],
    rounds: int,
    run: Callable[[Worker], dict[str, float]],
    seconds: float = float("inf"),
) -> dict[str, list[dict[str, float]]]:
    """Runs rounds with all workers by turns, no further one after `seconds`.

    Returns:
        Library → what each round measured.
    """
    found: dict[str, list[dict[str, float]]] = {worker.library: [] for worker in workers}
    end = time.monotonic() + seconds
    for number in range(rounds):
        # Every other round backwards: nobody always comes after the same neighbour.
        for worker in workers if number % 2 == 0 else workers[::-1]:
            time.sleep(_PAUSE)
            found[worker.library].append(run(worker))
        if time.monotonic() > end:
            break
    return found


def available_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))
