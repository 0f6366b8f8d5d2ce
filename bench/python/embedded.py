"""Latency of small models in a native app, Addax and ONNX Runtime by turns in one process.

    cmake --preset bench && cmake --build build/bench --target addax_latency
    python bench/python/embedded.py --program build/bench/bench/cpp/addax_latency \\
        --peer-python peers/bin/python --into docs/benchmarks.md

The peers' environment has `onnxruntime`, whose shared library the program opens, and `onnx`.
Without `--peer-python` Addax is measured alone; without `--into` the table is printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import report

HERE = Path(__file__).parent

MARKS = ("<!-- embedded: embedded.py -->", "<!-- end of embedded -->")
TITLES = {
    "mlp": "MLP 32-64-64-1, one row",
    "mnist": "MNIST convnet, one image",
    "gru": "GRU 16, a block of 64 samples",
    "lstm": "LSTM 16, a block of 64 samples",
}
FIND_ONNXRUNTIME = """
import pathlib, onnxruntime
print(next((pathlib.Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*")))
"""


def measure(program: Path, peer_python: str | None) -> list[list[str]]:
    """Rows of model, library, version, median, 99th percentile."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), folder]
        subprocess.run([sys.executable, HERE / "embedded_models.py", folder], check=True)
        if peer_python:
            subprocess.run([peer_python, HERE / "embedded_models.py", folder, "--onnx"], check=True)
            found = subprocess.run(
                [peer_python, "-c", FIND_ONNXRUNTIME], check=True, capture_output=True, text=True
            )
            command.append(found.stdout.strip())
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in output.splitlines()]


def render(rows: list[list[str]], about: dict[str, str]) -> str:
    """What the figures have to be read with, and the table."""
    found = {(model, library): row for model, library, *row in rows}
    versions = sorted({f"{library} {row[0]}" for (_, library), row in found.items() if row[0]})
    about = about | {"versions": ", ".join(versions) or "Addax alone"}
    head = [
        "one call, one thread",
        *("addax", "99 % within", "onnxruntime", "99 % within", "addax / onnxruntime"),
    ]
    cells = []
    for model, title in TITLES.items():
        _, *ours = found[model, "addax"]
        _, *theirs = found.get((model, "onnxruntime"), [""])
        times = [report.seconds(float(t) / 1e6) for t in (*ours, *theirs)]
        of = f"**{report.ratio(float(ours[0]), float(theirs[0]))}**" if theirs else ""
        cells.append([title, *times, *[""] * (4 - len(times)), of])
    lines = [f"- {name}: {value}" for name, value in about.items()]
    return "\n".join([*lines, "", report.table("A call", head, cells)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True, help="addax_latency, as built")
    parser.add_argument("--peer-python", help="interpreter that has onnxruntime and onnx")
    parser.add_argument("--into", type=Path, help="page whose table to replace")
    arguments = parser.parse_args()
    about = report.machine()
    table = render(measure(arguments.program, arguments.peer_python), about)
    if arguments.into is None:
        print(table)
        return
    report.replace_between(arguments.into, MARKS, table)


if __name__ == "__main__":
    main()
