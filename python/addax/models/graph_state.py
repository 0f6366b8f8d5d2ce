"""Graphs in copies and pickles of models: as a flat list of calls, however deep the graph is.

A graph's objects refer to each other in a chain as long as the model is deep; a pickle or a copy
that followed it would run out of stack.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from addax import tree
from addax.backend.keras_tensor import KerasTensor
from addax.models.graph import node_of
from addax.ops.node import Node


class _Reference(NamedTuple):
    """Output `tensor` of the call number `call`."""

    call: int
    tensor: int


class GraphState:
    """Calls and symbolic tensors of a graph without the references between them.

    Args:
        nodes: The calls, each after those whose outputs it takes.
        structures: Nested `KerasTensor`s that the calls give.
    """

    def __init__(self, nodes: list[Node], structures: list[Any]):
        self._places = {
            id(x): _Reference(i, k)
            for i, node in enumerate(nodes)
            for k, x in enumerate(node.outputs)
        }
        self._calls = [self._describe(node) for node in nodes]
        self._structures = [tree.map_structure(self._refer, s) for s in structures]
        del self._places

    def _refer(self, x: Any) -> Any:
        # A named tuple would be taken for a part of the structure.
        return _Leaf(self._places[id(x)]) if isinstance(x, KerasTensor) else x

    def _describe(self, node: Node) -> tuple:
        args, kwargs = node.arguments.args, node.arguments.kwargs
        outputs = [
            {k: v for k, v in x.__dict__.items() if k != "_keras_history"} for x in node.outputs
        ]
        return (
            node.operation,
            tree.map_structure(self._refer, args),
            tree.map_structure(self._refer, kwargs),
            outputs,
        )

    def restore(self) -> list[Any]:
        """Makes the calls' nodes anew; returns the structures."""
        outputs: list[list[KerasTensor]] = []

        def tensor_of(x: Any) -> Any:
            return outputs[x.place.call][x.place.tensor] if isinstance(x, _Leaf) else x

        for operation, args, kwargs, described in self._calls:
            tensors = []
            for attributes in described:
                x = KerasTensor.__new__(KerasTensor)
                x.__dict__.update(attributes)
                tensors.append(x)
            Node(
                operation,
                call_args=tree.map_structure(tensor_of, args),
                call_kwargs=tree.map_structure(tensor_of, kwargs),
                outputs=tensors,
            )
            outputs.append(tensors)
        return [tree.map_structure(tensor_of, s) for s in self._structures]


class _Leaf:
    """A reference, as a leaf of a structure."""

    def __init__(self, place: _Reference):
        self.place = place


def nodes_of(tensors: list[KerasTensor]) -> list[Node]:
    """The calls that made these tensors."""
    return [node_of(x) for x in tensors]
