"""Recurrent layers over whole sequences, for `addax.layers`; Keras has no public functions for it.

`x` holds the inputs' products with their weights, biases added: `(batch, time, gates * units)`. A
mask is boolean, `(batch, time)`. Each function returns the last output, the outputs of all steps in
the order in which they were computed, and the list of last states.
"""

from __future__ import annotations

from typing import Any

from addax.backend.tensor import promote_tensors
from addax.ops.door import core

_lstm = core("lstm")
_gru = core("gru")
_simple_rnn = core("simple_rnn")

Result = tuple[Any, Any, list]


def lstm(x: Any, states: list, recurrent_kernel: Any, mask: Any, **order: bool) -> Result:
    """`c = sigmoid(f) * c + sigmoid(i) * tanh(g)`, `h = sigmoid(o) * tanh(c)` for the gates
    i, f, g, o `= x + h @ recurrent_kernel`.

    Args:
        order: `go_backwards` and `zero_output_for_mask`, as of `layers.RNN`; so below.
    """
    last, outputs, h, c, *_ = _lstm(
        *promote_tensors(x, *states, recurrent_kernel), *_given(mask), **order
    )
    return last, outputs, [h, c]


def gru(
    x: Any, states: list, recurrent_kernel: Any, recurrent_bias: Any, mask: Any, **order: bool
) -> Result:
    """`h = z * h + (1 - z) * candidate` with the reset gate behind the product if there is a
    `recurrent_bias`, else before it (see `layers.GRUCell`)."""
    last, outputs, h, *_ = _gru(
        *promote_tensors(x, *states, recurrent_kernel, *_given(recurrent_bias)),
        *_given(mask),
        reset_after=recurrent_bias is not None,
        **order,
    )
    return last, outputs, [h]


def simple_rnn(
    x: Any, states: list, recurrent_kernel: Any, mask: Any, activation: str, **order: bool
) -> Result:
    """`h = activation(x + h @ recurrent_kernel)`, for tanh and relu."""
    last, outputs, h, *_ = _simple_rnn(
        *promote_tensors(x, *states, recurrent_kernel),
        *_given(mask),
        activation=activation,
        **order,
    )
    return last, outputs, [h]


def _given(*tensors: Any) -> list:
    return [x for x in tensors if x is not None]
