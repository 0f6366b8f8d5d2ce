"""Bounds on gradients. `None` in a list of gradients stays `None`."""

from __future__ import annotations

from addax import ops


def clip_by_value(gradients, limit):
    """Moves each element into [-limit, limit]."""
    return [g if g is None else ops.clip(g, -limit, limit) for g in gradients]


def clip_by_norm(gradients, limit):
    """Shrinks each gradient that is longer than `limit` to that length."""
    return [g if g is None else _clipped(g, limit) for g in gradients]


def _clipped(gradient, limit):
    norm = ops.sqrt(ops.sum(ops.square(gradient)))
    return gradient * (limit / ops.maximum(norm, limit))


def global_norm(gradients):
    """Length of all gradients taken as one vector."""
    squares = [ops.sum(ops.square(g)) for g in gradients if g is not None]
    return ops.sqrt(ops.sum(ops.stack(squares)))


def clip_by_global_norm(gradients, limit):
    """Shrinks all gradients alike so that their global norm is at most `limit`.

    A global norm that is infinite or not a number makes all of them NaN (Pascanu et al., 2012; TF).
    """
    norm = global_norm(gradients)
    scale = limit / ops.maximum(norm, limit) + (norm - norm)
    return [g if g is None else g * scale for g in gradients]
