"""The comparison's tables, from what `compare.py` measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from libraries import LIBRARIES
from report import ratio, seconds, table
from workloads import WORKLOADS

_MODES = {"train": "Training: time of a step", "infer": "Inference: time of a call"}


def render(found: dict[str, Any], clock: str) -> str:
    """All of a run in Markdown: machine and versions, the tables, the reasons of empty cells.

    Args:
        clock: "wall" or "cpu" (medians), "wall_min" or "cpu_min".
    """
    parts = [description(found), *tables(found["results"], clock)]
    empty: dict[str, list[str]] = {}
    for result in found["results"]:
        for reason in result["empty"].values():
            of_reason = empty.setdefault(reason, [])
            if result["workload"] not in of_reason:
                of_reason.append(result["workload"])
    if empty:
        lines = [f"- {reason} ({', '.join(names)})" for reason, names in empty.items()]
        parts.append("\n".join(["Empty cells:", "", *lines]))
    return "\n\n".join(parts) + "\n"


def description(found: dict[str, Any]) -> str:
    lines = [f"- {name}: {value}" for name, value in found["machine"].items()]
    for threads, limits in found["limits"].items():
        if limits:
            (_, l2), (_, l3), (_, memory) = limits["levels"]
            lines.append(
                f"- {threads} of its threads: {limits['flops'] / 1e9:.0f} GFLOP/s; reading "
                f"{l2 / 1e9:.0f}, {l3 / 1e9:.0f} and {memory / 1e9:.0f} GB/s (L2, L3, memory)"
            )
    versions: dict[str, str] = {}
    for of_one in found["versions"]:
        versions |= of_one
    if versions:
        lines.append("- versions: " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())))
    if "seconds" in found:
        lines.append(f"- the whole run: {found['seconds'] / 60:.0f} minutes")
    return "\n".join(lines)


def tables(results: list[dict[str, Any]], clock: str) -> list[str]:
    """A table for each number of threads and mode, and one of memory."""
    found = []
    for threads in sorted({result["threads"] for result in results}, reverse=True):
        for mode, title in _MODES.items():
            chosen = [r for r in results if r["threads"] == threads and r["mode"] == mode]
            if chosen:
                count = "one thread" if threads == 1 else f"{threads} threads"
                found.append(_times(f"{title}, {count} ({_CLOCKS[clock]})", chosen, clock))
    remembered = [result for result in results if result["memory"]]
    return [*found, _memory(remembered)] if remembered else found


_CLOCKS = {
    "wall": "wall, medians",
    "wall_min": "wall, least",
    "cpu": "CPU of all threads, medians",
    "cpu_min": "CPU of all threads, least",
}


def _times(title: str, results: list[dict[str, Any]], clock: str) -> str:
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
    return table(title, head, rows)


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


def _memory(results: list[dict[str, Any]]) -> str:
    names = [name for name in LIBRARIES if any(name in r["memory"] for r in results)]
    return table(
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
