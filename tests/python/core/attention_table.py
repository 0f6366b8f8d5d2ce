"""Rows of the operation table for attention and its gradient."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from operation_table import Input, Row, fixed, real


def _scores(q, k, mask, scale, causal):
    """Scores with what does not count at -inf, and whether it does."""
    shared = q.shape[2] // max(k.shape[2], 1)
    s = np.einsum("bthd,bshd->bhts", q, np.repeat(k, shared, axis=2)) * scale
    shown = np.ones(s.shape, bool)
    if mask is not None and mask.dtype == bool:
        shown &= mask
    elif mask is not None:
        s = s + mask
    if causal:
        shown &= np.tri(s.shape[2], s.shape[3], dtype=bool)
    return s, shown


def _forward(q, k, v, mask=None, *, scale, causal):
    s, shown = _scores(q, k, mask, scale, causal)
    s = np.where(shown, s, -np.inf)
    largest = s.max(3, keepdims=True, initial=-np.inf)
    e = np.exp(s - largest)
    inverse = 1 / e.sum(3, keepdims=True) if s.shape[3] else np.zeros(largest.shape)
    shared = q.shape[2] // k.shape[2]
    out = np.einsum("bhts,bshd->bthd", e * inverse, np.repeat(v, shared, axis=2))
    return out, np.concatenate([largest, inverse], 3)


def _gradient(q, k, v, dout, out, statistics, mask=None, *, scale, causal):
    s, shown = _scores(q, k, mask, scale, causal)
    p = np.where(shown, np.exp(s - statistics[..., :1]) * statistics[..., 1:], 0)
    shared = q.shape[2] // max(k.shape[2], 1)
    dp = np.einsum("bthd,bshd->bhts", dout, np.repeat(v, shared, axis=2))
    level = np.einsum("bthd,bthd->bht", dout, out)[..., None]
    ds = p * (dp - level) * scale
    dq = np.einsum("bhts,bshd->bthd", ds, np.repeat(k, shared, axis=2))
    b, n, heads, _ = k.shape
    group = lambda x: x.reshape(b, n, heads, shared, x.shape[-1]).sum(3)  # noqa: E731
    dk = group(np.einsum("bhts,bthd->bshd", ds, q))
    dv = group(np.einsum("bhts,bthd->bshd", p, dout))
    return dq, dk, dv


# Batch, rows, columns, heads, key heads, depth, value depth.
_SIZES = [
    (1, 1, 1, 1, 1, 1, 1),
    (2, 3, 5, 2, 2, 4, 3),
    (1, 5, 3, 4, 2, 7, 5),
    (2, 17, 33, 2, 1, 8, 16),
    (1, 33, 17, 1, 1, 17, 2),
    (0, 3, 2, 1, 1, 4, 4),
    (2, 0, 3, 1, 1, 2, 2),
]


def _some(b: int, s: int) -> Input:
    """A mask that leaves every row its first column."""
    shown = np.arange(b * s).reshape(b, 1, 1, s) % 3 != 1
    shown[..., :1] = True
    return fixed(shown, "bool")


def attention_rows() -> Iterator[Row]:
    for b, t, s, h, kh, d, dv in [*_SIZES, (1, 140, 270, 2, 1, 5, 3)]:
        qkv = (real(b, t, h, d), real(b, s, kh, d), real(b, s, kh, dv))
        saved = (real(b, t, h, dv), real(b, t, h, dv), real(b, h, t, 2, low=0.1, high=1))
        masks: list[tuple[Input, ...]] = [()]
        if min(b, t) > 0:
            masks += [(_some(b, s),), (real(b, h, t, s),), (real(1, 1, t, 1),)]
        for mask, causal in itertools.product(masks, (False, True)):
            a = {"scale": 0.5, "causal": causal}
            symbolic = (0, 1, 2) if b > 1 and not mask else False
            forward = lambda *xs, a=a: _forward(*xs, **a)  # noqa: E731
            inputs = (*qkv, *mask)
            yield Row("attention", inputs, forward, a, tolerance=8, symbolic=symbolic)
            # The statistics are no softmax's: weights are large, and sums of them lose digits.
            backward = lambda *xs, a=a: _gradient(*xs, **a)  # noqa: E731
            inputs = (*qkv, *saved, *mask)
            symbolic = tuple(range(6)) if symbolic else False
            yield Row("attention_gradient", inputs, backward, a, tolerance=200, symbolic=symbolic)
