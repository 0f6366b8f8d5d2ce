"""From a symbolic tensor back to the inputs it is computed from."""

from __future__ import annotations

from typing import Any


def get_source_inputs(tensor: Any) -> list[Any]:
    """The input tensors that a symbolic tensor depends on, each once.

    Raises:
        ValueError: If it is no symbolic tensor of a graph.
    """
    if getattr(tensor, "_keras_history", None) is None:
        raise ValueError(f"Expected a KerasTensor of a graph of layers. Received: {tensor}")
    found: dict[int, Any] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        operation, node_index, _ = current._keras_history
        node = operation._inbound_nodes[node_index]
        if node.is_input:
            found[id(current)] = current
        else:
            waiting[:0] = node.input_tensors  # depth first, in the order of the arguments
    return list(found.values())
