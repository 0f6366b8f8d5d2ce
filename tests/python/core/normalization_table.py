"""Rows of the operation table for normalizations and their gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from operation_table import Row, real


def _open(z, activation):
    """Where the activation has the slope 1."""
    if activation == "none":
        return np.ones_like(z, bool)
    return (z > 0) & (z <= 6) if activation == "relu6" else z > 0


def _activated(z, activation):
    top = 6 if activation == "relu6" else np.inf
    return z if activation == "none" else np.clip(z, 0, top)


def _batch(x, gamma, beta, epsilon, activation):
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    z = (x - mean) / np.sqrt(variance + epsilon) * gamma + beta
    return _activated(z, activation), mean, variance


def _batch_gradient(x, dy, mean, variance, gamma, beta, epsilon, activation):
    axes = tuple(range(x.ndim - 1))
    count = max(x[..., 0].size, 1) if x.size else 0
    r = 1 / np.sqrt(variance + epsilon)
    h = (x - mean) * r
    dy = np.where(_open(h * gamma + beta, activation), dy, 0)
    dgamma, dbeta = (dy * h).sum(axes), dy.sum(axes)
    return gamma * r * (dy - dbeta / count - h * dgamma / count), dgamma, dbeta


def batch_rows() -> Iterator[Row]:
    shapes = [
        (1, 1),
        (5, 1),
        (2, 3),
        (7, 3),
        (40, 10),
        (2, 3, 5, 16),
        (3, 11, 24),
        (9, 64),
        (6, 67),
    ]
    for shape in [*shapes, (700, 17), (4, 0)]:
        for activation in ("none", "relu", "relu6"):
            a = {"epsilon": 0.01, "activation": activation}
            c = shape[-1]
            forward = lambda *xs, a=a: _batch(*xs, a["epsilon"], a["activation"])  # noqa: E731
            yield Row(
                "batch_normalization",
                (real(*shape), real(c), real(c, low=-1, high=9)),
                forward,
                a,
                tolerance=8,
            )
            backward = lambda *xs, a=a: _batch_gradient(*xs, a["epsilon"], a["activation"])  # noqa: E731
            inputs = (real(*shape), real(*shape), real(c), real(c, low=0.5), real(c), real(c))
            yield Row("batch_normalization_gradient", inputs, backward, a, tolerance=30)


def _in_groups(x, groups):
    positions = math.prod(x.shape[1:-1])
    return x.reshape(x.shape[0], positions, groups, x.shape[-1] // groups)


def _group(x, gamma, beta, groups, epsilon):
    g = _in_groups(x, groups)
    mean, variance = g.mean((1, 3)), g.var((1, 3))
    h = (g - mean[:, None, :, None]) / np.sqrt(variance + epsilon)[:, None, :, None]
    return h.reshape(x.shape) * gamma + beta, mean, variance


def _group_gradient(x, dy, mean, variance, gamma, groups, epsilon):
    r = 1 / np.sqrt(variance + epsilon)[:, None, :, None]
    h = (_in_groups(x, groups) - mean[:, None, :, None]) * r
    g = _in_groups(dy * gamma, groups)
    level, slope = g.mean((1, 3), keepdims=True), (g * h).mean((1, 3), keepdims=True)
    dx = r * (g - level - h * slope)
    axes = tuple(range(x.ndim - 1))
    return dx.reshape(x.shape), (dy * h.reshape(x.shape)).sum(axes), dy.sum(axes)


def group_rows() -> Iterator[Row]:
    shapes = [((1, 1), 1), ((2, 6), 2), ((2, 5, 3), 3), ((3, 4, 5, 24), 4), ((2, 9, 66), 2)]
    for shape, groups in [*shapes, ((2, 150, 12), 12), ((0, 4, 6), 3)]:
        a, c = {"groups": groups, "epsilon": 0.01}, shape[-1]
        forward = lambda *xs, a=a: _group(*xs, a["groups"], a["epsilon"])  # noqa: E731
        inputs = (real(*shape), real(c), real(c))
        yield Row("group_normalization", inputs, forward, a, tolerance=8)
        backward = lambda *xs, a=a: _group_gradient(*xs, a["groups"], a["epsilon"])  # noqa: E731
        statistics = (real(shape[0], groups), real(shape[0], groups, low=0.5))
        inputs = (real(*shape), real(*shape), *statistics, real(c))
        yield Row("group_normalization_gradient", inputs, backward, a, tolerance=30)


def _layer(x, gamma, beta, epsilon):
    axes = tuple(range(x.ndim - gamma.ndim, x.ndim))
    mean = x.mean(axes, keepdims=True)
    inverse = 1 / np.sqrt(x.var(axes, keepdims=True) + epsilon)
    return (x - mean) * inverse * gamma + beta, mean.squeeze(axes), inverse.squeeze(axes)


def _rms(x, gamma, epsilon):
    axes = tuple(range(x.ndim - gamma.ndim, x.ndim))
    inverse = 1 / np.sqrt((x * x).mean(axes, keepdims=True) + epsilon)
    return x * inverse * gamma, inverse.squeeze(axes)


def _row_gradient(x, dy, mean, inverse, gamma, centred):
    axes = tuple(range(x.ndim - gamma.ndim, x.ndim))
    rows = tuple(range(x.ndim - gamma.ndim))
    inverse = np.expand_dims(inverse, axes)
    h = (x - np.expand_dims(mean, axes)) * inverse
    g = dy * gamma
    rest = g - h * (g * h).mean(axes, keepdims=True)
    if centred:
        rest = rest - g.mean(axes, keepdims=True)
    return rest * inverse, (dy * h).sum(rows), dy.sum(rows)


def _layer_gradient(x, dy, mean, inverse, gamma):
    return _row_gradient(x, dy, mean, inverse, gamma, True)


def _rms_gradient(x, dy, inverse, gamma):
    return _row_gradient(x, dy, np.zeros_like(inverse), inverse, gamma, False)[:2]


def row_rows() -> Iterator[Row]:
    shapes = [((4,), 1), ((3, 1), 1), ((2, 5), 1), ((3, 4, 16), 1), ((2, 3, 4), 2), ((9, 33), 1)]
    for shape, rank in [*shapes, ((5, 67), 1), ((300, 40), 1), ((2, 2100), 1), ((0, 4), 1)]:
        size, rows = shape[-rank:], shape[:-rank]
        a = {"epsilon": 0.01}
        forward = lambda *xs: _layer(*xs, 0.01)  # noqa: E731
        inputs = (real(*shape), real(*size), real(*size))
        # One unknown size would stand for rows and columns.
        symbolic = (0,) if rows else False
        yield Row("layer_normalization", inputs, forward, a, tolerance=8, symbolic=symbolic)
        inputs = (real(*shape), real(*shape), real(*rows), real(*rows, low=0.5), real(*size))
        symbolic = (0, 1, 2, 3) if rows else False
        yield Row(
            "layer_normalization_gradient", inputs, _layer_gradient, tolerance=30, symbolic=symbolic
        )
        forward = lambda *xs: _rms(*xs, 0.01)  # noqa: E731
        inputs = (real(*shape), real(*size))
        symbolic = (0,) if rows else False
        yield Row("rms_normalization", inputs, forward, a, tolerance=8, symbolic=symbolic)
        inputs = (real(*shape), real(*shape), real(*rows, low=0.5), real(*size))
        symbolic = (0, 1, 2) if rows else False
        yield Row(
            "rms_normalization_gradient", inputs, _rms_gradient, tolerance=30, symbolic=symbolic
        )


def normalization_rows() -> Iterator[Row]:
    yield from batch_rows()
    yield from group_rows()
    yield from row_rows()
