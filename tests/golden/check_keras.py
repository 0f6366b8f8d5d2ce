"""Writes docs/interop/keras.json: which files of Keras load in Addax, and which of Addax in Keras.

    ADDAX_KERAS=/path/to/python[:/path/to/another] python check_keras.py

Each of the interpreters named has one version of Keras. Keras's own files come from the archives
that make_keras.py wrote. For every format and direction the JSON says of each model "pass", or
what happened instead; directions of "training" are over compiled models, and compare losses, too.
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


# What is known of a verdict: part of it → in words.
EXPLAINED = {
    "`optimizer_variables` must be": (
        "Keras builds the optimizer of an .h5 file for no variables, and cannot go on"
    ),
    "losses [0.62777, 0.61689": (
        "the compiled step of Keras 2's Nadam advances its product once per variable"
    ),
    "name already exists": "Keras gives two variables one name, and cannot write the file",
}


def explained(verdict: str) -> str:
    """A verdict in words, where it is known what is behind it."""
    return next((words for part, words in EXPLAINED.items() if part in verdict), verdict)


def arranged(results: dict[str, dict[str, str]], versions: list[str]) -> dict:
    """What is kept: models and training in directions of their own, in order."""
    directions: dict[str, dict[str, str]] = {}
    for title, found in sorted(results.items()):
        for name, verdict in sorted(found.items()):
            kind, _, case = name.rpartition("/")
            directions.setdefault(f"{title}, {kind}" if kind else title, {})[case] = explained(
                verdict
            )
    return {"directions": dict(sorted(directions.items())), "keras": ", ".join(sorted(versions))}


def main() -> None:
    import addax

    warnings.simplefilter("ignore")
    results, versions = {}, set()
    with tempfile.TemporaryDirectory() as temporary:
        for archive in sorted((HERE / "keras").glob("*.tar.xz")):
            folder = Path(temporary) / archive.name
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            version = json.loads((folder / "expected.json").read_text())["keras"]
            for ending, found in interop_files.read_files(addax, folder).items():
                results[f"Keras {version} to Addax, {ending}"] = found
            versions.add(version)
        own = Path(temporary) / "addax"
        own.mkdir()
        interop_files.write_files(addax, own, WRITTEN)
        for python in pythons():
            version, answers = read_by_keras(python, own)
            for ending, found in answers.items():
                results[f"Addax to Keras {version}, {ending}"] = found
            versions.add(version)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(arranged(results, list(versions)), indent=1) + "\n")
    for title, found in sorted(results.items()):
        passed = sum(verdict == interop_files.PASS for verdict in found.values())
        print(f"{title}: {passed} of {len(found)}", file=sys.stderr)


if __name__ == "__main__":
    main()
