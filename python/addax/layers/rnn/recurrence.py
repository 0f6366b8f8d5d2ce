"""A step function run over time, with masks."""

from __future__ import annotations

from typing import Any

from addax import ops, tree
from addax.layers.rnn.cell import Step


def run_steps(
    step: Step,
    sequences,
    states: list,
    output_like,
    *,
    mask=None,
    go_backwards: bool = False,
    unroll: bool = False,
    zero_output_for_mask: bool = False,
    return_sequences: bool = False,
):
    """Runs `step(inputs, states)` over the first axis of `sequences`.

    At a masked step the states stay as they were, and the output is that of the step before
    (or zeros, if `zero_output_for_mask`).

    Args:
        step: Function of a step's inputs and the list of states, returns output and new states.
        sequences: Tensor, or nested tensors, of shape `(time, batch, ...)`.
        states: The states before the first step, nested.
        output_like: Zeros of an output's shape; the output before the first step.
        mask: Boolean tensor of shape `(time, batch)`, True where there is data.
        go_backwards: Whether to begin with the last step.
        unroll: Whether to write the steps out one by one; the number of steps must be known.
        return_sequences: Whether all outputs are wanted.

    Returns:
        The last output, all outputs of shape `(time, batch, ...)` in the order in which they
        were computed (None unless wanted), and the last states.
    """

    def body(carry, inputs):
        states, previous = carry
        if mask is None:
            output, new_states = step(inputs, states)
            new_states = tree.pack_sequence_as(states, tree.flatten(new_states))
        else:
            inputs, seen = inputs
            output, new_states = step(inputs, states)
            pairs = zip(tree.flatten(new_states), tree.flatten(states), strict=True)
            kept = [_where(seen, new, old) for new, old in pairs]
            new_states = tree.pack_sequence_as(states, kept)
            hidden = ops.zeros_like(output) if zero_output_for_mask else previous
            output = _where(seen, output, hidden)
        return (new_states, output), (output if return_sequences else None)

    steps = sequences if mask is None else (sequences, mask)
    carry = (states, output_like)
    if unroll:
        carry, outputs = _unrolled(body, carry, steps, go_backwards)
    elif go_backwards:
        # Scanned in reverse the outputs stand at their inputs' places; Keras wants the first
        # one computed first.
        carry, outputs = ops.scan(body, carry, steps, reverse=True)
        outputs = None if outputs is None else ops.flip(outputs, axis=0)
    else:
        carry, outputs = ops.scan(body, carry, steps)
    states, last = carry
    return last, outputs if return_sequences else None, states


def _where(seen, new, old):
    """`new` for the samples that are seen, `old` for the others."""
    for _ in range(len(new.shape) - 1):
        seen = ops.expand_dims(seen, -1)
    return ops.where(seen, new, old)


def _unrolled(body, carry, steps, go_backwards: bool) -> tuple[Any, Any]:
    length = tree.flatten(steps)[0].shape[0]
    if length is None:
        raise ValueError("Unrolling requires a fixed number of timesteps.")
    outputs = []
    for t in reversed(range(length)) if go_backwards else range(length):
        carry, output = body(carry, tree.map_structure(lambda x, t=t: x[t], steps))
        outputs.append(output)
    if not outputs:
        raise ValueError("Unrolling requires at least one timestep.")
    return carry, None if outputs[0] is None else ops.stack(outputs, axis=0)
