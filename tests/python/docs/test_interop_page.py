"""docs/interop.md shows the results in docs/interop as they are."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def interop_table(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
    import interop_table

    return interop_table


def test_the_page_of_formats_is_what_the_tool_writes(interop_table):
    assert interop_table.PAGE.read_text() == interop_table.page(), (
        "run python tools/interop_table.py"
    )


def test_models_that_fail_are_named_with_their_reason(interop_table, tmp_path):
    path = tmp_path / "program.json"
    there = {"dense": "pass", "gru": "fails:\n no  gates", "lstm": "fails: no gates"}
    found = {"there": there, "back": {"dense": "pass", "gru": "fails: no gates"}}
    path.write_text(json.dumps({"directions": found, "program": "1.2"}))
    lines = interop_table.section(path).splitlines()
    assert lines[0] == "### program 1.2"
    assert "| there | 1 | 3 |" in lines and "| back | 1 | 2 |" in lines
    assert "- `gru` (there; back): fails: no gates" in lines
    assert "- `lstm` (there): fails: no gates" in lines
    assert "| `dense` | ✓ | ✓ |" in lines and "| `lstm` | – |  |" in lines


def test_directions_over_other_models_have_a_table_of_their_own(interop_table):
    found = {"there": {"dense": "pass"}, "back": {"dense": "pass"}, "training": {"adam": "pass"}}
    heads = [line for line in interop_table.matrices(found).splitlines() if "model" in line]
    assert heads == ["| model | there | back |", "| model | training |"]


def test_verdicts_may_stand_alone(interop_table, tmp_path):
    path = tmp_path / "keras.json"
    path.write_text(json.dumps({"there": {"dense": "pass"}}))
    assert "| there | 1 | 1 |\n\nAll pass." in interop_table.section(path)
    path.write_text(json.dumps({"there": ["dense"]}))
    with pytest.raises(ValueError, match=r"'there' in .*keras\.json must map models to verdicts"):
        interop_table.section(path)
