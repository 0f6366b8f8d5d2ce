"""The Python in README.md and docs/ runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import addax
import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])


def python_blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S)


@pytest.mark.parametrize(
    "path", [p for p in DOCUMENTS if python_blocks(p)], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_the_code_of_a_document_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    addax.utils.clear_session()  # names begin anew, as in a fresh interpreter
    rng = np.random.default_rng(0)
    namespace = {
        "x_train": rng.random((300, 28, 28, 1)).astype("float32"),
        "y_train": rng.integers(0, 10, 300),
    }
    for block in python_blocks(path):
        exec(compile(block, str(path), "exec"), namespace)
    assert "keras" in namespace


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_document_links_to_files_that_exist(path):
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"
