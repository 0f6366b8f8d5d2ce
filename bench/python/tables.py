"""The comparison's tables, from what `compare.py` measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from libraries import LIBRARIES
from report import print_table, ratio, seconds
from workloads import WORKLOADS

_MODES = {"train": "Training: time of a step", "infer": "Inference: time of a call"}


def show(results: list[dict[str, Any]], clock: str) -> None:
    """Prints a table for each number of threads and mode, then memory, then empty cells.

    Args:
        clock: "wall" or "cpu" (medians), "wall_min" or "cpu_min".
    """
    for threads in sorted({result["threads"] for result in results}):
        for mode, title in _MODES.items():
            chosen = [r for r in results if r["threads"] == threads and r["mode"] == mode]
            if chosen:
                count = "one thread" if threads == 1 else f"{threads} threads"
                _show_times(f"{title}, {count} ({_CLOCKS[clock]})", chosen, clock)
    _show_memory([result for result in results if result["memory"]])
    for result in results:
        for library, reason in result["empty"].items():
            print(f"- {result['workload']}, {result['mode']}, {library}: {reason}")


_CLOCKS = {
    "wall": "wall, medians",
    "wall_min": "wall, least",
    "cpu": "CPU of all threads, medians",
    "cpu_min": "CPU of all threads, least",
}


def _show_times(title: str, results: list[dict[str, Any]], clock: str) -> None:
    peers = [
        name
        for name in LIBRARIES
        if name != "addax" and any(name in by for r in results for by in r["rows"].values())
    ]
    head = ["workload", "floor", "addax", *peers, "addax / fastest", "wanted", "addax / floor"]
    rows = [
        _row(result, row, by, peers, clock)
        for result in results
        for row, by in result["rows"].items()
    ]
    print_table(title, head, rows)


def _row(
    result: dict[str, Any], row: str, by: dict[str, Any], peers: list[str], clock: str
) -> list[str]:
    ours = by.get("addax", {}).get(clock)
    floor = result["floors"].get(row)
    fastest = min((by[name][clock] for name in peers if name in by), default=None)
    goal = WORKLOADS[result["workload"]].goals.get(row)
    workload = WORKLOADS[result["workload"]]
    return [
        workload.title if row == "train" else f"{workload.name} {row}",
        seconds(floor) if floor else "",
        seconds(ours) if ours else "",
        *(seconds(by[name][clock]) if name in by else "" for name in peers),
        f"**{ratio(ours, fastest)}**" if ours and fastest else "",
        f"≤ {goal}" if goal and fastest else "",
        f"{ours / floor:.1f}" if ours and floor else "",
    ]


def _show_memory(results: list[dict[str, Any]]) -> None:
    names = [name for name in LIBRARIES if any(name in r["memory"] for r in results)]
    if not names:
        return
    print_table(
        "Training: peak resident memory of the process",
        ["workload", "threads", *names, "addax / leanest"],
        (
            [
                result["workload"],
                str(result["threads"]),
                *_megabytes(result["memory"], names),
                _memory_ratio(result["memory"]),
            ]
            for result in results
        ),
    )


def _megabytes(memory: dict[str, int], names: list[str]) -> Iterator[str]:
    for name in names:
        yield f"{memory[name] / 1e6:.0f} MB" if name in memory else ""


def _memory_ratio(memory: dict[str, int]) -> str:
    peers = [size for name, size in memory.items() if name != "addax"]
    return ratio(memory["addax"], min(peers)) if peers and "addax" in memory else ""
