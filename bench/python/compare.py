"""Compares Addax with other libraries on whole workloads, in one run on this machine.

    python bench/python/compare.py --libraries addax --only mnist_cnn
    python bench/python/compare.py --peer-python peers/bin/python --peer-python torch/bin/python \
        --threads 1,2 --json found.json
    python bench/python/compare.py --render found.json --into docs/benchmarks.md

The first command times Addax alone, the second all, the third writes the tables of an earlier run.
With `--check` the second compares what the libraries compute instead.
docs/benchmarks.md says what the peers' interpreters need. A ratio below 1 says that Addax takes
less.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import race
import tables
from check import check
from export import export
from floor import measure_limits
from libraries import LIBRARIES, installed
from report import machine, replace_between
from workloads import WORKLOADS

_MODES = ("train", "infer")
_MARKS = ("<!-- tables: compare.py --render -->", "<!-- end of the tables -->")
_CLOCKS = ("wall", "wall_min", "cpu", "cpu_min")


def main() -> None:
    options = _arguments()
    if options.render:
        rendered = tables.render(json.loads(Path(options.render).read_text()), options.clock)
        if options.into:
            replace_between(Path(options.into), _MARKS, rendered)
        else:
            print(rendered)
        return
    exports = Path(options.exports) if options.exports else None
    if exports is not None:
        _run(options, exports)
        return
    with tempfile.TemporaryDirectory() as folder:
        _run(options, Path(folder))


def _run(options: argparse.Namespace, exports: Path) -> None:
    pythons, versions = installed(options.peer_python)
    pythons = {name: pythons[name] for name in options.libraries if name in pythons}
    settings = race.Settings(pythons, exports, options.rounds, options.budget)
    limits = {threads: measure_limits(threads) for threads in options.threads}
    found: dict[str, Any] = {
        "machine": machine(),
        "versions": list(versions.values()),
        "limits": {n: one and dataclasses.asdict(one) for n, one in limits.items()},
        "results": [],
    }
    print(tables.description(found), flush=True)
    if options.check:
        wrong = []
        for name in options.only:
            export(WORKLOADS[name], pythons, exports)
            wrong += check(WORKLOADS[name], settings)
        raise SystemExit("\n".join(["Too different:", *wrong]) if wrong else 0)
    start = time.monotonic()
    for threads in options.threads:
        for workload in [WORKLOADS[name] for name in options.only]:
            export(workload, pythons, exports)
            for mode in options.modes:
                if mode == "train" and not workload.batch:
                    continue
                result = race.run(workload, mode, threads, settings, limits[threads])
                found["results"].append(result)
                print("\n\n".join(["", *tables.tables([result], options.clock)]), flush=True)
                for reason in result["empty"].values():
                    print(f"- {reason}", flush=True)
                if options.json:  # after each: a run that is broken off keeps what it has
                    found["seconds"] = time.monotonic() - start
                    Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


def _names(known: Any) -> Any:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"unknown {name!r}; known are {', '.join(known)}")
        return names

    return parse


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", type=_names(WORKLOADS), default=list(WORKLOADS), help=", ".join(WORKLOADS))
    add("--libraries", type=_names(LIBRARIES), default=list(LIBRARIES), help=", ".join(LIBRARIES))
    add("--modes", type=_names(_MODES), default=list(_MODES), help="train, infer")
    add("--threads", type=_counts, default=[1], help="numbers of threads; 1 if not given")
    add("--peer-python", action="append", default=[], help="interpreter with peers; repeatable")
    add("--rounds", type=int, default=5)
    add("--budget", type=float, default=5.0, help="seconds of measuring for each row")
    add("--clock", choices=_CLOCKS, default="wall", help="what the tables show; JSON has all")
    add("--exports", help="folder that keeps exported models between runs")
    add("--check", action="store_true", help="compare outputs and losses instead of times")
    add("--json", help="file for all that was measured")
    add("--render", metavar="JSON", help="print the tables of an earlier run")
    add("--into", metavar="PAGE", help="with --render: put them into a page, between its marks")
    return parser.parse_args()


if __name__ == "__main__":
    main()
