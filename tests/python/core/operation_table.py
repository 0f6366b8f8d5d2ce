"""The table of all core operations: one row per use that is checked, with its NumPy reference."""

from __future__ import annotations

import math
import statistics
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

FLOATS = ("float32", "float64")
INTEGERS = ("uint8", "int32", "int64")
NUMBERS = FLOATS + INTEGERS
SIGNED = (*FLOATS, "int32", "int64")
ALL = (*NUMBERS, "bool")

# Sizes 0, 1, around the widths of vectors (4, 8, 16), and one that needs two blocks.
LENGTHS = (0, 1, 3, 4, 8, 15, 16, 17, 33, 1030)


@dataclass(frozen=True)
class Input:
    """How to draw one input. `dtype` is fixed, or None for the row's."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    dtype: str | None = None
    distinct: bool = False  # no two elements are near each other
    values: tuple | None = None

    def draw(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        dtype = self.dtype or dtype
        if self.values is not None:
            return np.array(self.values, dtype).reshape(self.shape)
        if dtype == "bool":
            return rng.random(self.shape) < 0.5
        if np.issubdtype(dtype, np.integer):
            low = 0 if dtype == "uint8" else math.ceil(self.low)
            return rng.integers(low, max(math.floor(self.high), low) + 1, self.shape).astype(dtype)
        if self.distinct:
            count = math.prod(self.shape)
            steps = (rng.permutation(count) + 0.5) / max(count, 1)
            return (self.low + (self.high - self.low) * steps.reshape(self.shape)).astype(dtype)
        return rng.uniform(self.low, self.high, self.shape).astype(dtype)


@dataclass(frozen=True, eq=False)
class Row:
    op: str
    inputs: tuple[Input, ...]
    reference: Callable
    attributes: dict = field(default_factory=dict)
    dtypes: tuple[str, ...] = FLOATS
    gradient: bool = True  # check it, if the operation has one
    # The inputs whose first axis is of unknown size when the row is also recorded; True: all.
    symbolic: bool | tuple[int, ...] = True
    tolerance: float = 1.0  # times the dtype's usual one

    def __str__(self) -> str:
        shapes = "-".join("x".join(map(str, i.shape)) or "scalar" for i in self.inputs)
        attributes = ",".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.op}({shapes}){attributes}".replace(" ", "")

    def draw(self, dtype: str) -> list[np.ndarray]:
        rng = np.random.default_rng(zlib.crc32(str(self).encode()))
        return [np.asarray(i.draw(rng, dtype)) for i in self.inputs]


def real(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str | None = None) -> Input:
    return Input(shape, low, high, dtype)


def distinct(*shape: int) -> Input:
    return Input(shape, -3.0, 3.0, distinct=True)


def indices(*shape: int, size: int, dtype: str = "int32") -> Input:
    """Indices into an axis of `size`, half of them counted from the end."""
    return Input(shape, -size, size - 1, dtype)


def flags(*shape: int) -> Input:
    return Input(shape, dtype="bool")


def fixed(values, dtype: str | None = None) -> Input:
    array = np.array(values)
    return Input(array.shape, dtype=dtype, values=tuple(array.ravel().tolist()))


# ---- Element-wise


def _by_element(f: Callable[[float], float]) -> Callable:
    return lambda x: np.vectorize(f, otypes=[np.float64])(x) if x.size else x


def _erfinv(y: float) -> float:
    return statistics.NormalDist().inv_cdf((y + 1) / 2) / math.sqrt(2)


def _gelu(x: float) -> float:
    return x * statistics.NormalDist().cdf(x)


def _gelu_slope(x: float) -> float:
    normal = statistics.NormalDist()
    return normal.cdf(x) + x * normal.pdf(x)


def _sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


# Name, reference, domain, dtypes.
UNARY = [
    ("identity", lambda x: x, (-2, 2), ALL),
    ("stop_gradient", lambda x: x, (-2, 2), ALL),
    ("negative", np.negative, (-9, 9), NUMBERS),
    ("abs", np.abs, (-9, 9), NUMBERS),
    ("sign", np.sign, (-9, 9), NUMBERS),
    ("square", np.square, (-9, 9), NUMBERS),
    ("sqrt", np.sqrt, (0.1, 9), FLOATS),
    ("rsqrt", lambda x: 1 / np.sqrt(x), (0.1, 9), FLOATS),
    ("reciprocal", lambda x: 1 / x, (0.1, 9), FLOATS),
    ("exp", np.exp, (-9, 9), FLOATS),
    ("expm1", np.expm1, (-2, 2), FLOATS),
    ("log", np.log, (0.1, 9), FLOATS),
    ("log1p", np.log1p, (-0.9, 9), FLOATS),
    ("sin", np.sin, (-9, 9), FLOATS),
    ("cos", np.cos, (-9, 9), FLOATS),
    ("tan", np.tan, (-1.4, 1.4), FLOATS),
    ("arcsin", np.arcsin, (-0.9, 0.9), FLOATS),
    ("arccos", np.arccos, (-0.9, 0.9), FLOATS),
    ("arctan", np.arctan, (-9, 9), FLOATS),
    ("sinh", np.sinh, (-3, 3), FLOATS),
    ("cosh", np.cosh, (-3, 3), FLOATS),
    ("tanh", np.tanh, (-3, 3), FLOATS),
    ("arcsinh", np.arcsinh, (-9, 9), FLOATS),
    ("arccosh", np.arccosh, (1.1, 9), FLOATS),
    ("arctanh", np.arctanh, (-0.9, 0.9), FLOATS),
    ("erf", _by_element(math.erf), (-2, 2), FLOATS),
    ("erfinv", _by_element(_erfinv), (-0.9, 0.9), FLOATS),
    ("sigmoid", _sigmoid, (-9, 9), FLOATS),
    ("softplus", lambda x: np.logaddexp(x, 0), (-9, 9), FLOATS),
    ("gelu", _by_element(_gelu), (-9, 9), FLOATS),
    ("gelu_slope", _by_element(_gelu_slope), (-9, 9), FLOATS),
    ("relu", lambda x: np.maximum(x, 0), (-9, 9), NUMBERS),
    ("floor", np.floor, (-9, 9), NUMBERS),
    ("ceil", np.ceil, (-9, 9), NUMBERS),
    ("round", np.round, (-9, 9), NUMBERS),
    ("trunc", np.trunc, (-9, 9), NUMBERS),
    ("isnan", np.isnan, (-9, 9), FLOATS),
    ("isinf", np.isinf, (-9, 9), FLOATS),
    ("isfinite", np.isfinite, (-9, 9), FLOATS),
    ("logical_not", np.logical_not, (0, 1), ("bool",)),
]

# Name, reference, the second input's domain, dtypes.
BINARY = [
    ("add", np.add, (-9, 9), NUMBERS),
    ("subtract", np.subtract, (-9, 9), NUMBERS),
    ("multiply", np.multiply, (-9, 9), NUMBERS),
    ("divide", np.divide, (0.5, 9), FLOATS),
    ("floor_divide", np.floor_divide, (1, 9), NUMBERS),
    ("mod", np.mod, (1, 9), NUMBERS),
    ("maximum", np.maximum, (-9, 9), NUMBERS),
    ("minimum", np.minimum, (-9, 9), NUMBERS),
    ("arctan2", np.arctan2, (0.5, 9), FLOATS),
    ("bitwise_and", np.bitwise_and, (0, 99), INTEGERS),
    ("bitwise_or", np.bitwise_or, (0, 99), INTEGERS),
    ("bitwise_xor", np.bitwise_xor, (0, 99), INTEGERS),
    ("left_shift", np.left_shift, (0, 4), INTEGERS),
    ("right_shift", np.right_shift, (0, 4), INTEGERS),
    ("equal", np.equal, (-2, 2), NUMBERS),
    ("not_equal", np.not_equal, (-2, 2), NUMBERS),
    ("less", np.less, (-2, 2), NUMBERS),
    ("less_equal", np.less_equal, (-2, 2), NUMBERS),
    ("greater", np.greater, (-2, 2), NUMBERS),
    ("greater_equal", np.greater_equal, (-2, 2), NUMBERS),
    ("logical_and", np.logical_and, (0, 1), ("bool",)),
    ("logical_or", np.logical_or, (0, 1), ("bool",)),
    ("logical_xor", np.logical_xor, (0, 1), ("bool",)),
]

BROADCASTS = [
    ((), ()),
    ((3, 5), (3, 5)),
    ((3, 5), ()),
    ((17,), (1,)),
    ((3, 5), (5,)),
    ((3, 1), (1, 5)),
    ((2, 3, 4), (3, 1)),
    ((2, 1, 4), (5, 1)),
    ((0, 3), (1, 3)),
    ((33, 7), (33, 1)),
]


def elementwise_rows() -> Iterator[Row]:
    for name, f, (low, high), dtypes in UNARY:
        for shape in [(), *((n,) for n in LENGTHS), (3, 5)]:
            yield Row(name, (real(*shape, low=low, high=high),), f, {}, dtypes)
    for name, f, (low, high), dtypes in BINARY:
        for a, b in BROADCASTS:
            yield Row(name, (real(*a), real(*b, low=low, high=high)), f, {}, dtypes)
        if name != "arctan2":
            yield Row(name, (real(*()), real(7, low=low, high=high)), f, {}, dtypes)
    for a, b in BROADCASTS:
        yield Row("power", (real(*a, low=0.2, high=3), real(*b)), np.power)
        yield Row("power", (real(*a), real(*b, low=0, high=3)), np.power, {}, INTEGERS)
        yield Row("where", (flags(*a), real(*a), real(*b)), np.where, {}, ALL)
        yield Row("where", (flags(*b), real(*b), real(*a)), np.where, {}, ALL)
    for to in ("float32", "float64", "int32", "int64", "uint8", "bool"):
        for n in (0, 1, 33):
            reference = lambda x, to=to: x.astype(to)  # noqa: E731
            yield Row("cast", (real(n, low=0, high=9),), reference, {"dtype": to}, ALL)
    targets = [
        ((), (4,)),
        ((1,), (17,)),
        ((5,), (3, 5)),
        ((3, 1), (3, 5)),
        ((1, 4), (2, 3, 4)),
        ((2, 3), (2, 3)),
        ((1, 3), (0, 3)),
    ]
    for small, large in targets:
        spread = lambda x, to=large: np.broadcast_to(x, to)  # noqa: E731
        yield Row(
            "broadcast_to", (real(*small),), spread, {"shape": list(large)}, ALL, symbolic=False
        )
        gather = lambda x, to=small: _sum_to(x, to)  # noqa: E731
        yield Row("sum_to", (real(*large),), gather, {"shape": list(small)}, FLOATS, symbolic=False)


def _sum_to(x, shape):
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


# ---- Reductions and running sums

REDUCTIONS = [
    ("sum", np.sum, SIGNED),
    ("mean", np.mean, FLOATS),
    ("max", np.max, NUMBERS),
    ("min", np.min, NUMBERS),
    ("prod", np.prod, SIGNED),
    ("any", np.any, ("bool",)),
    ("all", np.all, ("bool",)),
]
AXES = [
    ((), []),
    ((1,), [0]),
    ((17,), [0]),
    ((1030,), [-1]),
    ((3, 5), []),
    ((3, 5), [0]),
    ((3, 5), [-1]),
    ((3, 5), [0, 1]),
    ((33, 3), [0]),
    ((2, 3, 4), [0, 2]),
    ((2, 3, 4), [1]),
    ((2, 1, 4), [1, 2]),
    ((2, 3, 2, 3), [1, 3]),
    ((0, 3), [1]),
]


def _logsumexp(x, axis, keepdims=False):
    x = np.asarray(x, np.float64)
    if not axis:
        return x
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def reduction_rows() -> Iterator[Row]:
    for shape, axes in AXES:
        for keepdims in (False, True):
            a = {"axes": axes, "keepdims": keepdims}
            for name, f, dtypes in REDUCTIONS:
                if name == "prod" and max(shape, default=1) > 100:
                    continue  # overflows
                reference = lambda x, f=f, a=a: f(x, axis=tuple(a["axes"]), keepdims=a["keepdims"])  # noqa: E731
                yield Row(name, (distinct(*shape),), reference, a, dtypes, tolerance=4)
            reference = lambda x, a=a: _logsumexp(x, tuple(a["axes"]), a["keepdims"])  # noqa: E731
            yield Row("logsumexp", (real(*shape),), reference, a)
    for name, f in (("sum", np.sum), ("prod", np.prod)):
        yield Row(name, (real(0, 3),), lambda x, f=f: f(x, axis=0), {"axes": [0]})
    zeros = [[1.5, 0.0, -2.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]]
    yield Row("prod", (fixed(zeros),), lambda x: x.prod(axis=1), {"axes": [1]})
    yield Row("prod", (fixed(zeros),), lambda x: x.prod(), {"axes": [0, 1]})
    for name, f in (("argmax", np.argmax), ("argmin", np.argmin)):
        for shape, axis in [((1,), 0), ((17,), 0), ((3, 70), 1), ((70, 3), 0), ((2, 9, 5), -2)]:
            for keepdims in (False, True):
                a = {"axis": axis, "keepdims": keepdims}
                reference = lambda x, f=f, a=a: f(x, **a)  # noqa: E731
                yield Row(name, (real(*shape),), reference, a, ALL)
    for shape, axis in [
        ((1,), 0),
        ((17,), 0),
        ((3, 5), 1),
        ((5, 70), 0),
        ((2, 4, 3), -2),
        ((3, 0), 1),
        ((0, 3), 1),
    ]:
        for reverse in (False, True):
            for exclusive in (False, True):
                a = {"axis": axis, "reverse": reverse, "exclusive": exclusive}
                for name, f, start in (("cumsum", np.cumsum, 0), ("cumprod", np.cumprod, 1)):
                    reference = lambda x, f=f, s=start, a=a: _running(x, f, s, **a)  # noqa: E731
                    yield Row(name, (real(*shape),), reference, a, SIGNED)
        for reverse in (False, True):
            a = {"axis": axis, "reverse": reverse}
            reference = lambda d, x, a=a: _recurrence(d, x, **a)  # noqa: E731
            yield Row(
                "linear_recurrence", (real(*shape, low=-1, high=1), real(*shape)), reference, a
            )
    yield Row("cumprod", (fixed([2.0, 0.0, 3.0, 0.0, 4.0]),), lambda x: np.cumprod(x), {"axis": 0})


def _running(x, f, start, axis, reverse, exclusive):
    x = np.flip(x, axis) if reverse else x
    y = f(x, axis=axis, dtype=x.dtype)
    if exclusive and x.shape[axis]:
        first = np.full_like(np.take(y, [0], axis), start)
        y = np.concatenate([first, np.take(y, range(x.shape[axis] - 1), axis)], axis)
    return np.flip(y, axis) if reverse else y


def _recurrence(decay, x, axis, reverse):
    d, x = (
        np.moveaxis(np.asarray(decay, np.float64), axis, 0),
        np.moveaxis(np.asarray(x, np.float64), axis, 0),
    )
    y = np.zeros_like(x)
    n = len(x)
    for i in range(n - 1, -1, -1) if reverse else range(n):
        y[i] = x[i]
        if reverse and i + 1 < n:
            y[i] += d[i + 1] * y[i + 1]
        elif not reverse and i > 0:
            y[i] += d[i] * y[i - 1]
    return np.moveaxis(y, 0, axis)


# ---- Softmax and cross-entropies


def _softmax(x, axis=-1):
    e = np.exp(np.asarray(x, np.float64) - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_rows() -> Iterator[Row]:
    for shape, axis in [
        ((1,), 0),
        ((17,), -1),
        ((3, 5), 1),
        ((5, 3), 0),
        ((33, 10), -1),
        ((2, 7, 19), 1),
        ((0, 4), -1),
        ((2, 1030), -1),
    ]:
        softmax = lambda x, axis=axis: _softmax(x, axis)  # noqa: E731
        log_softmax = lambda x, axis=axis: np.log(_softmax(x, axis))  # noqa: E731
        yield Row("softmax", (real(*shape, low=-9, high=9),), softmax, {"axis": axis}, tolerance=4)
        yield Row(
            "log_softmax", (real(*shape, low=-9, high=9),), log_softmax, {"axis": axis}, tolerance=4
        )
    for shape in [(1,), (10,), (3, 17), (2, 3, 33), (0, 5)]:
        for dtype in ("int32", "int64"):
            labels = Input(shape[:-1], 0, shape[-1] - 1, dtype)
            yield Row(
                "sparse_softmax_cross_entropy",
                (real(*shape), labels),
                _sparse_cross_entropy,
                tolerance=4,
            )
        dense = lambda x, t: -(t * np.log(_softmax(x))).sum(-1)  # noqa: E731
        yield Row(
            "softmax_cross_entropy", (real(*shape), real(*shape, low=0, high=1)), dense, tolerance=8
        )
        binary = lambda x, t: np.logaddexp(x, 0) - x * t  # noqa: E731
        yield Row(
            "sigmoid_cross_entropy",
            (real(*shape, low=-9, high=9), real(*shape, low=0, high=1)),
            binary,
            tolerance=4,
        )


def _sparse_cross_entropy(x, labels):
    return -np.take_along_axis(np.log(_softmax(x)), labels[..., None].astype(int), -1)[..., 0]


# ---- Shape


def shape_rows() -> Iterator[Row]:
    for before, after in [
        ((6,), (2, 3)),
        ((2, 3), (-1,)),
        ((2, 3), (3, -1)),
        ((1,), ()),
        ((0, 4), (0, 2, 2)),
        ((2, 3, 4), (4, 6)),
    ]:
        reference = lambda x, to=after: x.reshape(to)  # noqa: E731
        yield Row(
            "reshape", (real(*before),), reference, {"shape": list(after)}, ALL, symbolic=False
        )
    for shape, perm in [
        ((), []),
        ((5,), [0]),
        ((3, 5), [1, 0]),
        ((2, 3, 4), [2, 0, 1]),
        ((2, 3, 4), [0, -1, 1]),
        ((33, 17), [1, 0]),
        ((2, 0, 3), [2, 1, 0]),
        ((2, 3, 4, 5), [0, 2, 1, 3]),
    ]:
        reference = lambda x, p=perm: np.transpose(x, p)  # noqa: E731
        yield Row("transpose", (real(*shape),), reference, {"perm": perm}, ALL)
    for shapes, axis in [
        ([(3,)], 0),
        ([(3,), (0,), (2,)], 0),
        ([(2, 3), (2, 5)], 1),
        ([(2, 3), (4, 3)], -2),
        ([(2, 1, 3), (2, 4, 3), (2, 2, 3)], 1),
    ]:
        reference = lambda *xs, axis=axis: np.concatenate(xs, axis)  # noqa: E731
        yield Row(
            "concatenate",
            tuple(real(*s) for s in shapes),
            reference,
            {"axis": axis},
            ALL,
            symbolic=axis != 0,
        )
    slices = [
        ((7,), [1], [5], [1]),
        ((7,), [0], [7], [3]),
        ((7,), [6], [-1], [-1]),
        ((7,), [5], [0], [-2]),
        ((7,), [3], [100], [1]),
        ((7,), [5], [2], [1]),
        ((4, 5), [0, 1], [4, 4], [1, 2]),
        ((4, 5), [3, 4], [-1, -1], [-1, -2]),
        ((2, 3, 4), [1, 0, 1], [2, 3, 3], [1, 1, 1]),
        ((0, 3), [0, 1], [0, 2], [1, 1]),
    ]
    for shape, start, stop, step in slices:
        cut = tuple(slice(a, None if b < 0 else b, s) for a, b, s in zip(start, stop, step))
        reference = lambda x, cut=cut: x[cut]  # noqa: E731
        yield Row(
            "slice", (real(*shape),), reference, {"start": start, "stop": stop, "step": step}, ALL
        )
        part = np.empty(shape)[cut].shape
        if math.prod(part):
            reference = lambda x, u, cut=cut: _put(x, u, cut)  # noqa: E731
            yield Row(
                "slice_update",
                (real(*shape), real(*part)),
                reference,
                {"start": start, "step": step},
                ALL,
                symbolic=False,
            )
    for shape, size, at in [
        ((7,), [3], [2]),
        ((7,), [3], [99]),
        ((7,), [3], [-4]),
        ((4, 5), [2, 5], [1, 0]),
        ((2, 3, 4), [1, 2, 3], [1, 1, 1]),
    ]:
        clamped = [min(max(a, 0), n - s) for a, n, s in zip(at, shape, size)]
        cut = tuple(slice(a, a + s) for a, s in zip(clamped, size))
        reference = lambda x, _, cut=cut: x[cut]  # noqa: E731
        yield Row(
            "dynamic_slice",
            (real(*shape), fixed(at, "int32")),
            reference,
            {"size": size},
            ALL,
            symbolic=False,
        )
        reference = lambda x, u, _, cut=cut: _put(x, u, cut)  # noqa: E731
        yield Row(
            "dynamic_slice_update",
            (real(*shape), real(*size), fixed(at, "int64")),
            reference,
            {},
            ALL,
            symbolic=False,
        )
    for shape, low, high in [
        ((5,), [2], [3]),
        ((5,), [0], [0]),
        ((1,), [2], [2]),
        ((3, 4), [1, 0], [0, 5]),
        ((2, 3, 2), [1, 2, 1], [0, 1, 1]),
    ]:
        for mode in ("constant", "reflect", "symmetric", "edge"):
            a = {"low": low, "high": high, "mode": mode}
            reference = lambda x, a=a: np.pad(x, list(zip(a["low"], a["high"])), a["mode"])  # noqa: E731
            yield Row("pad", (real(*shape),), reference, a, ALL)
    filled = lambda x: np.pad(x, [(1, 2)], constant_values=3)  # noqa: E731
    yield Row("pad", (real(4),), filled, {"low": [1], "high": [2], "value": 3}, NUMBERS)
    yield Row(
        "pad",
        (real(0, 3),),
        lambda x: np.zeros((2, 3), x.dtype),
        {"low": [2, 0], "high": [0, 0]},
        NUMBERS,
    )
    yield Row(
        "pad", (real(5),), lambda x: np.pad(x[1:], (0, 2)), {"low": [-1], "high": [2]}, NUMBERS
    )


def _put(x, update, cut):
    x = x.copy()
    x[cut] = update
    return x


# ---- Indexing


def index_rows() -> Iterator[Row]:
    for shape, at, axis in [
        ((5,), (3,), 0),
        ((5,), (), 0),
        ((4, 3), (2, 3), 0),
        ((4, 3), (5,), 1),
        ((2, 4, 3), (0,), 1),
        ((7, 33), (9,), -2),
        ((0, 3), (0,), 0),
    ]:
        for dtype in ("int32", "int64"):
            size = max(shape[axis], 1)
            take = lambda x, i, axis=axis: np.take(x, i, axis)  # noqa: E731
            inputs = (real(*shape), indices(*at, size=size, dtype=dtype))
            yield Row("gather", inputs, take, {"axis": axis}, ALL, symbolic=bool(at) and axis == 0)
        normal = axis % len(shape)
        updates = (*shape[:normal], *at, *shape[normal + 1 :])
        add = lambda i, u, axis=normal, n=shape[axis], at=at: _scatter_add(i, u, axis, n, len(at))  # noqa: E731
        inputs = (indices(*at, size=size), real(*updates))
        yield Row(
            "scatter_add",
            inputs,
            add,
            {"axis": normal, "size": shape[axis]},
            SIGNED,
            symbolic=False,
        )
    for shape, count, axis in [
        ((5,), 7, 0),
        ((3, 5), 2, 1),
        ((4, 3), 6, 0),
        ((2, 5, 3), 4, -2),
        ((3, 0), 0, 1),
    ]:
        at = list(shape)
        at[axis] = count
        size = max(shape[axis], 1)
        take = lambda x, i, axis=axis: np.take_along_axis(x, i, axis)  # noqa: E731
        inputs = (real(*shape), indices(*at, size=size, dtype="int64"))
        yield Row("take_along_axis", inputs, take, {"axis": axis}, ALL)
        put = lambda i, u, axis=axis, n=shape[axis]: _put_along_axis_add(i, u, axis, n)  # noqa: E731
        inputs = (indices(*at, size=size, dtype="int64"), real(*at))
        yield Row(
            "put_along_axis_add",
            inputs,
            put,
            {"axis": axis, "size": shape[axis]},
            (*FLOATS, "int32"),
            symbolic=False,
        )
    for shape, places in [
        ((5,), [[1], [-1], [1]]),
        ((3, 4), [[0, 1], [2, -1], [0, 1]]),
        ((3, 4), [[1], [2]]),
        ((2, 3, 4), [[[1, 2]], [[0, -3]]]),
    ]:
        where = np.array(places)
        at = tuple(np.moveaxis(where, -1, 0))
        take = lambda x, i: x[tuple(np.moveaxis(i, -1, 0))]  # noqa: E731
        yield Row("gather_nd", (real(*shape), fixed(places, "int32")), take, {}, ALL)
        add = lambda i, u, shape=shape: _scatter_nd(i, u, shape)  # noqa: E731
        inputs = (fixed(places, "int64"), real(*np.empty(shape)[at].shape))
        yield Row(
            "scatter_nd", inputs, add, {"shape": list(shape)}, (*FLOATS, "int32"), symbolic=False
        )
    for shape, axis in [((4,), -1), ((4,), 0), ((2, 3), 1), ((), -1), ((0,), -1)]:
        for dtype in ("float32", "int32", "bool"):
            hot = lambda i, axis=axis, d=dtype: _one_hot(i, axis, d)  # noqa: E731
            a = {"depth": 5, "axis": axis, "dtype": dtype}
            yield Row("one_hot", (real(*shape, low=-1, high=6),), hot, a, ("int32", "int64"))
    for shape, axis in [
        ((1,), 0),
        ((17,), -1),
        ((3, 33), 1),
        ((33, 3), 0),
        ((2, 9, 2), 1),
        ((3, 0), 1),
    ]:
        sort = lambda x, axis=axis: np.sort(x, axis)  # noqa: E731
        yield Row("sort", (distinct(*shape),), sort, {"axis": axis}, ALL)
        argsort = lambda x, axis=axis: np.argsort(x, axis, kind="stable")  # noqa: E731
        yield Row("argsort", (real(*shape),), argsort, {"axis": axis}, ALL)
    for shape, k in [((1,), 1), ((17,), 4), ((3, 33), 33), ((2, 2, 5), 2), ((4,), 0)]:
        top = lambda x, k=k: _top_k(x, k)  # noqa: E731
        yield Row("top_k", (distinct(*shape),), top, {"k": k}, NUMBERS)


def _scatter_add(at, updates, axis, size, count):
    flat = np.moveaxis(
        updates.reshape(*updates.shape[:axis], -1, *updates.shape[axis + count :]), axis, 0
    )
    out = np.zeros((size, *flat.shape[1:]), updates.dtype)
    np.add.at(out, at.ravel(), flat)
    return np.moveaxis(out, 0, axis)


def _put_along_axis_add(at, updates, axis, size):
    shape = list(updates.shape)
    shape[axis] = size
    out = np.zeros(shape, updates.dtype)
    places = list(np.indices(at.shape))
    places[axis] = at
    np.add.at(out, tuple(places), updates)
    return out


def _scatter_nd(at, values, shape):
    out = np.zeros(shape, values.dtype)
    np.add.at(out, tuple(np.moveaxis(at, -1, 0)), values)
    return out


def _one_hot(at, axis, dtype):
    return np.moveaxis((at[..., None] == np.arange(5)).astype(dtype), -1, axis)


def _top_k(x, k):
    order = np.argsort(-np.asarray(x, np.float64), -1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


def rows() -> list[Row]:
    """All rows, those of other files too."""
    from attention_table import attention_rows
    from normalization_table import normalization_rows
    from recurrent_table import recurrent_rows
    from window_table import window_rows

    families = (
        elementwise_rows,
        reduction_rows,
        softmax_rows,
        normalization_rows,
        attention_rows,
        shape_rows,
        index_rows,
        window_rows,
        recurrent_rows,
    )
    return [row for family in families for row in family()]
