"""Writes docs/interop/keras.json: which files of Keras load in Addax, and which of Addax in Keras.

    ADDAX_KERAS=/path/to/python[:/path/to/another] python check_keras.py

Each of the interpreters named has one version of Keras. Keras's own files come from the archives
that make_keras.py wrote. For every format and direction the JSON says of each model "pass", or
what happened instead; "training/…" are compiled models, of which losses are compared, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

import interop_files

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "docs" / "interop" / "keras.json"
WRITTEN = (".keras", ".h5", ".weights.h5")


def pythons() -> list[str]:
    """The interpreters with real Keras that the environment names."""
    return [path for path in os.environ.get("ADDAX_KERAS", "").split(os.pathsep) if path]


def read_by_keras(python: str, folder: Path) -> tuple[str, dict]:
    """The version of Keras of an interpreter, and what it says about the files of a folder."""
    environment = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **os.environ}
    environment.pop("PYTHONPATH", None)
    command = [python, str(HERE / "interop_files.py"), str(folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{python} failed:\n{result.stderr[-2000:]}")
    answer = json.loads(result.stdout.splitlines()[-1])
    return answer["keras"], answer["results"]


def main() -> None:
    import addax

    warnings.simplefilter("ignore")
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for archive in sorted((HERE / "keras").glob("*.tar.xz")):
            folder = Path(temporary) / archive.name
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            version = json.loads((folder / "expected.json").read_text())["keras"]
            for ending, found in interop_files.read_files(addax, folder).items():
                results[f"Keras {version} -> Addax {ending}"] = found
        own = Path(temporary) / "addax"
        own.mkdir()
        interop_files.write_files(addax, own, WRITTEN)
        for python in pythons():
            version, answers = read_by_keras(python, own)
            for ending, found in answers.items():
                results[f"Addax -> Keras {version} {ending}"] = found
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    for title, found in sorted(results.items()):
        passed = sum(verdict == interop_files.PASS for verdict in found.values())
        print(f"{title}: {passed} of {len(found)}", file=sys.stderr)


if __name__ == "__main__":
    main()
