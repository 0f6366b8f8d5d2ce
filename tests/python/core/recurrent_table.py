"""Rows of the operation table for recurrent layers, and the same step by step in NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from operation_table import Row, flags, real

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}

# Batch, steps, units: nothing, one, around the widths of vectors, several blocks of rows.
SIZES = [(0, 3, 4), (2, 0, 3), (1, 1, 1), (2, 3, 5), (3, 2, 17), (35, 2, 8)]


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def _lstm_step(x, states, weights):
    h, c = states
    i, f, g, o = np.split(x + h @ weights, 4, axis=1)
    i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
    new = f * c + i * g
    return [o * np.tanh(new), new], [i, f, g, o], c


def _gru_after_step(x, states, weights, bias):
    h = states[0]
    x_z, x_r, x_h = np.split(x, 3, axis=1)
    h_z, h_r, h_h = np.split(h @ weights + bias, 3, axis=1)
    z, r = _sigmoid(x_z + h_z), _sigmoid(x_r + h_r)
    candidate = np.tanh(x_h + r * h_h)
    return [z * h + (1 - z) * candidate], [z, r, candidate], h_h


def _gru_before_step(x, states, weights):
    h = states[0]
    x_z, x_r, x_h = np.split(x, 3, axis=1)
    w_z, w_r, w_h = np.split(weights, 3, axis=1)
    z, r = _sigmoid(x_z + h @ w_z), _sigmoid(x_r + h @ w_r)
    candidate = np.tanh(x_h + (r * h) @ w_h)
    return [z * h + (1 - z) * candidate], [z, r, candidate], r * h


def _simple_step(activation):
    def step(x, states, weights):
        z = x + states[0] @ weights
        h = np.maximum(z, 0) if activation == "relu" else np.tanh(z)
        return [h], [h], None

    return step


def step_of(op: str, attributes: dict):
    if op == "lstm":
        return _lstm_step
    if op == "gru":
        return _gru_after_step if attributes["reset_after"] else _gru_before_step
    return _simple_step(attributes["activation"])


def run(op: str, attributes: dict, x, *rest):
    """All outputs of the operation."""
    step, memory = step_of(op, attributes), op == "lstm"
    mask = rest[-1] if rest[-1].dtype == bool else None
    states = [np.array(s) for s in rest[: 1 + memory]]
    weights = [r for r in rest[1 + memory :] if r.dtype != bool]
    batch, steps, width = x.shape
    units = width // GATES[op]
    outputs = np.zeros((batch, steps, units))
    gates, entering = np.zeros(x.shape), np.zeros(outputs.shape)
    kept, last = np.zeros(outputs.shape), np.zeros((batch, units))
    for position in range(steps):
        t = steps - 1 - position if attributes["go_backwards"] else position
        seen = np.ones((batch, 1), bool) if mask is None else mask[:, t : t + 1]
        new, values, extra = step(x[:, t], states, *weights)
        hidden = 0 if attributes["zero_output_for_mask"] else last
        last = outputs[:, position] = np.where(seen, new[0], hidden)
        gates[:, t] = np.where(seen, np.concatenate(values, axis=1), 0)
        entering[:, t] = states[0]
        if extra is not None:
            kept[:, t] = extra if memory else np.where(seen, extra, 0)
        states = [np.where(seen, a, b) for a, b in zip(new, states)]
    results = [last, outputs, *states, gates, entering]
    return (*results, kept) if op != "simple_rnn" else tuple(results)


def attribute_sets(op: str) -> list[dict]:
    if op == "gru":
        return [{"reset_after": True}, {"reset_after": False}]
    return [{"activation": "tanh"}, {"activation": "relu"}] if op == "simple_rnn" else [{}]


def inputs_of(op: str, attributes: dict, batch: int, steps: int, units: int, masked: bool) -> tuple:
    width = GATES[op] * units
    inputs = [real(batch, steps, width), real(batch, units)]
    if op == "lstm":
        inputs.append(real(batch, units))
    inputs.append(real(units, width, low=-1.0, high=1.0))
    if attributes.get("reset_after"):
        inputs.append(real(width))
    return (*inputs, flags(batch, steps)) if masked else tuple(inputs)


def recurrent_rows() -> Iterator[Row]:
    for op in GATES:
        orders = itertools.product(attribute_sets(op), (False, True), (False, True))
        for own, backwards, masked in orders:
            attributes = own | {"go_backwards": backwards, "zero_output_for_mask": backwards}
            for sizes in SIZES:
                yield Row(
                    op,
                    inputs_of(op, own, *sizes, masked),
                    lambda *arrays, op=op, a=attributes: run(op, a, *arrays),
                    attributes,
                    symbolic=(0, 1, 2) if op == "lstm" else (0, 1),
                    tolerance=8,
                )
