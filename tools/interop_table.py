"""Writes the results in docs/interop.md from docs/interop/*.json; a test tells when they are old.

Each file is what a suite of tests found: `{direction: {model: verdict}}`, alone or under the key
`directions` beside the versions of what was tested. A verdict is "pass", or what happened instead.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "interop.md"
RESULTS = PAGE.parent / "interop"
MARKS = ("<!-- results: tools/interop_table.py -->", "<!-- end of results -->")
PASS = "pass"
TITLES = {"keras": "Keras", "tfjs": "TensorFlow.js"}

Directions = dict[str, dict[str, str]]


def read(path: Path) -> tuple[str, Directions]:
    """The title and the directions of a file of results.

    Raises:
        ValueError: If it has another form.
    """
    document: dict[str, Any] = json.loads(path.read_text())
    found = document.get("directions", document)
    for direction, models in found.items():
        if not isinstance(models, dict) or not all(isinstance(v, str) for v in models.values()):
            raise ValueError(f"'{direction}' in {path} must map models to verdicts")
    versions = {name: v for name, v in document.items() if name != "directions"}
    if found is document:
        versions = {path.stem: ""}
    title = ", ".join(f"{TITLES.get(name, name)} {v}".strip() for name, v in versions.items())
    return title, found


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def summary(directions: Directions) -> str:
    """A row per direction: how many models pass, of how many."""
    rows = []
    for direction, models in directions.items():
        passed = sum(verdict == PASS for verdict in models.values())
        rows.append([direction, str(passed), str(len(models))])
    return table(["direction", "pass", "of"], rows)


def failures(directions: Directions) -> str:
    """What happened with the models that do not pass: a line for all with the same in the same."""
    places: dict[tuple[str, str], list[str]] = {}
    for direction, models in directions.items():
        for model, verdict in models.items():
            if verdict != PASS:
                places.setdefault((" ".join(verdict.split()), model), []).append(direction)
    alike: dict[tuple[str, str], list[str]] = {}
    for (verdict, model), where in sorted(places.items()):
        alike.setdefault((verdict, "; ".join(where)), []).append(f"`{model}`")
    lines = [f"- {', '.join(names)} ({where}): {v}\n" for (v, where), names in alike.items()]
    return f"What does not pass:\n\n{''.join(sorted(lines))}" if lines else "All pass.\n"


def matrices(directions: Directions) -> str:
    """A row per model, a column per direction; directions over other models have a table apart."""
    kin: list[Directions] = []
    for direction, models in directions.items():
        found = next(
            (group for group in kin if any(set(m) & set(models) for m in group.values())), {}
        )
        if not found:
            kin.append(found)
        found[direction] = models
    return "\n".join(matrix(group) for group in kin)


def matrix(directions: Directions) -> str:
    signs = {PASS: "✓", "": ""}
    names = sorted({model for models in directions.values() for model in models})
    rows = [
        [f"`{name}`", *(signs.get(models.get(name, ""), "–") for models in directions.values())]
        for name in names
    ]
    return table(["model", *directions], rows)


def section(path: Path) -> str:
    """The results of one file."""
    title, directions = read(path)
    detail = f"<details><summary>Model by model</summary>\n\n{matrices(directions)}\n</details>\n"
    return "\n".join([f"### {title}\n", summary(directions), failures(directions), detail])


def page() -> str:
    """The page with the results that there are."""
    before, rest = PAGE.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    sections = "\n".join(section(path) for path in sorted(RESULTS.glob("*.json")))
    return f"{before}{MARKS[0]}\n\n{sections}\n{MARKS[1]}{after}"


if __name__ == "__main__":
    PAGE.write_text(page())
