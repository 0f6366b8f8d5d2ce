"""The graph between symbolic inputs and outputs: which calls it is made of, and in which order."""

from __future__ import annotations

from collections import Counter
from typing import Any

from addax import tree
from addax.backend.keras_tensor import KerasTensor
from addax.ops.node import Node


class Graph:
    """The calls that lead from `inputs` to `outputs`.

    Args:
        inputs: `KerasTensor`s, in a list.
        outputs: `KerasTensor`s, in a list.

    Attributes:
        nodes: The calls, each after those whose outputs it takes.
        operations: What they call, farthest from the outputs first.
        depths: Nodes by their distance from the outputs.

    Raises:
        ValueError: If an output does not depend on the inputs alone, or two operations have one
            name.
    """

    def __init__(self, inputs: list[KerasTensor], outputs: list[KerasTensor]):
        self.inputs = inputs
        self.outputs = outputs
        finished, order = _walk(inputs, outputs)
        depth = _depths(finished)
        for x in inputs:
            node = node_of(x)
            if id(node) not in depth:  # an input that no output uses
                depth[id(node)] = 0
                finished.append(node)
                order.setdefault(id(node.operation), -1)
        # Stable, so that calls at one depth keep the order in which they were met.
        finished.sort(key=lambda node: order[id(node.operation)])
        finished.sort(key=lambda node: -depth[id(node)])
        self.nodes: list[Node] = finished
        self.depths: dict[int, list[Node]] = {}
        for node in finished:
            self.depths.setdefault(depth[id(node)], []).append(node)
        self.operations = list({id(n.operation): n.operation for n in finished}.values())
        self._check_connected()
        self._check_names()
        self._steps: list[tuple[Node, list[int]]] | None = None

    def _check_connected(self) -> None:
        computable = {id(x) for x in self.inputs}
        done: list[str] = []
        for node in self.nodes:
            if not node.is_input:
                for x in node.arguments.keras_tensors:
                    if id(x) not in computable:
                        raise ValueError(
                            f"Graph disconnected: cannot find parent for tensor {x} at operation "
                            f"'{node.operation.name}'. The following previous operations were "
                            f"accessed without issue: {done}"
                        )
                computable.update(id(x) for x in node.outputs)
                done.append(node.operation.name)
        for x in self.outputs:
            if id(x) not in computable:
                raise ValueError(
                    f"Output {x} of the model is not connected to `inputs`: it comes from "
                    f"operation '{node_of(x).operation.name}'."
                )

    def _check_names(self) -> None:
        for name, count in Counter(op.name for op in self.operations).items():
            if count > 1:
                raise ValueError(
                    f'The name "{name}" is used {count} times in the model. All operation names '
                    "should be unique."
                )

    def _plan(self) -> list[tuple[Node, list[int]]]:
        """Each node with the values that nobody needs after it."""
        kept = {id(x) for x in self.outputs}
        steps: list[tuple[Node, list[int]]] = []
        for node in reversed(self.nodes):
            if node.is_input:
                continue
            ids = {id(x) for x in (*node.arguments.keras_tensors, *node.outputs)}
            steps.append((node, list(ids - kept)))
            kept |= ids
        steps.reverse()
        return steps

    def __getstate__(self) -> dict[str, Any]:
        # The plan names tensors by their addresses, which a copy does not share.
        return {**self.__dict__, "_steps": None}

    def run(self, values: list, call=None) -> list:
        """Calls every operation, and returns the values of the outputs.

        Args:
            values: Values of the inputs.
            call: Function `(operation, args, kwargs)` that makes the call; the call itself if
                `None`.
        """
        known: dict[int, Any] = {id(x): v for x, v in zip(self.inputs, values, strict=True)}
        if self._steps is None:
            self._steps = self._plan()
        for node, dead in self._steps:
            args, kwargs = node.arguments.fill_in(known)
            operation = node.operation
            results = operation(*args, **kwargs) if call is None else call(operation, args, kwargs)
            for x, value in zip(node.outputs, tree.flatten(results), strict=True):
                known[id(x)] = value
            for key in dead:
                del known[key]
        return [known[id(x)] for x in self.outputs]


