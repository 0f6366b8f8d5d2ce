"""Tables, the machine's description, medians."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path


def table(title: str, head: list[str], rows: Iterable[list[str]]) -> str:
    """A heading and a Markdown table, columns aligned."""
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([f"### {title}", "", *lines])


def replace_between(page: Path, marks: tuple[str, str], text: str) -> None:
    """Puts a text between two marks of a page.

    Raises:
        ValueError: If one of them is missing, or there twice.
    """
    written = page.read_text()
    if any(written.count(mark) != 1 for mark in marks):
        raise ValueError(f"{page} must have each of {marks} once")
    before, rest = written.split(marks[0])
    _, after = rest.split(marks[1])
    page.write_text(f"{before}{marks[0]}\n\n{text.strip()}\n\n{marks[1]}{after}")


def print_table(title: str, head: list[str], rows: Iterable[list[str]]) -> None:
    print(f"\n{table(title, head, rows)}\n", flush=True)


def ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.3f}" if theirs else "-"


def seconds(value: float) -> str:
    """A time with three digits and its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if value * factor >= 1 or unit == "µs":
            return f"{value * factor:.3g} {unit}" if value * factor < 1000 else f"{value:.0f} s"
    raise AssertionError


def machine() -> dict[str, str]:
    """What a figure has to be read with: date, processor, system, interpreter."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        fields = dict(re.findall(r"^([\w ]+?)\s*:\s*(.*)$", info.read_text(), re.MULTILINE))
        model = fields.get("model name", model)
        if "cpu family" in fields:
            model += f" (family {fields['cpu family']} model {fields.get('model', '?')})"
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{model}, {count} in use",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "load average at the start": load,
    }
