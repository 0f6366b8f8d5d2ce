"""Rows of the operation table for products, windows, images and created values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from operation_table import ALL, FLOATS, Row, distinct, fixed, real


def product_rows() -> Iterator[Row]:
    pairs = [
        ((3, 4), (4, 5)),
        ((1, 1), (1, 1)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
        ((17, 33), (33, 19)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (5, 4, 2)),
    ]
    for a, b in pairs:
        for ta, tb in itertools.product((False, True), repeat=2):
            left = (*a[:-2], a[-1], a[-2]) if ta else a
            right = (*b[:-2], b[-1], b[-2]) if tb else b
            reference = lambda x, y, ta=ta, tb=tb: np.matmul(  # noqa: E731
                np.swapaxes(x, -1, -2) if ta else x, np.swapaxes(y, -1, -2) if tb else y
            )
            attributes = {"transpose_a": ta, "transpose_b": tb}
            yield Row("matmul", (real(*left), real(*right)), reference, attributes, tolerance=8)


# ---- Windows: all pairs of an output place and an input place that meet, and the tap between them


def _pads(image, size, strides, dilation, padding, pads):
    if padding == "explicit":
        return [(pads[2 * d], pads[2 * d + 1]) for d in range(len(size))]
    if padding == "valid":
        return [(0, 0)] * len(size)
    result = []
    for n, k, s, d in zip(image, size, strides, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        result.append((total // 2, total - total // 2))
    return result


def _meetings(image, size, strides, dilation, padding, pads=()):
    edges = _pads(image, size, strides, dilation, padding, pads)
    counts = [
        (n + a + b - (k - 1) * d - 1) // s + 1
        for n, k, s, d, (a, b) in zip(image, size, strides, dilation, edges)
    ]
    meetings = []
    for out in np.ndindex(*counts):
        for tap in np.ndindex(*size):
            at = tuple(
                o * s + t * d - low
                for o, s, t, d, (low, _) in zip(out, strides, tap, dilation, edges)
            )
            if all(0 <= i < n for i, n in zip(at, image)):
                meetings.append((out, at, tap))
    return counts, meetings


class _Conv:
    """A convolution of one geometry as plain loops, with its two transposes."""

    def __init__(self, x_shape, w_shape, depthwise, **attributes):
        rank = len(x_shape) - 2
        self.x_shape, self.w_shape, self.depthwise = x_shape, w_shape, depthwise
        self.groups = attributes.get("groups", 1)
        self.attributes = attributes
        strides = attributes.get("strides") or [1] * rank
        dilation = attributes.get("dilation") or [1] * rank
        self.counts, self.meetings = _meetings(
            x_shape[1:-1],
            w_shape[:rank],
            strides,
            dilation,
            attributes.get("padding", "valid"),
            attributes.get("pads", ()),
        )
        channels = w_shape[-2] * w_shape[-1] if depthwise else w_shape[-1]
        self.y_shape = (x_shape[0], *self.counts, channels)

    def _dense(self, w):
        """The kernel as one without groups: (…, in, out)."""
        channels = self.x_shape[-1]
        full = np.zeros((*w.shape[:-2], channels, self.y_shape[-1]), w.dtype)
        if self.depthwise:
            for c, m in np.ndindex(*w.shape[-2:]):
                full[..., c, c * w.shape[-1] + m] = w[..., c, m]
            return full
        ins, outs = w.shape[-2], w.shape[-1] // self.groups
        for g in range(self.groups):
            full[..., g * ins : (g + 1) * ins, g * outs : (g + 1) * outs] = w[
                ..., g * outs : (g + 1) * outs
            ]
        return full

    def _undense(self, full):
        w = np.zeros(self.w_shape, full.dtype)
        if self.depthwise:
            for c, m in np.ndindex(*w.shape[-2:]):
                w[..., c, m] = full[..., c, c * w.shape[-1] + m]
            return w
        ins, outs = w.shape[-2], w.shape[-1] // self.groups
        for g in range(self.groups):
            w[..., g * outs : (g + 1) * outs] = full[
                ..., g * ins : (g + 1) * ins, g * outs : (g + 1) * outs
            ]
        return w

    def forward(self, x, w):
        y, full = np.zeros(self.y_shape, x.dtype), self._dense(w)
        for out, at, tap in self.meetings:
            y[(slice(None), *out)] += x[(slice(None), *at)] @ full[tap]
        return y

    def data_gradient(self, dy, w):
        dx, full = np.zeros(self.x_shape, dy.dtype), self._dense(w)
        for out, at, tap in self.meetings:
            dx[(slice(None), *at)] += dy[(slice(None), *out)] @ full[tap].T
        return dx

    def kernel_gradient(self, x, dy):
        full = np.zeros((*self.w_shape[:-2], self.x_shape[-1], self.y_shape[-1]), x.dtype)
        for out, at, tap in self.meetings:
            full[tap] += x[(slice(None), *at)].T @ dy[(slice(None), *out)]
        return self._undense(full)


CONVOLUTIONS = [
    ((2, 7, 3), (3, 3, 4), {}),
    ((1, 5, 1), (1, 1, 1), {"padding": "same"}),
    ((2, 5, 6, 3), (3, 3, 3, 4), {}),
    ((2, 5, 6, 3), (3, 2, 3, 4), {"padding": "same"}),
    ((1, 7, 8, 2), (3, 3, 2, 17), {"padding": "same", "strides": [2, 3]}),
    ((1, 7, 8, 2), (2, 3, 2, 3), {"strides": [2, 1], "padding": "valid"}),
    ((1, 9, 9, 2), (3, 3, 2, 3), {"dilation": [2, 3], "padding": "same"}),
    ((1, 5, 5, 4), (3, 3, 2, 6), {"groups": 2, "padding": "same"}),
    ((1, 4, 5, 2), (3, 3, 2, 3), {"padding": "explicit", "pads": [2, 0, 1, 3]}),
    ((1, 4, 4, 5, 2), (2, 3, 2, 2, 3), {"padding": "same"}),
    ((0, 5, 5, 2), (3, 3, 2, 3), {"padding": "same"}),
    ((3, 4, 4, 20), (1, 1, 20, 33), {}),
]
DEPTHWISE = [
    ((2, 5, 6, 3), (3, 3, 3, 2), {}),
    ((1, 7, 8, 17), (3, 3, 17, 1), {"padding": "same", "strides": [2, 2]}),
    ((2, 9, 3), (3, 3, 1), {"padding": "same"}),
    ((1, 9, 9, 2), (3, 3, 2, 1), {"padding": "same", "dilation": [2, 2]}),
]


def convolution_rows() -> Iterator[Row]:
    for name, cases in (("conv", CONVOLUTIONS), ("depthwise_conv", DEPTHWISE)):
        for x, w, attributes in cases:
            c = _Conv(x, w, name != "conv", **attributes)
            yield Row(
                name, (real(*x), real(*w)), c.forward, attributes, tolerance=16, symbolic=(0,)
            )
            data = {**attributes, "shape": list(x)}
            yield Row(
                f"{name}_data_gradient",
                (real(*c.y_shape), real(*w)),
                c.data_gradient,
                data,
                tolerance=16,
                symbolic=False,
            )
            kernel = {**attributes, "kernel_size": list(w[: len(x) - 2])}
            yield Row(
                f"{name}_kernel_gradient",
                (real(*x), real(*c.y_shape)),
                c.kernel_gradient,
                kernel,
                tolerance=16,
            )


# ---- Pooling

POOLS = [
    ((2, 6, 3), [2], [2], "valid"),
    ((2, 5, 3), [3], [1], "same"),
    ((2, 6, 6, 3), [2, 2], [2, 2], "valid"),
    ((1, 7, 5, 2), [3, 2], [2, 2], "same"),
    ((1, 7, 5, 17), [3, 3], [1, 2], "valid"),
    ((1, 4, 4, 4, 2), [2, 2, 2], [2, 1, 2], "same"),
    ((0, 4, 4, 2), [2, 2], [2, 2], "valid"),
]


def _max_pool(x, size, strides, padding):
    counts, meetings = _meetings(x.shape[1:-1], size, strides, [1] * len(size), padding)
    y = np.full((x.shape[0], *counts, x.shape[-1]), -np.inf)
    index = np.zeros(y.shape, np.int64)
    for out, at, tap in meetings:
        better = x[(slice(None), *at)] > y[(slice(None), *out)]
        number = np.ravel_multi_index(tap, size)
        index[(slice(None), *out)] = np.where(better, number, index[(slice(None), *out)])
        y[(slice(None), *out)] = np.where(better, x[(slice(None), *at)], y[(slice(None), *out)])
    return y.astype(x.dtype), index


def _average_weights(shape, size, strides, padding):
    counts, meetings = _meetings(shape[1:-1], size, strides, [1] * len(size), padding)
    weights = np.zeros((*counts, *shape[1:-1]))
    for out, at, _ in meetings:
        weights[out + at] = 1
    spatial = tuple(range(len(counts), 2 * len(counts)))
    return weights / weights.sum(axis=spatial, keepdims=True), len(counts)


def _average_pool(x, size, strides, padding):
    weights, rank = _average_weights(x.shape, size, strides, padding)
    y = np.tensordot(
        np.asarray(x, np.float64), weights, (range(1, rank + 1), range(rank, 2 * rank))
    )
    return np.moveaxis(y, 1, -1)


def _average_pool_gradient(dy, shape, size, strides, padding):
    weights, rank = _average_weights(shape, size, strides, padding)
    dx = np.tensordot(np.asarray(dy, np.float64), weights, (range(1, rank + 1), range(rank)))
    return np.moveaxis(dx, 1, -1)


def pool_rows() -> Iterator[Row]:
    for shape, size, strides, padding in POOLS:
        a = {"pool_size": size, "strides": strides, "padding": padding}
        g = (size, strides, padding)
        reference = lambda x, g=g: _max_pool(x, *g)  # noqa: E731
        yield Row("max_pool", (distinct(*shape),), reference, a, FLOATS)
        reference = lambda x, g=g: _average_pool(x, *g)  # noqa: E731
        yield Row("average_pool", (real(*shape),), reference, a, tolerance=4)
        counts = _meetings(shape[1:-1], size, strides, [1] * len(size), padding)[0]
        out = (shape[0], *counts, shape[-1])
        reference = lambda dy, g=g, shape=shape: _average_pool_gradient(dy, shape, *g)  # noqa: E731
        yield Row(
            "average_pool_gradient",
            (real(*out),),
            reference,
            {**a, "shape": list(shape)},
            tolerance=4,
            symbolic=False,
        )
        spots = (
            fixed(_window_taps(shape, *g), "uint8") if math.prod(out) else real(*out, dtype="uint8")
        )
        reference = lambda dy, i, g=g, shape=shape: _pool_scatter(dy, i, shape, *g)  # noqa: E731
        yield Row(
            "max_pool_gradient",
            (real(*out), spots),
            reference,
            {**a, "shape": list(shape)},
            tolerance=4,
            symbolic=False,
        )
        reference = lambda x, i, g=g: _pool_gather(x, i, *g)  # noqa: E731
        yield Row("pool_gather", (real(*shape), spots), reference, a, symbolic=False)


def _window_taps(shape, size, strides, padding):
    """The tap of an element of its window for each pooled element."""
    counts, meetings = _meetings(shape[1:-1], size, strides, [1] * len(size), padding)
    taps = np.full((shape[0], *counts, shape[-1]), -1)
    generator = np.random.default_rng(4)
    for out, _, tap in meetings:
        here = (slice(None), *out)
        taken = (taps[here] < 0) | (generator.random(taps[here].shape) < 0.5)
        taps[here] = np.where(taken, np.ravel_multi_index(tap, size), taps[here])
    return taps


def _pool_scatter(dy, index, shape, size, strides, padding):
    dx = np.zeros(shape, dy.dtype)
    for out, at, tap in _meetings(shape[1:-1], size, strides, [1] * len(size), padding)[1]:
        here = (slice(None), *out)
        dx[(slice(None), *at)] += dy[here] * (index[here] == np.ravel_multi_index(tap, size))
    return dx


def _pool_gather(x, index, size, strides, padding):
    y = np.zeros(index.shape, x.dtype)
    for out, at, tap in _meetings(x.shape[1:-1], size, strides, [1] * len(size), padding)[1]:
        here = (slice(None), *out)
        y[here] += x[(slice(None), *at)] * (index[here] == np.ravel_multi_index(tap, size))
    return y


# ---- Resizing: half-pixel centres


def _axis_weights(n, to, method):
    weights = np.zeros((to, n))
    for i in range(to):
        centre = (i + 0.5) * n / to
        if method == "nearest":
            weights[i, min(math.floor(centre), n - 1)] = 1
            continue
        low = math.floor(centre - 0.5)
        fraction = centre - 0.5 - low
        weights[i, min(max(low, 0), n - 1)] += 1 - fraction
        weights[i, min(max(low + 1, 0), n - 1)] += fraction
    return weights


def _resize(x, size, method):
    rows, columns = (_axis_weights(n, to, method) for n, to in zip(x.shape[1:3], size))
    return np.einsum("nhwc,ih,jw->nijc", np.asarray(x, np.float64), rows, columns)


def resize_rows() -> Iterator[Row]:
    for shape, size in [
        ((2, 3, 4, 2), (6, 8)),
        ((1, 5, 7, 3), (3, 4)),
        ((1, 1, 1, 1), (3, 2)),
        ((1, 4, 4, 5), (4, 4)),
        ((0, 3, 3, 1), (2, 2)),
    ]:
        for method in ("nearest", "bilinear"):
            reference = lambda x, s=size, m=method: _resize(x, s, m)  # noqa: E731
            yield Row(
                "resize",
                (real(*shape),),
                reference,
                {"size": list(size), "method": method},
                tolerance=8,
            )
            reference = lambda dy, shape=shape, m=method: _resize_gradient(dy, shape, m)  # noqa: E731
            attributes = {"shape": list(shape), "method": method}
            yield Row(
                "resize_gradient",
                (real(shape[0], *size, shape[-1]),),
                reference,
                attributes,
                tolerance=8,
                symbolic=False,
            )


def _resize_gradient(dy, shape, method):
    rows, columns = (_axis_weights(n, to, method) for n, to in zip(shape[1:3], dy.shape[1:3]))
    return np.einsum("nijc,ih,jw->nhwc", np.asarray(dy, np.float64), rows, columns)


# ---- Created values


def creation_rows() -> Iterator[Row]:
    for shape in ([], [0], [17], [3, 5]):
        for dtype in ALL:
            full = lambda shape=shape, d=dtype: np.full(shape, 1, d)  # noqa: E731
            yield Row("full", (), full, {"shape": shape, "value": 1, "dtype": dtype}, ("float32",))
    for shape, axis in (([0], 0), ([17], 0), ([3, 5], 0), ([3, 5], 1)):
        for dtype in ("float32", "float64", "int32", "int64"):
            iota = lambda shape=shape, a=axis, d=dtype: np.indices(shape)[a].astype(d)  # noqa: E731
            yield Row(
                "iota", (), iota, {"shape": shape, "axis": axis, "dtype": dtype}, ("float32",)
            )
    yield Row(
        "dimension", (), lambda: np.array(7, "int64"), {"size": [7], "dtype": "int64"}, ("float32",)
    )


def window_rows() -> Iterator[Row]:
    for family in (product_rows, convolution_rows, pool_rows, resize_rows, creation_rows):
        yield from family()
