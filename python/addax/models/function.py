"""Function: a graph of operations as an operation, without weights or training of its own."""

from __future__ import annotations

from addax import tree
from addax.backend.keras_tensor import KerasTensor, is_keras_tensor
from addax.models.graph import Graph, copy_between, is_input_tensor
from addax.ops.operation import Operation


class Function(Operation):
    """What computes `outputs` from `inputs`.

    Args:
        inputs: `KerasTensor`s, alone or in lists, tuples and dicts.
        outputs: The same, computed from the inputs.
        name: Unique name.

    Raises:
        ValueError: If something else is given, or the outputs need more than the inputs.
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name=name)
        flat_inputs, flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
        for x in (*flat_inputs, *flat_outputs):
            if not is_keras_tensor(x):
                raise ValueError(
                    "`inputs` and `outputs` of a Function must be KerasTensors. "
                    f"Received: {x} of type {type(x)}"
                )
        if not all(is_input_tensor(x) for x in flat_inputs):
            flat_inputs, flat_outputs = copy_between(flat_inputs, flat_outputs)
        self._inputs_struct = tree.pack_sequence_as(inputs, flat_inputs)
        self._outputs_struct = tree.pack_sequence_as(outputs, flat_outputs)
        self._graph = Graph(flat_inputs, flat_outputs)

    @property
    def operations(self) -> list:
        """The operations of the graph."""
        return list(self._graph.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        return self._graph.inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        return self._graph.outputs

    def call(self, inputs):
        """Runs the graph on tensors nested as its inputs are."""
        values = tree.flatten(inputs)
        if len(values) != len(self.inputs):
            raise ValueError(
                f"Function '{self.name}' takes {len(self.inputs)} inputs, received {len(values)}."
            )
        results = self._graph.run(values)
        return tree.pack_sequence_as(self._outputs_struct, results)

    def __repr__(self) -> str:
        return f"<Function name={self.name}>"
