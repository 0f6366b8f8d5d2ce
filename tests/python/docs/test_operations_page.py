"""docs/operations.md lists the operations that there are."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_of_operations_is_what_the_tool_writes(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
    import operations_table

    assert operations_table.PAGE.read_text() == operations_table.page(), (
        "run python tools/operations_table.py"
    )


def test_every_operation_stands_in_the_table_once():
    lines = (ROOT / "docs" / "operations.md").read_text().splitlines()
    names = [line.split("|")[1] for line in lines if line.startswith("| `")]
    assert len(names) == len(set(names))
