"""Writes docs/operations.md from the operation table of the core; a test tells when it is old."""

from __future__ import annotations

from pathlib import Path

from addax import _core

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
UNBOUNDED = 1000

HEAD = """# The operation table

Everything Addax computes is one of these operations; Keras's functions are compositions of them.
Shape rule, gradient rule and kernel of each stand in one file of `cpp/src/ops/`. In Python:
`addax._core.op(name)(*tensors, **attributes)`. Written by `python tools/operations_table.py`.

| operation | inputs | attributes | gradient |
| --- | --- | --- | --- |
"""


def inputs(operation: _core.Operation) -> str:
    low, high = operation.min_inputs, operation.max_inputs
    if low == high:
        return str(low)
    return f"{low} or more" if high > UNBOUNDED else f"{low} to {high}"


def row(name: str) -> str:
    operation = _core.op(name)
    attributes = ", ".join(f"`{a}`" for a in operation.attributes)
    gradient = "yes" if operation.differentiable else f"no: {operation.no_gradient}"
    return f"| `{name}` | {inputs(operation)} | {attributes} | {gradient} |\n"


def page() -> str:
    return HEAD + "".join(row(name) for name in sorted(_core.operation_names()))


if __name__ == "__main__":
    PAGE.write_text(page())
