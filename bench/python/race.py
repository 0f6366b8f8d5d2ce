"""One race: a workload, trained or asked, by all libraries in turns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from floor import Limits, floor
from libraries import LIBRARIES, place
from processes import Worker, WorkerError, available_cores, take_turns
from workloads import Workload

BATCHES = (1, 32)


@dataclass(frozen=True)
class Settings:
    """Of a whole run.

    Attributes:
        pythons: Library → interpreter.
        exports: A folder with one folder for each workload.
        rounds, budget: Rounds, and seconds of measuring for each row.
    """

    pythons: dict[str, str]
    exports: Path
    rounds: int
    budget: float


def run(
    workload: Workload, mode: str, threads: int, settings: Settings, limits: Limits | None
) -> dict[str, Any]:
    """What was measured: rows → library → times, with floors and the reasons of empty cells."""
    result: dict[str, Any] = {
        "workload": workload.name,
        "mode": mode,
        "threads": threads,
        "rows": {},
        "floors": {},
        "ways": {},
        "memory": {},
        "empty": {},
    }
    workers = start(workload, mode, threads, settings, result["empty"])
    try:
        for worker in workers:
            worker.call("settle")
        for row in _rows(workers, mode):
            result["rows"][row] = _measure(workers, row, mode, settings)
            if limits is not None:
                batch = workload.batch if mode == "train" else int(row.split()[0][1:])
                result["floors"][row] = floor(workload, mode, batch, limits)
        if mode == "train":
            for worker in workers:
                result["memory"][worker.library] = worker.call("memory")
                result["ways"][worker.library] = worker.call("the_way")
    finally:
        for worker in workers:
            worker.close()
    return result


def start(
    workload: Workload,
    mode: str,
    threads: int,
    settings: Settings,
    empty: dict[str, str],
    **arguments: Any,
) -> list[Worker]:
    """Workers of the libraries that can run the workload; the reasons of others go to `empty`.

    They start together, importing and compiling at the same time.
    """
    name = {"train": "Training", "infer": "Inference"}[mode]
    if mode == "infer":
        arguments["batches"] = list(BATCHES)
    workers: list[Worker] = []
    try:
        for library, python in settings.pythons.items():
            if not getattr(LIBRARIES[library], {"train": "trains", "infer": "infers"}[mode]):
                continue
            reason = LIBRARIES[library].left_out(workload, mode)
            if reason:
                empty[library] = f"{library}: {reason}"
                continue
            workers.append(Worker(place(library, python, threads), available_cores()[-threads:]))
            workers[-1].make(
                f"engines.{LIBRARIES[library].engine}:{name}",
                library=library,
                workload=workload.name,
                threads=threads,
                folder=str(settings.exports / workload.name),
                **arguments,
            )
        for worker in list(workers):
            try:
                worker.made()
            except WorkerError as error:
                empty[worker.library] = str(error)
                worker.close()
                workers.remove(worker)
    except BaseException:
        for worker in workers:
            worker.close()
        raise
    return workers


def _rows(workers: list[Worker], mode: str) -> list[str]:
    if mode == "train":
        return ["train"]
    return list(dict.fromkeys(row for worker in workers for row in worker.call("rows")))


def _measure(
    workers: list[Worker], row: str, mode: str, settings: Settings
) -> dict[str, dict[str, float]]:
    arguments: dict[str, Any] = {} if mode == "train" else {"row": row}
    able = [worker for worker in workers if mode == "train" or row in worker.call("rows")]
    arguments["seconds"] = settings.budget / (settings.rounds * max(1, len(able)))

    def ask(worker: Worker) -> dict[str, float]:
        return worker.call("measure", **arguments)

    # A call that takes longer than its slice makes fewer rounds.
    taken = take_turns(able, settings.rounds, ask, 2 * settings.budget)
    return {
        library: {
            "wall": median(one["wall"] for one in rounds),
            "wall_min": min(one["wall_min"] for one in rounds),
            "cpu": median(one["cpu"] for one in rounds),
            "cpu_min": min(one["cpu_min"] for one in rounds),
            "rounds": len(rounds),
        }
        for library, rounds in taken.items()
    }
