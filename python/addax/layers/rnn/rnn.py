"""The layer that runs a recurrent cell over time."""

from __future__ import annotations

from typing import Any

from addax import ops, tree
from addax.backend.variable import Variable
from addax.layers.layer import Layer
from addax.layers.rnn import streaming
from addax.layers.rnn.cell import begin, output_sizes, runs_whole, step_shapes
from addax.layers.rnn.recurrence import run_steps
from addax.layers.rnn.stacked_rnn_cells import StackedRNNCells
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object


class RNN(Layer):
    """Runs a cell over the time axis of its inputs.

    A cell is a layer with `state_size` (an int or a list of ints), `call(inputs_at_t, states)`
    that returns the output and the new states, and optionally `output_size` and
    `get_initial_state(batch_size)`.

    Args:
        cell: The cell, or a list of cells to be stacked.
        return_sequences: Whether the outputs of all steps are returned instead of the last.
        return_state: Whether the last states are returned too.
        go_backwards: Whether the sequences are read from the end; outputs then stand in the
            order in which they were computed.
        stateful: Whether a batch begins with the states that the batch before left, until
            `reset_state()`. The batch size must then be fixed.
        unroll: Whether the steps are written out one by one (known number of steps only).
        zero_output_for_mask: Whether masked steps give zeros instead of the output before.

    Call arguments:
        sequences: Tensor of shape `(batch, time, ...)`.
        initial_state: List of states to begin with.
        mask: Boolean tensor of shape `(batch, time)`, True where there is data. At other steps
            the states do not change.
        training: Passed on to the cell.

    Returns:
        The last output `(batch, units)` or all `(batch, time, units)`; with `return_state` a
        list of that and the states.
    """

    # The kept states of a stateful layer are no weights.
    _untracked = Layer._untracked | {"states"}

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell)
        if not callable(getattr(cell, "call", None)):
            raise ValueError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (single integer or list of "
                f"integers, one integer per RNN state). Received: cell={cell}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.states = None
        self.state_size = cell.state_size

    def build(self, sequences_shape, initial_state_shape=None):
        step_shape = (sequences_shape[0], *sequences_shape[2:])
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build(step_shape)
            self.cell.built = True
        if self.stateful:
            if sequences_shape[0] is None:
                raise ValueError(
                    "When using `stateful=True` in a RNN, the batch size must be static. Found "
                    f"dynamic batch size: sequence.shape={tuple(sequences_shape)}"
                )
            self.states = tree.map_structure(
                lambda x: Variable(x, trainable=False, name="rnn_state"),
                self.get_initial_state(sequences_shape[0]),
            )
        self.built = True

    def get_initial_state(self, batch_size):
        """The states to begin with: the cell's own, or zeros."""
        own = getattr(self.cell, "get_initial_state", None)
        if callable(own):
            states = own(batch_size=batch_size)
        else:
            states = tree.map_structure(
                lambda size: ops.zeros((batch_size, size), dtype=self.compute_dtype),
                self.state_size,
            )
        return list(states) if tree.is_nested(states) else [states]

    def call(self, sequences, initial_state=None, mask=None, training=False):
        batch_size = ops.shape(sequences)[0]
        states = self._first_states(initial_state, batch_size)
        stream = streaming.current()
        if stream is not None:
            states = stream.begin(self, initial_state, states)
        if isinstance(mask, list | tuple):
            mask = mask[0]
        last, outputs, states = self._run(sequences, states, mask, training, batch_size)
        if stream is not None:
            stream.end(states)
        elif self.stateful:
            for variable, state in zip(
                tree.flatten(self.states), tree.flatten(states), strict=True
            ):
                variable.assign(state)
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def _first_states(self, initial_state, batch_size) -> list:
        if initial_state is not None:
            given = list(initial_state) if tree.is_nested(initial_state) else [initial_state]
            expected = len(tree.flatten(self.state_size))
            if len(tree.flatten(given)) != expected:
                raise ValueError(
                    f"Layer '{self.name}' has {expected} states, but "
                    f"{len(tree.flatten(given))} were passed as `initial_state`. Received: "
                    f"initial_state={initial_state}"
                )
        elif self.stateful:
            given = tree.map_structure(lambda x: x.value, self.states)
            kept = tree.flatten(self.states)[0].shape[0]
            if isinstance(batch_size, int) and batch_size != kept:
                raise ValueError(
                    f"Layer '{self.name}' is stateful and keeps states of {kept} samples. "
                    f"Received a batch of {batch_size}; pass batches of {kept} "
                    f"(`batch_size={kept}`, and a number of samples that it divides)."
                )
        else:
            given = self.get_initial_state(batch_size)
        return tree.map_structure(
            lambda x: ops.convert_to_tensor(x, dtype=self.compute_dtype), given
        )

    def _run(self, sequences, states, mask, training, batch_size):
        """Last output, all outputs (batch first, or None) and last states."""
        mask = None if mask is None else ops.cast(mask, "bool")
        if runs_whole(self.cell, sequences, self.unroll, training):
            return self.cell.run_whole(
                sequences,
                states,
                mask,
                bool(training),
                go_backwards=self.go_backwards,
                zero_output_for_mask=self.zero_output_for_mask,
            )
        project, step = begin(self.cell, batch_size, training)
        time_major = tree.map_structure(lambda x: ops.swapaxes(x, 0, 1), sequences)
        last, outputs, states = run_steps(
            step,
            project(time_major),
            states,
            ops.zeros((batch_size, *output_sizes(self.cell)), dtype=self.compute_dtype),
            mask=None if mask is None else ops.swapaxes(mask, 0, 1),
            go_backwards=self.go_backwards,
            unroll=self.unroll,
            zero_output_for_mask=self.zero_output_for_mask,
            return_sequences=self.return_sequences,
        )
        return last, None if outputs is None else ops.swapaxes(outputs, 0, 1), states

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, time = sequences_shape[0], sequences_shape[1]
        (_, *sizes), states = step_shapes(self.cell, (batch, *sequences_shape[2:]))
        output = (batch, time, *sizes) if self.return_sequences else (batch, *sizes)
        return (output, *states) if self.return_state else output

    def compute_mask(self, inputs, mask=None):
        # Flattened, for inputs and states come in one list where a list is given.
        mask = tree.flatten(mask)[0]
        output = mask if self.return_sequences else None
        if not self.return_state:
            return output
        return [output] + [None] * len(tree.flatten(self.state_size))

    def reset_state(self):
        """Sets the kept states of a stateful layer to zeros."""
        for state in tree.flatten(self.states) if self.states is not None else ():
            state.assign(ops.zeros_like(state))

    reset_states = reset_state

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
            "cell": serialize_keras_object(self.cell),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        cell = deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **config)
