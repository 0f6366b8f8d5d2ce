"""Nested structures of lists, tuples, named tuples and dicts: flatten them, map over them, put
them together again.

Everything else, `None` included, is a leaf. Dicts are visited in the order of their sorted keys,
ordered dicts in their own.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put `None` into the result."""


def is_nested(structure: Any) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(structure, (list, tuple, dict))


def _keys(structure: Mapping) -> list:
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:
        return list(structure)


def _is_namedtuple(structure: Any) -> bool:
    return isinstance(structure, tuple) and hasattr(structure, "_fields")


def _children(structure: Any) -> list:
    if isinstance(structure, dict):
        return [structure[key] for key in _keys(structure)]
    return list(structure)


def _rebuild(structure: Any, children: Iterable) -> Any:
    """A structure of the same type and keys with other children (in the order of `_children`)."""
    if isinstance(structure, dict):
        values = dict(zip(_keys(structure), children))
        items = [(key, values[key]) for key in structure]
        if isinstance(structure, defaultdict):
            return defaultdict(structure.default_factory, items)
        kind = type(structure)
        return dict(items) if kind is dict else kind(items)
    if _is_namedtuple(structure):
        return type(structure)(*children)
    return type(structure)(children)


def flatten(structure: Any) -> list:
    """The leaves, in order; `[structure]` for a leaf."""
    leaves: list = []
    _flatten_into(structure, leaves)
    return leaves


def _flatten_into(structure: Any, leaves: list) -> None:
    if isinstance(structure, dict):
        for key in _keys(structure):
            _flatten_into(structure[key], leaves)
    elif isinstance(structure, (list, tuple)):
        for child in structure:
            _flatten_into(child, leaves)
    else:
        leaves.append(structure)


def flatten_with_path(structure: Any) -> list[tuple[tuple, Any]]:
    """Pairs (path, leaf), the path being the keys and indices from the root."""
    pairs: list[tuple[tuple, Any]] = []

    def visit(node: Any, path: tuple) -> None:
        if isinstance(node, dict):
            for key in _keys(node):
                visit(node[key], (*path, key))
        elif isinstance(node, (list, tuple)):
            fields = getattr(node, "_fields", None) or range(len(node))
            for key, child in zip(fields, node):
                visit(child, (*path, key))
        else:
            pairs.append((path, node))

    visit(structure, ())
    return pairs


