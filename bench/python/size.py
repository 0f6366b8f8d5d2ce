"""Size of the wheel, and of what it installs without its requirements.

python bench/python/size.py              # builds the wheel
python bench/python/size.py --wheel addax-….whl
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from report import print_table

_ROOT = Path(__file__).resolve().parents[2]


def measure(wheel: str | None = None) -> dict[str, Any]:
    """Bytes of a wheel, built now if none is given."""
    if wheel is not None:
        return _sizes(Path(wheel))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "wheel",
                "--quiet",
                "--no-deps",
                "-w",
                folder,
                str(_ROOT),
            ],
            check=True,
        )
        (built,) = Path(folder).glob("*.whl")
        return _sizes(built)


def _sizes(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.infolist()
    extension = sum(e.file_size for e in entries if e.filename.endswith((".so", ".pyd")))
    return {
        "wheel": wheel.stat().st_size,
        "installed": sum(e.file_size for e in entries),
        "extension": extension,
        "files": len(entries),
    }


def show(found: dict[str, Any]) -> None:
    print_table(
        "Size",
        ["wheel", "installed", "of which the extension", "files"],
        [
            [
                *(f"{found[k] / 1e6:.2f} MB" for k in ("wheel", "installed", "extension")),
                str(found["files"]),
            ]
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", help="a wheel that is there already")
    show(measure(parser.parse_args().wheel))


if __name__ == "__main__":
    main()
