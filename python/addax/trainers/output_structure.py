"""How losses and metrics given to `compile` are dealt out to the outputs of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax import tree


class Outputs:
    """The outputs of a model, flat, with a name and a path for each.

    Args:
        y_pred: Predictions (tensors, symbolic or not), nested.
        output_names: Names of the outputs of a functional model, `None` if it has none.
    """

    def __init__(self, y_pred: Any, output_names: list[str] | None = None) -> None:
        found = tree.flatten_with_path(y_pred)
        self.paths = [path for path, _ in found]
        self.structure = tree.map_structure(lambda _: 0, y_pred)
        self.single = not tree.is_nested(y_pred) or len(found) == 1
        flat_list = isinstance(y_pred, (list, tuple)) and all(len(p) == 1 for p in self.paths)
        self.declared_names = list(output_names) if output_names else None
        declared = self.declared_names or []
        if len(declared) == len(found) and (flat_list or not tree.is_nested(y_pred)):
            self.names = declared
        elif not tree.is_nested(y_pred):
            self.names = ["output_1"]
        elif flat_list:
            self.names = [f"output_{i + 1}" for i in range(len(found))]
        else:
            self.names = ["_".join(str(part) for part in path) for path in self.paths]

    def __len__(self) -> int:
        return len(self.paths)

    def flatten_like(self, data: Any, what: str) -> list[Any]:
        """The parts of targets or weights that belong to the outputs, in order; `None` where a dict
        has none.

        Raises:
            ValueError: If the structures differ.
        """
        if data is None:
            return [None] * len(self)
        if not tree.is_nested(self.structure):
            return [self._only(data, what)]
        if isinstance(data, dict) and not isinstance(self.structure, dict):
            unknown = set(data) - set(self.names)
            if unknown:
                raise ValueError(self._mismatch(data, what))
            return [data.get(name) for name in self.names]
        if not tree.is_nested(data):
            if self.single:
                return [data]
            raise ValueError(self._mismatch(data, what))
        parts = [_follow(data, path) for path in self.paths]
        if any(part is _MISSING or tree.is_nested(part) for part in parts):
            raise ValueError(self._mismatch(data, what))
        if len(tree.flatten(data)) > len(parts):
            raise ValueError(self._mismatch(data, what))
        return parts

    def _only(self, data: Any, what: str) -> Any:
        if not tree.is_nested(data):
            return data
        leaves = tree.flatten(data)
        if len(leaves) != 1:
            raise ValueError(self._mismatch(data, what))
        return leaves[0]

    def _mismatch(self, data: Any, what: str) -> str:
        def stars(structure: Any) -> Any:
            return tree.map_structure(lambda _: "*", structure)

        return (
            f"{what} and y_pred have different structures.\n"
            f"{what}: {stars(data)}\ny_pred: {stars(self.structure)}\n"
        )


_MISSING = object()


def _follow(data: Any, path: tuple) -> Any:
    """The part of nested data at a path, `None` for a key that a dict lacks."""
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, (list, tuple)) and isinstance(step, int):
            if step >= len(data):
                return _MISSING
            data = data[step]
        else:
            return _MISSING
        if data is None:
            return None
    return data


def is_leaf_identifier(x: Any) -> bool:
    """Whether it names or is one loss or metric: a string, object, callable or config."""
    if isinstance(x, dict):
        return "class_name" in x and "config" in x
    return not isinstance(x, (list, tuple))


def deal_out(given: Any, outputs: Outputs, fail: Callable[[Any, tuple], None]) -> list[Any]:
    """One entry of nested, per-output settings for each output.

    A setting that is no container serves all outputs below its place.

    Args:
        given: Setting, or list, tuple, dict of settings by output (name), nested like the outputs.
        outputs: The outputs.
        fail: Raises the error for a part of the settings that fits no output.
    """
    if not tree.is_nested(outputs.structure):
        if isinstance(given, dict) and not is_leaf_identifier(given):
            names = set(outputs.declared_names or given)
            if len(given) != 1 or not set(given) <= names:
                fail(given, ())
            return list(given.values())
        return [given]
    is_by_name = isinstance(given, dict) and not is_leaf_identifier(given)
    if is_by_name and not isinstance(outputs.structure, dict):
        if not set(given) <= set(outputs.names):
            fail(given, ())
        return [given.get(name) for name in outputs.names]
    dealt: list[Any] = []
    _deal(given, outputs.structure, (), dealt, fail)
    return dealt


def _deal(given: Any, structure: Any, path: tuple, dealt: list[Any], fail: Callable) -> None:
    if not tree.is_nested(structure):
        dealt.append(given)
    elif given is None or is_leaf_identifier(given):
        dealt.extend(given for _ in tree.flatten(structure))
    elif isinstance(structure, dict):
        if isinstance(given, (list, tuple)):
            if len(given) != len(structure):
                fail(given, path)
            given = dict(zip(tree_keys(structure), given))
        for key in given:
            if key not in structure:
                fail(given, (*path, key))
        for key in tree_keys(structure):
            _deal(given.get(key), structure[key], (*path, key), dealt, fail)
    else:
        if isinstance(given, dict) or len(given) != len(structure):
            fail(given, path)
        for i, (part, below) in enumerate(zip(given, structure)):
            _deal(part, below, (*path, i), dealt, fail)


def tree_keys(structure: dict) -> list:
    """The keys of a dict in the order of `tree.flatten`."""
    return [path[0] for path, _ in tree.flatten_with_path(dict.fromkeys(structure, 0))]
