"""docs/performance.md lists the passes that there are, in the order in which they run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_table_of_passes_is_the_list_of_the_core():
    source = (ROOT / "cpp/src/program/passes/optimize.cpp").read_text()
    listed = re.search(r"kPasses\[.*?\{(.*?)\};", source, re.S)[1]
    passes = re.findall(r"passes::(\w+)", listed)
    for before, asked_for in re.findall(
        r"pass == passes::(\w+)\)\s*result = passes::(\w+)", source
    ):
        passes.insert(passes.index(before) + 1, asked_for)

    page = (ROOT / "docs/performance.md").read_text()
    table = re.search(r"^\| pass \|.*\n\| --- .*\n((?:\|.*\n)+)", page, re.M)[1]
    assert re.findall(r"^\| (\w+) \|", table, re.M) == passes
    files = {path.stem for path in (ROOT / "cpp/src/program/passes").glob("*.cpp")}
    assert set(passes) == files - {"optimize", "shared"}
