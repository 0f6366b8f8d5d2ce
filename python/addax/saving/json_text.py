"""JSON in files: written without the floats that it lacks, read with no key twice."""

from __future__ import annotations

import json
import math
from typing import Any


def finite(x: Any) -> Any:
    """Plain JSON: tuples as lists, and the floats that JSON lacks as `__float__` entries."""
    if isinstance(x, float) and not math.isfinite(x):
        return {"class_name": "__float__", "config": {"value": repr(x)}}
    if isinstance(x, dict):
        return {str(k): finite(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [finite(v) for v in x]
    return x


def to_json(document: dict[str, Any]) -> str:
    """A model's configuration as JSON.

    Raises:
        ValueError: If it holds what JSON does not know.
    """
    try:
        return json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The model cannot be saved: its configuration is no JSON ({error}). `get_config()` of "
            "custom objects must return plain values, or use `serialize_keras_object`."
        ) from error


def from_json(text: str | bytes, what: str) -> Any:
    """The value of a file's JSON.

    Args:
        text: The JSON; bytes are UTF-8.
        what: What it is, for the error.

    Raises:
        ValueError: If it is not JSON, is nested too deeply, or has a key twice.
    """
    try:
        text = text.decode("utf-8") if isinstance(text, bytes) else text
        return json.loads(text, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not JSON: {error}") from error


def object_from_json(text: str | bytes, what: str) -> dict[str, Any]:
    """The same of JSON that must be an object.

    Raises:
        ValueError: If it is none, or as `from_json`.
    """
    found = from_json(text, what)
    if not isinstance(found, dict):
        raise ValueError(f"{what} must be an object.")
    return found


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found
