"""Runs the cells of a guide in one namespace, as a notebook does.

A guide is a text file: each line `%% name` begins a cell, and `%% prints` what the cell before it
prints.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Cell:
    name: str
    code: str
    prints: str


def read_cells(path: Path) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    last = None
    for block in ("\n" + path.read_text()).split("\n%% ")[1:]:
        name, _, text = block.partition("\n")
        if name == "prints":
            last.prints = text.rstrip("\n") + "\n"
        else:
            assert name not in cells
            cells[name] = last = Cell(name, text, "")
    return cells


class Notebook:
    """A namespace in which cells run; names bound in it are attributes."""

    def __init__(self, path: Path):
        self.cells = read_cells(path)
        self.names: dict[str, object] = {}

    def run(self, name: str, **instead: str) -> str:
        """Runs a cell and returns what it printed.

        `instead` maps the name of a method whose call the guide leaves open, as in `fit(...)`, to
        its arguments.
        """
        code = self.cells[name].code
        for method, arguments in instead.items():
            assert f".{method}(...)" in code
            code = code.replace(f".{method}(...)", f".{method}({arguments})")
        assert "(...)" not in code, "tell what to call it with"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"<cell {name}>", "exec"), self.names)
        return printed.getvalue()

    def __getattr__(self, name: str):
        try:
            return self.names[name]
        except KeyError:
            raise AttributeError(name) from None


def summary_facts(text: str) -> list[tuple]:
    """What a summary says, whether Keras 2 or 3 drew it: the model's name, then layers as (name,
    shape, parameters), then the totals.
    """
    facts: list[tuple] = []
    for line in text.splitlines():
        plain = re.sub("[│┃]", " ", line).strip()
        if plain.startswith("Model: "):
            facts.append(("model", plain.split('"')[1]))
        elif " params: " in plain:
            what, _, count = plain.partition(" params: ")
            facts.append((what, int(count.split(" ")[0].replace(",", ""))))
        elif "(" in plain and "Layer (type)" not in plain:
            name = plain.split(" ")[0]
            shape = plain[plain.rindex("(") : plain.rindex(")") + 1]
            count = plain[plain.rindex(")") + 1 :].strip().replace(",", "")
            facts.append((name, shape, int(count)))
    return facts
