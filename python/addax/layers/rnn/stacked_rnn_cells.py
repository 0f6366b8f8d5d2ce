"""Several cells, each fed with the output of the one below, as one cell."""

from __future__ import annotations

from typing import Any

from addax import ops, tree
from addax.layers.layer import Layer
from addax.layers.rnn.cell import begin, output_sizes, splits_its_call, step_shapes
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object


class StackedRNNCells(Layer):
    """A stack of cells, for `RNN`.

    Args:
        cells: List of cells, each with `call` and `state_size`, the first one at the bottom.

    Call arguments:
        inputs: The bottom cell's inputs at one step.
        states: List with one entry for each cell: its state or list of states.
        training: Passed on to the cells.

    Returns:
        The top cell's output and the list of new states.
    """

    def __init__(self, cells, **kwargs):
        cells = list(cells)
        if not cells:
            raise ValueError("`cells` must hold at least one cell. Received: cells=[]")
        for cell in cells:
            if not callable(getattr(cell, "call", None)):
                raise ValueError(
                    f"All cells must have a `call` method. Received cell without a `call`: {cell}"
                )
            if not hasattr(cell, "state_size"):
                raise ValueError(
                    "All cells must have a `state_size` attribute. Received cell without a "
                    f"`state_size`: {cell}"
                )
        super().__init__(**kwargs)
        self.cells = cells

    @property
    def state_size(self):
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self):
        sizes = output_sizes(self.cells[-1])
        return sizes[0] if len(sizes) == 1 else sizes

    def build(self, input_shape):
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape, _ = step_shapes(cell, input_shape)
        self.built = True

    def get_initial_state(self, batch_size=None):
        states = []
        for cell in self.cells:
            own = getattr(cell, "get_initial_state", None)
            if callable(own):
                states.append(own(batch_size=batch_size))
            else:
                zeros = tree.map_structure(
                    lambda size: ops.zeros((batch_size, size), dtype=self.compute_dtype),
                    cell.state_size,
                )
                states.append(zeros)
        return states

    def begin(self, batch_size, training):
        """As of `RecurrentCell`: the bottom cell's projection is done for all steps at once."""
        begun = [begin(cell, batch_size, training) for cell in self.cells]
        bottom = begun[0][0]

        def step(projected, states):
            outputs, new_states = projected, []
            for level, ((project, cell_step), state) in enumerate(zip(begun, states, strict=True)):
                inputs = project(outputs) if level else outputs
                cell_states = list(state) if tree.is_nested(state) else [state]
                outputs, new = cell_step(inputs, cell_states)
                new_states.append(new)
            return outputs, new_states

        return bottom, step

    @splits_its_call
    def call(self, inputs, states, training=False):
        project, step = self.begin(ops.shape(inputs)[0], training)
        return step(project(inputs), states)

    def compute_output_shape(self, inputs_shape, states_shape=None):
        states = []
        for cell in self.cells:
            inputs_shape, new = step_shapes(cell, inputs_shape)
            states.append(new)
        return inputs_shape, states

    def get_config(self) -> dict[str, Any]:
        cells = [serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cells = [
            deserialize_keras_object(cell, custom_objects=custom_objects)
            for cell in config.pop("cells")
        ]
        return cls(cells, **config)