def map_structure(func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """Applies `func` to the corresponding leaves of structures of one form; the result has that
    form.

    Raises:
        TypeError: If `func` is not callable.
        ValueError: If no structure is given, or their forms differ.
    """
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: func={func}")
    if not structures:
        raise ValueError("Must provide at least one structure")
    first = structures[0]
    for other in structures[1:]:
        assert_same_structure(first, other)
    return _map(func, first, structures[1:], none_is_leaf)


def _map(func: Callable, first: Any, others: tuple, none_is_leaf: bool) -> Any:
    if not is_nested(first):
        if first is None and not none_is_leaf:
            return None
        return func(first, *others)
    columns = [_children(other) for other in others]
    children = [
        _map(func, child, tuple(column[i] for column in columns), none_is_leaf)
        for i, child in enumerate(_children(first))
    ]
    return _rebuild(first, children)


def map_structure_up_to(shallow_structure: Any, func: Callable, *structures: Any) -> Any:
    """Applies `func` to the parts of the structures that stand where `shallow_structure` has
    leaves."""
    if not structures:
        raise ValueError("Must provide at least one structure")
    if not is_nested(shallow_structure):
        return func(*structures)
    columns = []
    for structure in structures:
        if not is_nested(structure) or len(structure) != len(shallow_structure):
            raise ValueError(
                "The structures do not have the form of the shallow one. "
                f"Received: shallow_structure={shallow_structure}, structure={structure}"
            )
        if isinstance(shallow_structure, dict):
            if not isinstance(structure, dict) or set(structure) != set(shallow_structure):
                raise ValueError(
                    "The structures do not have the keys of the shallow one. "
                    f"Received: shallow_structure={shallow_structure}, structure={structure}"
                )
            columns.append([structure[key] for key in _keys(shallow_structure)])
        else:
            columns.append(_children(structure))
    children = [
        map_structure_up_to(child, func, *(column[i] for column in columns))
        for i, child in enumerate(_children(shallow_structure))
    ]
    return _rebuild(shallow_structure, children)


def traverse(func: Callable, structure: Any, top_down: bool = True) -> Any:
    """Applies `func` to every node. Where it returns something other than `None`, that stands
    in the result.

    Args:
        func: Called with each subtree. `None` means: go on into it (top-down) or keep it
            (bottom-up); `MAP_TO_NONE` means: put `None`.
        structure: Nested structure.
        top_down: Parents before their children, otherwise after.
    """
    if top_down:
        result = func(structure)
        if result is None:
            if not is_nested(structure):
                return structure
            return _rebuild(structure, [traverse(func, c, True) for c in _children(structure)])
    else:
        if is_nested(structure):
            structure = _rebuild(
                structure, [traverse(func, c, False) for c in _children(structure)]
            )
        result = func(structure)
        if result is None:
            return structure
    if result is MAP_TO_NONE or isinstance(result, MAP_TO_NONE):
        return None
    return result


def assert_same_structure(a: Any, b: Any, check_types: bool = True) -> None:
    """Checks that two structures have one form: the same nesting, lengths and keys (and, if
    wanted, types).

    Raises:
        ValueError: If the nesting, a length or a key differs, or a type.
    """
    if is_nested(a) != is_nested(b):
        raise ValueError(f"`a` and `b` don't have the same structure. Received: a={a}, b={b}")
    if not is_nested(a):
        return
    if isinstance(a, dict) != isinstance(b, dict) or (check_types and not _same_kind(a, b)):
        raise ValueError(
            "`a` and `b` don't have the same structure: "
            f"{type(a).__name__} and {type(b).__name__}. Received: a={a}, b={b}"
        )
    if len(a) != len(b) or (isinstance(a, dict) and set(a) != set(b)):
        raise ValueError(f"`a` and `b` don't have the same structure. Received: a={a}, b={b}")
    if isinstance(a, dict):
        for key in a:
            assert_same_structure(a[key], b[key], check_types)
    else:
        for x, y in zip(a, b):
            assert_same_structure(x, y, check_types)


def _same_kind(a: Any, b: Any) -> bool:
    return type(a) is type(b) or (isinstance(a, dict) and isinstance(b, dict))


def assert_same_paths(a: Any, b: Any) -> None:
    """Checks that two structures have the same paths to their leaves, whatever the container types.

    Raises:
        ValueError: If a path is only in one of them.
    """
    paths_a = {path for path, _ in flatten_with_path(a)}
    paths_b = {path for path, _ in flatten_with_path(b)}
    if paths_a != paths_b:
        raise ValueError(
            "`a` and `b` don't have the same paths. "
            f"Only in a: {sorted(map(str, paths_a - paths_b))}, only in b: "
            f"{sorted(map(str, paths_b - paths_a))}"
        )


def pack_sequence_as(structure: Any, flat_sequence: Iterable) -> Any:
    """The form of `structure` with the leaves of `flat_sequence`.

    Raises:
        TypeError: If `flat_sequence` is not iterable.
        ValueError: If it has more or fewer elements than the structure has leaves.
    """
    leaves = list(flat_sequence)
    if not is_nested(structure):
        if len(leaves) != 1:
            raise ValueError(
                f"The target structure is a leaf, but the flat sequence has {len(leaves)} elements."
            )
        return leaves[0]
    count = len(flatten(structure))
    if count != len(leaves):
        raise ValueError(
            f"Could not pack sequence. Structure had {count} atoms, but flat_sequence had "
            f"{len(leaves)} items. "
            f"Structure: {structure}, flat_sequence: {leaves}."
        )
    source = iter(leaves)
    return _pack(structure, source)


def _pack(structure: Any, source: Any) -> Any:
    if not is_nested(structure):
        return next(source)
    return _rebuild(structure, [_pack(child, source) for child in _children(structure)])


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples in place of lists."""
    if isinstance(structure, list):
        return tuple(lists_to_tuples(child) for child in structure)
    if is_nested(structure):
        return _rebuild(structure, [lists_to_tuples(child) for child in _children(structure)])
    return structure


def is_shape(x: Any) -> bool:
    """Whether it is a shape: a tuple or list of whole numbers and `None` only."""
    return isinstance(x, (list, tuple)) and all(d is None or isinstance(d, int) for d in x)


def map_shape_structure(func: Callable, structure: Any) -> Any:
    """Applies `func` to the shapes in a structure; a tuple or list of numbers and `None` is a leaf.

    Raises:
        ValueError: If a leaf is neither a shape nor `None`.
    """
    if is_shape(structure) and (structure or isinstance(structure, tuple)):
        return func(structure)
    if is_nested(structure):
        return _rebuild(
            structure, [map_shape_structure(func, child) for child in _children(structure)]
        )
    if structure is None:
        return None
    raise ValueError(f"Received an element that is not a shape: {structure}")
