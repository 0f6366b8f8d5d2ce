"""The names that weights have in model.json: `<layer>/<leaf>`, as TensorFlow.js writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from addax.backend.dtypes import is_float_dtype
from addax.backend.names import unique_name
from addax.backend.warning import warn

# What old Keras and TensorFlow.js call a variable, where Keras 3 has another word.
_LEAVES = {
    "DepthwiseConv1D": {"kernel": "depthwise_kernel"},
    "DepthwiseConv2D": {"kernel": "depthwise_kernel"},
}


def named_weights(model: Any) -> list[tuple[str, Any]]:
    """Pairs of a unique name and a `Variable` for all weights, in order of `model.weights`."""
    return _named(model, _prefix_of)


def layer_names(model: Any) -> dict[int, str]:
    """Names of the layers of a model and its nested models, by id.

    Weights are named after their layer alone, so layers with weights that share a name in different
    nested models get numbers: TensorFlow.js refuses a file in which a name stands twice.
    """
    found: dict[int, Any] = {}

    def collect(graph: Any) -> None:
        for layer in graph._tracked().layers:
            if id(layer) not in found:
                found[id(layer)] = layer
                if _is_graph(layer):
                    collect(layer)

    if _is_graph(model):
        collect(model)
    names = {key: layer.name for key, layer in found.items()}
    every, taken = set(names.values()), set()
    for key, layer in found.items():
        name, n = layer.name, 0
        if _is_graph(layer) or not layer.weights:
            continue
        while name in taken or (n and name in every):
            n += 1
            name = f"{layer.name}_{n}"
        taken.add(name)
        names[key] = name
    return names


def _named(model: Any, prefix_of: Callable[[Any, Any, str], str]) -> list[tuple[str, Any]]:
    names: dict[int, str] = {}
    taken: set[str] = set()
    of_layers = layer_names(model)

    def visit(layer: Any, prefix: str, in_graph: bool) -> None:
        leaves = _LEAVES.get(type(layer).__name__, {})
        state = layer._tracked()
        for v in state.variables:
            if id(v) not in names:
                names[id(v)] = _unique(prefix + leaves.get(v.name, v.name), taken)
        for sublayer in state.layers:
            if in_graph and not _is_graph(sublayer):
                inner = f"{of_layers.get(id(sublayer), sublayer.name)}/"
            elif in_graph:
                inner = ""  # layers of nested models are named without the model
            else:
                inner = prefix_of(sublayer, layer, prefix)
            visit(sublayer, inner, in_graph and _is_graph(sublayer))

    visit(model, "", True)
    weights = model._collect_weights()
    for v in weights:
        if id(v) not in names:
            names[id(v)] = _unique(v.path, taken)
    return [(names[id(v)], v) for v in weights]


def _prefix_of(layer: Any, parent: Any, prefix: str) -> str:
    """What stands before the weights of a layer within a layer."""
    from addax.layers.rnn.rnn import RNN
    from addax.layers.rnn.stacked_rnn_cells import StackedRNNCells
    from addax.layers.rnn.time_distributed import TimeDistributed

    # TensorFlow.js has no level for the cell of a recurrent layer, nor for what is distributed.
    if isinstance(parent, (TimeDistributed, RNN)):
        return prefix
    if isinstance(parent, StackedRNNCells) and layer in parent.cells:
        return f"{prefix}RNNCell_{parent.cells.index(layer)}/"
    return f"{prefix}{layer.name}/"


def _prefix_of_converter(layer: Any, parent: Any, prefix: str) -> str:
    """The same in files of the converter, which keeps the names of cells in a stack:
    `rnn/stacked_rnn_cells/lstm_cell/kernel`."""
    from addax.layers.rnn.stacked_rnn_cells import StackedRNNCells

    if isinstance(parent, StackedRNNCells):
        return f"{prefix}{parent.name}/{layer.name}/"
    return _prefix_of(layer, parent, prefix)


def _is_graph(layer: Any) -> bool:
    from addax.models.functional import Functional
    from addax.models.sequential import Sequential

    return isinstance(layer, (Functional, Sequential))


def _unique(name: str, taken: set[str]) -> str:
    # TensorFlow.js takes a name that ends in a number for another layout.
    return unique_name(name + "_" if re.search(r"/\d+$", name) else name, taken)


def match_by_name(model: Any, given: dict[str, Any]) -> list[tuple[str, Any]]:
    """Finds for each weight of the model the tensor of a file that other programs wrote.

    A name fits as it is, without its last level but one (a cell's name between), or without
    levels in front (a model's name). Layers that were numbered otherwise (`dense_3` where the file
    has `dense`, since names are counted per process) fit if all weights follow in the same order.

    Args:
        model: A built model.
        given: Tensors by name.

    Returns:
        Pairs of a name in the file and a `Variable`.

    Raises:
        ValueError: If a weight is missing, or one of the file is left over.
    """
    wanted = named_weights(model)
    found = _names_in_file(model, wanted, given)
    missing = [name for name, _ in wanted if name not in found]
    extra = sorted(set(given) - set(found.values()))
    if missing or extra:
        raise ValueError(
            f"The weights of the file do not fit model '{model.name}'. "
            f"Missing in the file: {_few(missing)}. Not in the model: {_few(extra)}."
        )
    return [(found[name], v) for name, v in wanted]


def assign_fitting(model: Any, given: dict[str, Any]) -> None:
    """Gives the weights of a model the tensors of a file that fit; a warning names each other.

    Args:
        model: A built model.
        given: Tensors by name, found as `match_by_name` does.
    """
    wanted = named_weights(model)
    found = _names_in_file(model, wanted, given)
    for name, v in wanted:
        problem = "The file has nothing for it."
        if name in found:
            problem = _problem(found[name], v, given[found[name]])
        if problem:
            warn(f"Weight '{name}' of shape {tuple(v.shape)} is left as it is. {problem}")
        else:
            v.assign(given[found[name]])


def _names_in_file(
    model: Any, wanted: list[tuple[str, Any]], given: dict[str, Any]
) -> dict[str, str]:
    """The names that weights have in the file, by our names, as far as they are found."""
    names = dict(wanted)
    ours = {id(v): name for name, v in wanted}
    converted = {name: ours[id(v)] for name, v in _named(model, _prefix_of_converter)}
    found: dict[str, str] = {}
    for name in given:
        others = (*_fallbacks(name), *(converted.get(x) for x in _fallbacks(name)))
        target = next((t for t in others if t in names and t not in found), None)
        if target is not None:
            found[target] = name
    if len(found) < len(wanted) and _unnumbered(names) == _unnumbered(given):
        return dict(zip(names, given))
    return found


def _unnumbered(names: Iterable[str]) -> list[str]:
    return [re.sub(r"_\d+(?=/)", "", name) for name in names]


def _fallbacks(name: str) -> Iterator[str]:
    name = name.removesuffix(":0")
    levels = name.split("/")
    yield name
    if len(levels) > 2:
        yield "/".join([*levels[:-2], levels[-1]])
    for start in range(1, len(levels) - 1):
        rest = levels[start:]
        yield "/".join(rest)
        if len(rest) > 2:
            yield "/".join([*rest[:-2], rest[-1]])


def _few(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:10]) or "none"
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def assign_checked(name: str, variable: Any, value: Any) -> None:
    """Gives a variable the tensor of a file.

    Raises:
        ValueError: If shapes differ, or the kinds of number do.
    """
    problem = _problem(name, variable, value)
    if problem:
        raise ValueError(problem)
    variable.assign(value)


def _problem(name: str, variable: Any, value: Any) -> str:
    """Why a variable cannot take the tensor of a file; empty if it can."""
    if tuple(value.shape) != tuple(variable.shape):
        return (
            f"Weight '{name}' has shape {tuple(value.shape)} in the file, but the model's "
            f"'{variable.path}' has shape {tuple(variable.shape)}."
        )
    given = str(value.dtype)
    if given != variable._dtype and not (is_float_dtype(given) and is_float_dtype(variable._dtype)):
        return (
            f"Weight '{name}' is {given} in the file, but the model's '{variable.path}' is "
            f"{variable._dtype}."
        )
    return ""