def node_of(x: KerasTensor) -> Node:
    """The call that made a symbolic tensor."""
    history = x._keras_history
    return history.operation._inbound_nodes[history.node_index]


def is_input_tensor(x: KerasTensor) -> bool:
    """Whether the tensor is where a graph begins."""
    return node_of(x).is_input


def _walk(inputs: list, outputs: list) -> tuple[list[Node], dict[int, int]]:
    """All nodes behind the outputs, parents first, and the order operations were met in."""
    stops = {id(x) for x in inputs}
    finished: list[Node] = []
    order: dict[int, int] = {}
    state: dict[int, bool] = {}  # False while on the path, True when done
    for output in outputs:
        stack = [(node_of(output), False)]
        while stack:
            node, parents_done = stack.pop()
            if parents_done:
                state[id(node)] = True
                finished.append(node)
                continue
            if id(node) in state:
                if not state[id(node)]:
                    raise ValueError(
                        f"The graph has a cycle through operation '{node.operation.name}'. "
                        "Only directed acyclic graphs can be models."
                    )
                continue
            state[id(node)] = False
            order.setdefault(id(node.operation), len(order))
            stack.append((node, True))
            if not node.is_input and not all(id(x) in stops for x in node.outputs):
                tensors = node.arguments.keras_tensors
                stack += [(node_of(x), False) for x in reversed(tensors) if _unseen(x, state)]
    return finished, order


def _unseen(x: KerasTensor, state: dict[int, bool]) -> bool:
    return state.get(id(node_of(x))) is not True


def _depths(finished: list[Node]) -> dict[int, int]:
    """For each node the number of calls between it and the outputs; one depth per operation."""
    depth: dict[int, int] = {}
    of_operation: dict[int, int] = {}
    for node in reversed(finished):
        own = max(depth.get(id(node), 0), of_operation.get(id(node.operation), 0))
        depth[id(node)] = own
        of_operation[id(node.operation)] = own
        for x in node.arguments.keras_tensors:
            parent = id(node_of(x))
            depth[parent] = max(depth.get(parent, 0), own + 1)
    return depth


def copy_between(inputs: list[KerasTensor], outputs: list[KerasTensor]):
    """A copy of the graph that begins anew at `inputs`, which may be any symbolic tensors.

    The operations stay the same; each is called once more.

    Returns:
        New inputs, new outputs.
    """
    from addax.layers.core.input_layer import Input

    new_inputs = []
    known: dict[int, KerasTensor] = {}
    for x in inputs:
        if is_input_tensor(x):
            new = x
        else:
            new = Input(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}_input")
        new_inputs.append(new)
        known[id(x)] = new
    nodes, _ = _walk(inputs, outputs)
    for node in nodes:
        if node.is_input or all(id(x) in known for x in node.outputs):
            continue
        for x in node.arguments.keras_tensors:
            if id(x) not in known:
                raise ValueError(
                    f"Graph disconnected: tensor {x}, an input of operation "
                    f"'{node.operation.name}', does not depend on the model's inputs."
                )
        args, kwargs = node.arguments.fill_in(known)
        copies = [KerasTensor(x.shape, dtype=x.dtype) for x in node.outputs]
        Node(node.operation, call_args=args, call_kwargs=kwargs, outputs=copies)
        for x, copy in zip(node.outputs, copies, strict=True):
            copy._keras_mask = getattr(x, "_keras_mask", None)
            known[id(x)] = copy
    for x in outputs:
        if id(x) not in known:
            raise ValueError(f"Output {x} of the model does not depend on its inputs {inputs}.")
    return new_inputs, [known[id(x)] for x in outputs]
