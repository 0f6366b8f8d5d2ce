"""Counts the instructions of a few fixed steps (`steps.py`) under callgrind and compares them with
those kept in `instructions.json`.

    python bench/instructions/count.py            fails if one rose by more than 5 %
    python bench/instructions/count.py --update   keeps the new numbers

One thread, AVX2 (valgrind knows no AVX-512). Counts do not hang on the machine or on what else it
does, but on the compiler and on Python: they are only compared where both are those of the file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).parent
_KEPT = _HERE / "instructions.json"
# Two runs differ by 0.3 %: hash seeds are fixed, but not where memory lies.
_TOLERANCE = 0.05
_UPDATE = "python bench/instructions/count.py --update"

_MARKS = """
#include <valgrind/callgrind.h>
void start(void) { CALLGRIND_START_INSTRUMENTATION; }
void zero(void) { CALLGRIND_ZERO_STATS; }
void dump(const char* name) { CALLGRIND_DUMP_STATS_AT(name); }
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true", help="keep the new numbers")
    options = parser.parse_args()
    reason = _cannot()
    if reason:
        print(f"Instructions are not counted: {reason}.")
        return
    built_with = _built_with()
    kept = json.loads(_KEPT.read_text()) if _KEPT.exists() else {}
    if not options.update and kept.get("built with") != built_with:
        print(
            f"Instructions are not compared: the numbers of {_KEPT.name} are of "
            f"{_described(kept.get('built with', {}))}, this is {_described(built_with)}."
        )
        return
    counts = count()
    if not counts:
        print("Instructions are not counted: valgrind's headers are not installed.")
        return
    if options.update:
        text = json.dumps({"built with": built_with, "instructions": counts}, indent=1)
        _KEPT.write_text(text + "\n")
    risen = compare(counts, kept.get("instructions", {}))
    if risen and not options.update:
        raise SystemExit(
            f"{len(risen)} of {len(counts)} steps take over {_TOLERANCE:.0%} more instructions: "
            f"{'; '.join(risen)}. If that is wanted, keep the new numbers: {_UPDATE}"
        )


def compare(counts: dict[str, int], kept: dict[str, int]) -> list[str]:
    """Prints all counts beside those kept; names of the steps that rose too much or are new."""
    risen = []
    for name, now in counts.items():
        before = kept.get(name)
        change = f"{now / before - 1:+.1%}" if before else "new"
        print(f"{name}: {now:,} ({change})")
        if before is None or now > before * (1 + _TOLERANCE):
            risen.append(name)
    return risen


def count() -> dict[str, int]:
    """Runs the steps: name → instructions of one repetition; nothing without valgrind's headers."""
    with tempfile.TemporaryDirectory() as folder:
        source, marks = Path(folder) / "marks.c", Path(folder) / "marks.so"
        source.write_text(_MARKS)
        compiled = subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", source, "-o", marks], capture_output=True
        )
        if compiled.returncode:
            return {}
        environment = {
            **os.environ,
            "ADDAX_NUM_THREADS": "1",
            "ADDAX_ISA": "avx2",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
        }
        command = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={folder}/out",
            sys.executable,
            str(_HERE / "steps.py"),
            str(marks),
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{done.stderr}\nThe steps failed under valgrind.")
        return _differences(Path(folder))


def _differences(folder: Path) -> dict[str, int]:
    parts: dict[str, dict[str, int]] = {}
    repetitions: dict[str, int] = {}
    order = sorted(folder.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    for path in order:
        text = path.read_text()
        trigger = re.search(r"^desc: Trigger: Client Request: (.+)\|(\w+)\|(\d+)$", text, re.M)
        if trigger is None:
            continue
        name, part, times = trigger.groups()
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        parts.setdefault(name, {})[part] = int(total[1])
        repetitions[name] = int(times)
    return {
        name: round((found["twice"] - found["once"]) / repetitions[name])
        for name, found in parts.items()
    }


def _cannot() -> str:
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"the numbers are of x86-64, this is {platform.machine()}"
    for program in ("valgrind", "cc"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    probe = [sys.executable, "-c", "from addax import _core; _core.isa()"]
    done = subprocess.run(probe, env={**os.environ, "ADDAX_ISA": "avx2"}, capture_output=True)
    return "this processor has no AVX2" if done.returncode else ""


def _built_with() -> dict[str, str]:
    from addax import _core

    extension = Path(_core.__file__).read_bytes()
    comments = re.findall(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", extension)
    return {
        "compiler": ", ".join(sorted({comment.decode() for comment in comments})),
        "python": " ".join(sys.version.split("\n")),
    }


def _described(built_with: dict[str, str]) -> str:
    return f"{built_with.get('compiler')} and Python {built_with.get('python')}"


if __name__ == "__main__":
    main()
