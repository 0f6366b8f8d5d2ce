"""The graph that symbolic calls leave behind: one `Node` per call of an operation."""

from __future__ import annotations

from typing import Any, NamedTuple

from addax import tree
from addax.backend.keras_tensor import KerasTensor


class KerasHistory(NamedTuple):
    """Origin of a `KerasTensor`: output `tensor_index` of call `node_index` of `operation`."""

    operation: Any
    node_index: int
    tensor_index: int


class SymbolicArguments:
    """The arguments of one call, nested as they were given, with `KerasTensor`s among them.

    Attributes:
        args: Positional arguments.
        kwargs: Keyword arguments.
        keras_tensors: The `KerasTensor`s of both, in order of `tree.flatten`.
    """

    def __init__(self, *args, **kwargs):
        self.args = tree.map_structure(lambda x: x, args)
        self.kwargs = tree.map_structure(lambda x: x, kwargs)
        flat = tree.flatten((self.args, self.kwargs))
        self.keras_tensors = [x for x in flat if isinstance(x, KerasTensor)]
        # A call with one tensor and nothing else is by far the most frequent.
        self._is_single = not kwargs and len(args) == 1 and isinstance(args[0], KerasTensor)

    def convert(self, function) -> None:
        """Replaces every leaf `x` by `function(x)`."""
        self.args = tree.map_structure(function, self.args)
        self.kwargs = tree.map_structure(function, self.kwargs)
        flat = tree.flatten((self.args, self.kwargs))
        self.keras_tensors = [x for x in flat if isinstance(x, KerasTensor)]

    def fill_in(self, values: dict[int, Any]) -> tuple[tuple, dict]:
        """The arguments with each `KerasTensor` replaced by `values[id(tensor)]`, where present."""
        if self._is_single:
            return (values[id(self.keras_tensors[0])],), {}

        def value_of(x):
            return values.get(id(x), x) if isinstance(x, KerasTensor) else x

        return tree.map_structure(value_of, self.args), tree.map_structure(value_of, self.kwargs)


class Node:
    """One call of `operation` on symbolic arguments.

    Making a node tells its outputs where they come from (`_keras_history`), and appends the node
    to the operation's inbound nodes and to the outbound nodes of those that made its inputs.

    Args:
        operation: The operation that was called.
        call_args: Positional arguments of the call.
        call_kwargs: Keyword arguments of the call.
        outputs: What the call gave: `KerasTensor`s, nested at will.
    """

    def __init__(
        self, operation, call_args: tuple = (), call_kwargs: dict | None = None, outputs=None
    ):
        self.operation = operation
        self.arguments = SymbolicArguments(*call_args, **(call_kwargs or {}))
        self.outputs = [] if outputs is None else tree.flatten(outputs)
        for x in self.outputs:
            if not isinstance(x, KerasTensor):
                raise ValueError(
                    f"All outputs of the symbolic call of {operation} must be KerasTensors. "
                    f"Received: {x!r} of type {type(x)}"
                )
        self._parent_nodes: list[Node] = []
        for x in self.arguments.keras_tensors:
            history = getattr(x, "_keras_history", None)
            if history is None:
                # A bare KerasTensor becomes an input of its own, as in Keras.
                continue
            parent = history.operation._inbound_nodes[history.node_index]
            if parent not in self._parent_nodes:
                self._parent_nodes.append(parent)
                parent.operation._outbound_nodes.append(self)
        node_index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for tensor_index, x in enumerate(self.outputs):
            x._keras_history = KerasHistory(operation, node_index, tensor_index)

    @property
    def input_tensors(self) -> list[KerasTensor]:
        """The `KerasTensor`s that go in; for an input node, what comes out."""
        return self.outputs if self.is_input else self.arguments.keras_tensors

    @property
    def output_tensors(self) -> list[KerasTensor]:
        return self.outputs

    @property
    def is_input(self) -> bool:
        """Whether nothing symbolic goes in."""
        return not self.arguments.keras_tensors

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes whose outputs go in."""
        return list(self._parent_nodes)

    def __repr__(self) -> str:
        return f"<Node operation={self.operation}, id={id(self)}>"
