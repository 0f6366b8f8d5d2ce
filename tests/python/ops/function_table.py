"""The table of all functions of `addax.ops`: arguments, and what NumPy gives for them.

A case is used three ways: eagerly, recorded with an unknown leading axis, and on KerasTensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_rng = np.random.default_rng(7)


@dataclass
class Case:
    name: str
    args: tuple
    reference: Callable
    kwargs: dict[str, Any] = field(default_factory=dict)
    eager_only: str = ""  # why it cannot be recorded
    fixed: bool = False  # recorded with known sizes only
    tolerance: float = 1e-5
    inputs: int = 99  # how many of the arrays are inputs of the program; the others are constants

    def __str__(self) -> str:
        shapes = [a.shape if isinstance(a, np.ndarray) else a for a in self.args]
        return f"{self.name}{shapes}{self.kwargs or ''}"


def f(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    return _rng.uniform(low, high, shape).astype(np.float32)


def i(*shape: int, low: int = -5, high: int = 6) -> np.ndarray:
    return _rng.integers(low, high, shape).astype(np.int32)


def b(*shape: int) -> np.ndarray:
    return _rng.integers(0, 2, shape).astype(bool)


def with_nan(*shape: int) -> np.ndarray:
    x = f(*shape)
    x.reshape(-1)[::4] = np.nan
    return x


CASES: list[Case] = []


def case(name: str, *args: Any, ref: Callable, **options: Any) -> None:
    fields = {
        k: options.pop(k) for k in ("eager_only", "fixed", "tolerance", "inputs") if k in options
    }
    if name in PARAMETERS_BEHIND:
        fields["inputs"] = 1
    CASES.append(Case(name, args, ref, options, **fields))


# Functions whose first array is the data, the others being weights: only the first has a batch
# axis.
PARAMETERS_BEHIND = [
    "conv",
    "depthwise_conv",
    "separable_conv",
    "conv_transpose",
    "batch_normalization",
    "layer_normalization",
    "rms_normalization",
]


# ---- Element by element

for name in [
    "add",
    "subtract",
    "multiply",
    "maximum",
    "minimum",
    "arctan2",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "fmax",
    "fmin",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "true_divide",
    "divide",
]:
    reference = getattr(np, name)
    case(name, f(4, 3), f(4, 3), ref=reference)
    case(name, f(4, 3), f(3), ref=reference)
    case(name, f(4, 1, 3), f(2, 3), ref=reference)
    if name in ("add", "subtract", "multiply", "maximum", "minimum", "equal", "less"):
        case(name, i(4, 3), i(4, 3), ref=reference)
        case(name, i(4, 3), 2, ref=reference)
        case(name, f(4, 3), 2, ref=reference)
case("floor_divide", i(4, 3), i(4, 3, low=1), ref=np.floor_divide)
case("floor_divide", f(4, 3), f(4, 3, low=0.5), ref=np.floor_divide)
case("mod", i(4, 3), i(4, 3, low=1), ref=np.mod)
case("mod", f(4, 3), f(4, 3, low=0.5), ref=np.mod, tolerance=1e-4)
case("mod", -f(4, 3), -f(4, 3, low=0.5), ref=np.mod, tolerance=1e-4)
case("fmod", f(4, 3), f(4, 3, low=0.5), ref=np.fmod, tolerance=1e-4)
case("fmod", i(4, 3), i(4, 3, low=1), ref=np.fmod)
case("power", f(4, 3, low=0.1), f(4, 3), ref=np.power)
case("power", f(4, 3), 2, ref=np.power)
case("power", f(4, 3, low=0), 0.5, ref=np.power)
case("power", i(4, 3), 3, ref=np.power)
case(
    "divide_no_nan",
    f(4, 3),
    np.float32([[0, 1, 2]] * 4),
    ref=lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)),
)
case("clip", f(4, 3), -0.5, 0.5, ref=np.clip)
case("clip", i(4, 3), -1, 2, ref=np.clip)
case("heaviside", np.float32([[-1, 0, 2]]), 0.5, ref=np.heaviside)
case("gcd", i(4, 3), i(4, 3), ref=np.gcd)
case("lcm", i(4, 3, low=1), i(4, 3, low=1), ref=np.lcm)
case("ldexp", f(4, 3), i(4, 3), ref=np.ldexp)
case("nan_to_num", np.float32([[np.nan, np.inf, -np.inf, 1.0]]), ref=np.nan_to_num)
case("nan_to_num", with_nan(4, 3), nan=7.0, ref=lambda x, nan: np.nan_to_num(x, nan=nan))

for name in [
    "negative",
    "absolute",
    "abs",
    "sign",
    "square",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arctan",
    "arcsinh",
    "exp",
    "expm1",
    "exp2",
    "floor",
    "ceil",
    "trunc",
    "cbrt",
    "deg2rad",
    "rad2deg",
    "sinc",
    "i0",
    "isnan",
    "isinf",
    "isfinite",
    "isposinf",
    "isneginf",
    "signbit",
    "logical_not",
    "real",
    "imag",
    "conjugate",
    "conj",
    "angle",
    "positive",
    "fabs",
    "isreal",
]:
    case(name, f(4, 3), ref=getattr(np, name), tolerance=2e-5)
for name in ["sqrt", "log", "log1p", "log2", "log10", "reciprocal", "arccosh"]:
    case(name, f(4, 3, low=1.01, high=5.0), ref=getattr(np, name))
for name in ["arcsin", "arccos", "arctanh"]:
    case(name, f(4, 3, low=-0.9, high=0.9), ref=getattr(np, name))
for name in ["negative", "absolute", "square", "sign", "floor", "ceil", "exp", "sqrt"]:
    case(name, i(4, 3, low=0), ref=lambda x, n=name: getattr(np, n)(x))
case("rsqrt", f(4, 3, low=0.1), ref=lambda x: 1 / np.sqrt(x))
case("erf", f(4, 3), ref=np.vectorize(math.erf))
case("erfc", f(4, 3), ref=np.vectorize(math.erfc))
case(
    "erfinv",
    np.float32([[-0.5, 0.0, 0.25]]),
    ref=lambda x: np.float32([[-0.47693628, 0, 0.2253121]]),
)
case("round", f(4, 3), ref=np.round)
case("round", np.float32([[0.5, 1.5, 2.5, -0.5]]), ref=np.round)
case("round", f(4, 3), 2, ref=np.round)
case("isclose", f(4, 3), f(4, 3), 0.5, ref=lambda x, y, r: np.isclose(x, y, r))
case("allclose", f(4, 3), f(4, 3), ref=np.allclose)
for name in ["logical_and", "logical_or", "logical_xor"]:
    case(name, b(4, 3), b(4, 3), ref=getattr(np, name))
    case(name, f(4, 3), b(3), ref=getattr(np, name))
for name in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
    case(name, i(4, 3), i(4, 3), ref=getattr(np, name))
    case(name, b(4, 3), b(4, 3), ref=getattr(np, name))
case("bitwise_not", i(4, 3), ref=np.bitwise_not)
case("bitwise_invert", b(4, 3), ref=np.bitwise_not)
for name in ["left_shift", "right_shift", "bitwise_left_shift", "bitwise_right_shift"]:
    reference = np.left_shift if "left" in name else np.right_shift
    case(name, i(4, 3), i(4, 3, low=0, high=4), ref=reference)
case("where", b(4, 3), f(4, 3), f(4, 3), ref=np.where)
case("where", b(4, 3), f(3), 0.0, ref=lambda c, x, y: np.where(c, x, np.float32(y)))
case("select", [b(4, 3), b(4, 3)], [f(4, 3), f(4, 3)], 0.5, ref=np.select)

# ---- Reductions

for name in [
    "sum",
    "mean",
    "max",
    "min",
    "prod",
    "any",
    "all",
    "std",
    "var",
    "ptp",
    "amax",
    "amin",
]:
    reference = getattr(np, name)
    case(name, f(4, 3, 2), ref=reference, tolerance=1e-4)
    for axis in (0, 1, -1):
        case(name, f(4, 3, 2), axis=axis, ref=reference, tolerance=1e-4)
    case(name, f(4, 3, 2), axis=(0, 2), keepdims=True, ref=reference, tolerance=1e-4)
case("sum", i(4, 3), axis=1, ref=lambda x, axis: x.sum(axis=axis, dtype=np.int32))
case("sum", b(4, 3), ref=lambda x: x.sum(dtype=np.int32))
case("mean", i(4, 3), axis=1, ref=np.mean)
case("max", b(4, 3), axis=1, ref=np.max)
case("max", f(4, 3), axis=1, initial=1.5, ref=np.max)
case("count_nonzero", i(4, 3), axis=1, ref=np.count_nonzero)
case("logsumexp", f(4, 3), axis=1, ref=lambda x, axis: np.log(np.exp(x).sum(axis)))
case("logsumexp", f(4, 3), ref=lambda x: np.log(np.exp(x).sum()))
case("argmax", f(4, 3), axis=1, ref=np.argmax)
case("argmax", f(4, 3), ref=np.argmax)
case("argmin", f(4, 3), axis=-1, keepdims=True, ref=np.argmin)
case("average", f(4, 3), axis=1, ref=np.average)
case("average", f(4, 3), axis=1, weights=f(3, low=0.1), ref=np.average)
case("average", f(4, 3), axis=0, weights=f(4, 3, low=0.1), ref=np.average)
case("cumsum", f(4, 3), axis=1, ref=np.cumsum)
case("cumsum", f(4, 3), axis=0, ref=np.cumsum)
case("cumsum", f(4, 3), ref=np.cumsum)
case("cumprod", f(4, 3), axis=1, ref=np.cumprod)
case("moments", f(4, 3), axes=0, ref=lambda x, axes: (x.mean(axes), x.var(axes)))
case(
    "moments",
    f(4, 3, 2),
    axes=(0, 2),
    keepdims=True,
    ref=lambda x, axes, keepdims: (x.mean(axes, keepdims=True), x.var(axes, keepdims=True)),
)
case("corrcoef", f(4, 7), ref=np.corrcoef, tolerance=1e-4)
case("diff", f(4, 5), ref=np.diff)
case("diff", f(4, 5), 2, 0, ref=np.diff)
case("trapezoid", f(4, 5), ref=np.trapezoid if hasattr(np, "trapezoid") else np.trapz)
for name in ["nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanstd", "nanvar"]:
    case(name, with_nan(4, 6), ref=getattr(np, name))
    case(name, with_nan(4, 6), axis=1, keepdims=True, ref=getattr(np, name))
case("nanargmax", with_nan(4, 6), axis=1, ref=np.nanargmax)
case("nanargmin", with_nan(4, 6), ref=np.nanargmin)
case("nancumsum", with_nan(4, 6), axis=1, ref=np.nancumsum)
case("nancumprod", with_nan(4, 6), axis=1, ref=np.nancumprod)
case("nanmedian", with_nan(4, 6), axis=1, ref=np.nanmedian)
case("nanquantile", with_nan(4, 6), 0.3, axis=1, ref=np.nanquantile)
case("nanpercentile", with_nan(4, 6), [30, 60], ref=np.nanpercentile)
case("median", f(4, 5), axis=1, ref=np.median)
case("median", f(4, 6), axis=0, ref=np.median)
case("median", f(4, 6), ref=np.median)
case("median", with_nan(4, 6), axis=1, keepdims=True, ref=np.median)
for method in ("linear", "lower", "higher", "midpoint", "nearest"):
    case("quantile", f(4, 7), 0.31, axis=1, method=method, ref=np.quantile)
case("quantile", f(4, 7), np.float32([0.0, 0.2, 1.0]), axis=(0, 1), keepdims=True, ref=np.quantile)
case("percentile", f(4, 7), 40, axis=0, ref=np.percentile)
case("norm", f(4, 3), ref=np.linalg.norm)
for order in (1, 2, 3, 0, np.inf, -np.inf):
    case("norm", f(4, 3), ord=order, axis=1, ref=np.linalg.norm)
for order in ("fro", 1, -1, np.inf, -np.inf):
    case("norm", f(2, 4, 3), ord=order, axis=(1, 2), ref=np.linalg.norm)
for order in ("nuc", 2, -2):
    case("norm", f(4, 3), ord=order, ref=np.linalg.norm, eager_only="singular values")

# ---- Shapes

case("reshape", f(4, 6), (-1, 3, 2), ref=np.reshape)
case("reshape", f(4, 6), (4, 2, 3), ref=np.reshape, fixed=True)
case("ravel", f(4, 3), ref=np.ravel)
case("expand_dims", f(4, 3), 1, ref=np.expand_dims)
case("expand_dims", f(4, 3), (0, -1), ref=np.expand_dims)
case("squeeze", f(4, 1, 3, 1), ref=np.squeeze)
case("squeeze", f(4, 1, 3, 1), 1, ref=np.squeeze)
case("transpose", f(4, 3, 2), ref=np.transpose)
case("transpose", f(4, 3, 2), (0, 2, 1), ref=np.transpose)
case("swapaxes", f(4, 3, 2), 0, -1, ref=np.swapaxes)
case("moveaxis", f(4, 3, 2), 0, -1, ref=np.moveaxis)
case("moveaxis", f(4, 3, 2, 5), (0, 1), (2, 0), ref=np.moveaxis)
case("broadcast_to", f(3), (4, 3), ref=np.broadcast_to, fixed=True)
case("concatenate", [f(4, 3), f(4, 2)], 1, ref=np.concatenate)
case("concatenate", [f(4, 3), f(4, 3)], ref=np.concatenate)
case("append", f(4, 3), f(4, 3), ref=np.append)
case("append", f(4, 3), f(4, 2), 1, ref=np.append)
case("stack", [f(4, 3), f(4, 3)], ref=np.stack)
case("stack", [f(4, 3), f(4, 3)], -1, ref=np.stack)
case("unstack", f(4, 3), axis=1, ref=lambda x, axis: [x[:, 0], x[:, 1], x[:, 2]])
case("hstack", [f(4, 3), f(4, 2)], ref=np.hstack)
case("vstack", [f(4, 3), f(2, 3)], ref=np.vstack)
case("dstack", [f(4, 3), f(4, 3)], ref=np.dstack)
case("column_stack", [f(4), f(4, 2)], ref=np.column_stack)
case("split", f(4, 6), 3, axis=1, ref=np.split)
case("split", f(4, 6), [1, 4], axis=1, ref=np.split)
case("array_split", f(4, 7), 3, axis=1, ref=np.array_split)
case("hsplit", f(4, 6), 2, ref=np.hsplit)
case("vsplit", f(4, 6), 2, ref=np.vsplit)
case("dsplit", f(4, 3, 6), [2], ref=np.dsplit)
case("repeat", f(4, 3), 2, axis=1, ref=np.repeat)
case("repeat", f(4, 3), 2, ref=np.repeat)
case("repeat", f(4, 3), [1, 0, 2], axis=1, ref=np.repeat)
case("tile", f(4, 3), (2, 3), ref=np.tile)
case("tile", f(4, 3), 2, ref=np.tile)
case("tile", f(4, 3), (2, 1, 1), ref=np.tile)
for mode in ("constant", "reflect", "symmetric", "edge"):
    case("pad", f(4, 3), ((0, 0), (1, 2)), mode, ref=np.pad)
case("pad", f(4, 3), 1, constant_values=5.0, ref=np.pad)
case("pad", i(4, 3), (1, 2), ref=np.pad)
case("pad", b(4, 3), 1, ref=np.pad)
case("flip", f(4, 3), ref=np.flip)
case("flip", f(4, 3), 1, ref=np.flip)
case("fliplr", f(4, 3), ref=np.fliplr)
case("flipud", f(4, 3), ref=np.flipud)
case("roll", f(4, 3), 1, ref=np.roll)
case("roll", f(4, 3), -1, axis=1, ref=np.roll)
case("roll", f(4, 3), (1, 2), axis=(0, 1), ref=np.roll)
for k in (0, 1, 2, 3):
    case("rot90", f(4, 3, 2), k, ref=np.rot90)
case("atleast_1d", np.float32(3), ref=np.atleast_1d)
case("atleast_2d", f(3), ref=np.atleast_2d)
case(
    "rearrange",
    f(4, 6, 5),
    "b (h w) c -> b w (c h)",
    h=2,
    ref=lambda x, p, h: x.reshape(4, 2, 3, 5).transpose(0, 2, 3, 1).reshape(4, 3, 10),
)

_image = f(4, 4, 6, 8)
case(
    "space_to_depth",
    _image,
    2,
    ref=lambda x, b: x.reshape(4, 2, 2, 3, 2, 8).swapaxes(2, 3).reshape(4, 2, 3, 32),
)
case(
    "depth_to_space",
    _image,
    2,
    ref=lambda x, b: x.reshape(4, 4, 6, 2, 2, 2).swapaxes(2, 3).reshape(4, 8, 12, 2),
)
case(
    "unfold",
    f(4, 2, 4, 5),
    2,
    ref=lambda x, k: np.stack(
        [x[:, :, i : i + 2, j : j + 2].reshape(4, -1) for i in range(3) for j in range(4)], -1
    ),
)
case(
    "psnr", f(4, 3), f(4, 3), 2.0, ref=lambda x, y, m: 10 * np.log10(m * m / np.mean((x - y) ** 2))
)

# ---- Creation

case("zeros", (2, 3), ref=lambda s: np.zeros(s, np.float32))
case("ones", (2, 3), "int32", ref=np.ones)
case("empty", (2, 3), ref=lambda s: np.zeros(s, np.float32))
case("full", (2, 3), 7, ref=lambda s, v: np.full(s, v, np.int32))
case("full", (2, 3), np.float32([1, 2, 3]), ref=np.full)
case("zeros_like", f(4, 3), ref=np.zeros_like)
case("ones_like", i(4, 3), ref=np.ones_like)
case("empty_like", f(4, 3), ref=np.zeros_like)
case("full_like", f(4, 3), 2.5, ref=np.full_like)
case("arange", 5, ref=lambda n: np.arange(n, dtype=np.int32))
case("arange", 1.0, 2.0, 0.25, ref=lambda *a: np.arange(*a).astype(np.float32))
case("arange", 5, 0, -2, "float32", ref=np.arange)
case("linspace", 0.0, 1.0, 5, ref=lambda *a: np.linspace(*a).astype(np.float32))
case("linspace", 0.0, 1.0, 5, endpoint=False, ref=np.linspace)
case("linspace", f(3), f(3), 4, axis=-1, ref=np.linspace)
case("logspace", 0.0, 2.0, 5, ref=np.logspace, tolerance=1e-4)
case("geomspace", 1.0, 100.0, 5, ref=np.geomspace, tolerance=1e-4)
case("eye", 3, 4, 1, ref=np.eye)
case("identity", 3, ref=np.identity)
case("tri", 3, 4, -1, ref=np.tri)
case("tril", f(4, 3, 3), ref=np.tril)
case("triu", f(4, 3, 5), 1, ref=np.triu)
case("diag", f(4), ref=np.diag)
case("diag", f(4), -1, ref=np.diag)
case("diag", f(4, 5), 1, ref=np.diag, fixed=True)
case("diagflat", f(2, 2), 1, ref=np.diagflat)
for k in (-2, 0, 1):
    case("diagonal", f(4, 5), k, ref=np.diagonal, fixed=True)
case("diagonal", f(4, 3, 5), 0, 1, 2, ref=np.diagonal)
case("trace", f(4, 3, 3), 0, 1, 2, ref=np.trace)
case("meshgrid", f(3), f(2), ref=lambda *a: list(np.meshgrid(*a)))
case("meshgrid", f(3), f(2), indexing="ij", ref=lambda *a, **k: list(np.meshgrid(*a, **k)))
case("vander", f(4), 3, ref=np.vander)
case("vander", f(4), 3, increasing=True, ref=np.vander)
for name in ["bartlett", "hanning", "hamming", "blackman"]:
    case(name, 7, ref=getattr(np, name))
case("kaiser", 7, 5.0, ref=np.kaiser)
case("array", [[1, 2], [3, 4]], ref=np.array)
case("copy", f(4, 3), ref=np.copy)

# ---- Places

case("take", f(4, 3), np.int32([0, 2, -1]), 1, ref=np.take)
case("take", f(4, 3), np.int32([[0, 2], [5, -1]]), ref=np.take)
case("take_along_axis", f(4, 3), np.int32([[0], [1], [2], [-1]]), 1, ref=np.take_along_axis)
case("isin", i(4, 3), np.int32([1, 2]), ref=np.isin)
case("isin", i(4, 3), np.int32([1, 2]), invert=True, ref=np.isin)
case("nonzero", i(4, 3), ref=np.nonzero, eager_only="values decide the shape")
case("unravel_index", np.int32([0, 5, 11]), (3, 4), ref=np.unravel_index)
case("get_item", f(4, 3), 1, ref=lambda x, k: x[k])
case("slice", f(4, 5), (0, 1), (2, 3), ref=lambda x, s, n: x[0:2, 1:4])
case(
    "slice_update", f(4, 5), (1, 2), np.ones((2, 3), np.float32), ref=lambda x, s, u: _updated(x, u)
)


def _updated(x: np.ndarray, u: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[1:3, 2:5] = u
    return x


def _scattered(indices: np.ndarray, values: np.ndarray, shape: tuple) -> np.ndarray:
    out = np.zeros(shape, values.dtype)
    np.add.at(out, tuple(indices.T), values)
    return out


def _scatter_updated(x: np.ndarray, indices: np.ndarray, u: np.ndarray, reduction: Any = None):
    x = x.copy()
    for place, value in zip(indices, u):
        place = tuple(place)
        if reduction is None:
            x[place] = value
        else:
            combine = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}
            x[place] = combine[reduction](x[place], value)
    return x


_places = np.int32([[0, 1], [2, 2], [0, 1]])
case("scatter", _places, f(3), (3, 4), ref=_scattered)
case("scatter", np.int32([[0], [2]]), f(2, 4), (3, 4), ref=_scattered)
for reduction in (None, "add", "mul", "min", "max"):
    case("scatter_update", f(3, 4), _places, f(3), reduction, ref=_scatter_updated, fixed=True)
case("scatter_update", f(3, 4), np.int32([[0], [2]]), f(2, 4), ref=_scatter_updated, fixed=True)

# ---- Order

case("sort", f(4, 5), ref=np.sort)
case("sort", f(4, 5), 0, ref=np.sort)
case("sort", i(4, 5), None, ref=np.sort)
case("sort", b(4, 5), ref=np.sort)
case("argsort", f(4, 5), ref=np.argsort)
case("argsort", i(4, 5), 0, ref=lambda x, a: np.argsort(x, a, kind="stable"))
case("argpartition", f(4, 5), 2, ref=lambda x, k: np.argsort(x))
case("top_k", f(4, 5), 2, ref=lambda x, k: (np.sort(x)[:, ::-1][:, :k], np.argsort(-x)[:, :k]))
case(
    "in_top_k",
    np.int32([0, 1, 2]),
    np.float32([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.5, 0.3, 0.2]]),
    2,
    ref=lambda t, p, k: np.array([False, True, False]),
)
_sorted = np.float32([-1, 0, 0.5, 2])
case("searchsorted", _sorted, f(4, 3), ref=np.searchsorted, fixed=True)
case("searchsorted", _sorted, _sorted, side="right", ref=np.searchsorted, fixed=True)
case("digitize", f(4, 3), _sorted, ref=np.digitize, fixed=True)
case("bincount", np.int32([0, 1, 1, 3]), ref=np.bincount, eager_only="values decide the shape")
case("bincount", np.int32([0, 1, 1, 3]), minlength=5, ref=np.bincount)
case("bincount", np.int32([0, 1, 1]), weights=np.float32([1, 2, 3]), minlength=3, ref=np.bincount)
case("histogram", f(40), 5, ref=np.histogram, fixed=True)
case("histogram", f(40), 5, (-1, 1), ref=np.histogram, fixed=True)
case("unique", i(4, 5), ref=np.unique, eager_only="values decide the shape")

# ---- Products

case("matmul", f(4, 3), f(3, 2), ref=np.matmul)
case("matmul", f(4, 2, 3), f(4, 3, 2), ref=np.matmul)
case("matmul", f(4, 2, 3), f(3, 2), ref=np.matmul)
case("matmul", f(4, 3), f(3), ref=np.matmul)
case("matmul", f(3), f(3, 4), ref=np.matmul, fixed=True)
case("matmul", f(3), f(3), ref=np.matmul)
case("matmul", i(4, 3), i(3, 2), ref=np.matmul)
case("dot", f(4, 3), f(3, 2), ref=np.dot)
case("dot", f(4, 2, 3), f(5, 3, 2), ref=np.dot)
case("vdot", f(4, 3), f(4, 3), ref=np.vdot)
case("inner", f(4, 3), f(2, 3), ref=np.inner)
case("outer", f(4), f(3), ref=np.outer)
case("tensordot", f(4, 3, 2), f(3, 2, 5), ref=np.tensordot)
case("tensordot", f(4, 3, 2), f(2, 3), axes=[[2, 1], [0, 1]], ref=np.tensordot)
case("cross", f(4, 3), f(4, 3), ref=np.cross)
case("kron", f(4, 3), f(2, 2), ref=np.kron)
for mode in ("valid", "same", "full"):
    case("correlate", f(6), f(3), mode, ref=np.correlate, fixed=True)
    case("correlate", f(3), f(6), mode, ref=np.correlate, fixed=True)
    case("correlate", f(7), f(4), mode, ref=np.correlate, fixed=True)
for text, shapes in {
    "ij,jk->ik": [(4, 3), (3, 2)],
    "bij,bjk->bik": [(4, 2, 3), (4, 3, 5)],
    "bij,bkj->bik": [(4, 2, 3), (4, 5, 3)],
    "bhij,bhjk->bihk": [(4, 2, 3, 5), (4, 2, 5, 2)],
    "abc,cde->abde": [(4, 2, 3), (3, 2, 5)],
    "ij->ji": [(4, 3)],
    "ij->": [(4, 3)],
    "ij->i": [(4, 3)],
    "ij": [(4, 3)],
    "bii->bi": [(4, 3, 3)],
    "bii->b": [(4, 3, 3)],
    "i,j->ij": [(4,), (3,)],
    "ij,ij->ij": [(4, 3), (4, 3)],
    "ij,ij->": [(4, 3), (4, 3)],
    "...ij,...jk->...ik": [(4, 2, 3), (4, 3, 5)],
    "...i,ij->...j": [(4, 2, 3), (3, 5)],
    "...x,...->...x": [(4, 2, 3), (4, 2)],
    "bq,bk,bqk->b": [(4, 2), (4, 3), (4, 2, 3)],
    "ij,jk,kl->il": [(4, 3), (3, 2), (2, 5)],
    "aecd,abcd->acbe": [(4, 2, 3, 5), (4, 6, 3, 5)],
    "acbe,aecd->abcd": [(4, 3, 6, 2), (4, 2, 3, 5)],
    "ki,kj": [(4, 3), (4, 2)],
    "ij,k->ik": [(4, 3), (2,)],
}.items():
    case("einsum", text, *(f(*s) for s in shapes), ref=lambda t, *a: np.einsum(t, *a))

# ---- Matrices

_square = f(4, 3, 3) + 4 * np.eye(3, dtype=np.float32)
_definite = _square @ _square.transpose(0, 2, 1)
_lapack = "LAPACK needs values"
case("inv", _square, ref=np.linalg.inv, eager_only=_lapack)
case("pinv", _square[0, :, :2], ref=np.linalg.pinv, eager_only=_lapack)
case("det", _square, ref=np.linalg.det, eager_only=_lapack, tolerance=1e-4)
case("slogdet", _square, ref=lambda x: tuple(np.linalg.slogdet(x)), eager_only=_lapack)
case("logdet", _definite, ref=lambda x: np.linalg.slogdet(x)[1], eager_only=_lapack)
case("cholesky", _definite, ref=np.linalg.cholesky, eager_only=_lapack, tolerance=1e-4)
case(
    "cholesky_inverse",
    np.linalg.cholesky(_definite),
    ref=lambda x: np.linalg.inv(_definite),
    eager_only=_lapack,
    tolerance=1e-4,
)
case("solve", _square, f(4, 3, 2), ref=np.linalg.solve, eager_only=_lapack, tolerance=1e-4)
case("solve", _square[0], f(3), ref=np.linalg.solve, eager_only=_lapack, tolerance=1e-4)
case(
    "solve_triangular",
    _square[0],
    f(3, 2),
    lower=True,
    ref=lambda a, b, lower: np.linalg.solve(np.tril(a), b),
    eager_only=_lapack,
    tolerance=1e-4,
)
case("qr", f(4, 3), ref=lambda x: tuple(np.linalg.qr(x)), eager_only=_lapack)
case("svd", f(4, 3), ref=lambda x: tuple(np.linalg.svd(x)), eager_only=_lapack)
case("eigh", _definite, ref=lambda x: tuple(np.linalg.eigh(x)), eager_only=_lapack, tolerance=1e-3)
case("matrix_rank", _square, ref=np.linalg.matrix_rank, eager_only=_lapack)
case(
    "lstsq",
    f(4, 2),
    f(4, 3),
    ref=lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
    eager_only=_lapack,
    tolerance=1e-4,
)
for n in (0, 1, 5):
    case("matrix_power", f(4, 3, 3), n, ref=np.linalg.matrix_power, tolerance=1e-4)
case("matrix_power", _square, -2, ref=np.linalg.matrix_power, eager_only=_lapack, tolerance=1e-4)

# ---- Groups, windows, distances

_ids = np.int32([0, 2, 0, 2, 5])


def _segments(kind: Callable, empty: float) -> Callable:
    def reference(data: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
        rows = [data[ids == n] for n in range(count)]
        return np.stack([kind(r, 0) if len(r) else np.full(data.shape[1:], empty) for r in rows])

    return reference


case("segment_sum", f(5, 3), _ids, 4, ref=_segments(np.sum, 0))
case("segment_max", f(5, 3), _ids, 4, ref=_segments(np.max, -np.inf), fixed=True)
case("segment_min", f(5, 3), _ids, 4, ref=_segments(np.min, np.inf), fixed=True)
case("segment_prod", f(5, 3), _ids, 4, ref=_segments(np.prod, 1), fixed=True)
case(
    "extract_sequences",
    f(4, 7),
    3,
    2,
    ref=lambda x, n, s: np.stack([x[:, j : j + n] for j in (0, 2, 4)], 1),
)
case(
    "cdist",
    f(4, 3),
    f(2, 3),
    ref=lambda x, y: np.linalg.norm(x[:, None] - y[None], axis=-1),
)

# ---- Networks


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _softmax(x: np.ndarray, axis: Any = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, 0)


_elu = lambda x, a=1.0: np.where(x > 0, x, a * np.expm1(x))  # noqa: E731
_activations: dict[str, Callable] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": _sigmoid,
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "softplus": _softplus,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "silu": lambda x: x * _sigmoid(x),
    "swish": lambda x: x * _sigmoid(x),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "log_sigmoid": lambda x: np.log(_sigmoid(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "celu": _elu,
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "softmax": _softmax,
    "log_softmax": lambda x: np.log(_softmax(x)),
}
for name, reference in _activations.items():
    case(name, f(4, 6, low=-7, high=7), ref=reference)
case(
    "gelu",
    f(4, 3),
    approximate=False,
    ref=lambda x, approximate: 0.5 * x * (1 + np.vectorize(math.erf)(x / np.sqrt(2))),
)
case("threshold", f(4, 3), 0.5, 9.0, ref=lambda x, t, v: np.where(x > t, x, v))
case("glu", f(4, 6), ref=lambda x: x[:, :3] * _sigmoid(x[:, 3:]))
case("softmax", f(4, 3, 2), axis=1, ref=_softmax)
case("softmax", f(4, 3, 2), axis=(1, 2), ref=_softmax)
case("softmax", f(4, 3), axis=None, ref=_softmax)
case("sparsemax", np.float32([[0.5, 0.2, -3.0]]), ref=lambda x: np.float32([[0.65, 0.35, 0.0]]))
case(
    "one_hot",
    np.int32([[0, 2], [3, -1]]),
    3,
    ref=lambda x, n: np.float32(x[..., None] == np.arange(n)),
)
case(
    "one_hot",
    np.int32([0, 2]),
    3,
    0,
    "int32",
    ref=lambda x, n, *_: np.int32(x[None] == np.arange(n)[:, None]),
)
case(
    "multi_hot", np.int32([[0, 2], [1, 1]]), 3, ref=lambda x, n: np.float32([[1, 0, 1], [0, 1, 0]])
)
_prob = _softmax(f(4, 5))
_onehot = np.eye(5, dtype=np.float32)[[0, 2, 4, 1]]
_logits = f(4, 5)
case("categorical_crossentropy", _onehot, _prob, ref=lambda t, p: -(t * np.log(p)).sum(-1))
case(
    "categorical_crossentropy",
    _onehot,
    _logits,
    from_logits=True,
    ref=lambda t, x, from_logits: -(t * np.log(_softmax(x))).sum(-1),
)
case(
    "sparse_categorical_crossentropy",
    np.int32([0, 2, 4, 1]),
    _prob,
    ref=lambda t, p: -np.log(p)[np.arange(4), t],
)
case(
    "sparse_categorical_crossentropy",
    np.int32([[0], [2], [4], [1]]),
    _logits,
    from_logits=True,
    ref=lambda t, x, from_logits: -np.log(_softmax(x))[np.arange(4), t[:, 0]],
)
case(
    "binary_crossentropy",
    np.float32([[0, 1, 1]]),
    np.float32([[0.2, 0.7, 1.0]]),
    ref=lambda t, p: np.float32([[-np.log(0.8), -np.log(0.7), 1.1920929e-07]]),
    tolerance=1e-6,
)
case(
    "binary_crossentropy",
    np.float32([[0, 1, 1]]),
    f(1, 3),
    from_logits=True,
    ref=lambda t, x, from_logits: -(t * np.log(_sigmoid(x)) + (1 - t) * np.log(1 - _sigmoid(x))),
)


def _batch_norm(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    shape = [-1 if n == axis % x.ndim else 1 for n in range(x.ndim)]
    y = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + epsilon)
    y = y if scale is None else y * scale.reshape(shape)
    return y if offset is None else y + offset.reshape(shape)


case("batch_normalization", f(4, 3), f(3), f(3, low=0.1), -1, ref=_batch_norm)
case(
    "batch_normalization",
    f(4, 3, 2, 2),
    f(3),
    f(3, low=0.1),
    1,
    offset=f(3),
    scale=f(3),
    ref=_batch_norm,
)
case(
    "layer_normalization",
    f(4, 5),
    f(5),
    f(5),
    ref=lambda x, g, b: (
        g * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-7) + b
    ),
    tolerance=1e-4,
)
case(
    "rms_normalization",
    f(4, 5),
    f(5),
    ref=lambda x, s: s * x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-7),
    tolerance=1e-4,
)
case("normalize", f(4, 5), ref=lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True))
case("normalize", f(4, 5), axis=0, order=1, ref=lambda x, axis, order: x / np.abs(x).sum(0))


def _attention(q, k, v, mask=None, causal=False):
    scores = np.einsum("btnh,bsnh->bnts", q, k) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e30)
    if causal:
        scores = np.where(np.tri(q.shape[1], k.shape[1]) > 0, scores, -1e30)
    return np.einsum("bnts,bsnh->btnh", _softmax(scores), v)


case("dot_product_attention", f(4, 3, 2, 5), f(4, 6, 2, 5), f(4, 6, 2, 5), ref=_attention)
case(
    "dot_product_attention",
    f(4, 3, 2, 5),
    f(4, 3, 2, 5),
    f(4, 3, 2, 5),
    is_causal=True,
    ref=lambda q, k, v, is_causal: _attention(q, k, v, causal=True),
)
_mask = b(4, 1, 3, 6) | (np.arange(6) == 0)
case(
    "dot_product_attention",
    f(4, 3, 2, 5),
    f(4, 6, 2, 5),
    f(4, 6, 2, 5),
    mask=_mask,
    ref=_attention,
)


# ---- Windows: convolution and pooling by plain loops


def _same_pads(size: int, reach: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def conv_reference(x, w, strides=1, padding="valid", data_format="channels_last", dilation_rate=1):
    if data_format == "channels_first":
        x = np.moveaxis(x, 1, -1)
    n = x.ndim - 2
    strides = (strides,) * n if isinstance(strides, int) else strides
    dilation = (dilation_rate,) * n if isinstance(dilation_rate, int) else dilation_rate
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape, dilation)]
    if padding == "same":
        pads = [_same_pads(s, r, t) for s, r, t in zip(x.shape[1:], reach, strides)]
        x = np.pad(x, [(0, 0), *pads, (0, 0)])
    out = [(s - r) // t + 1 for s, r, t in zip(x.shape[1:], reach, strides)]
    groups = x.shape[-1] // w.shape[-2]
    y = np.zeros((x.shape[0], *out, w.shape[-1]), np.float64)
    per_in, per_out = w.shape[-2], w.shape[-1] // groups
    for place in np.ndindex(*w.shape[:n]):
        key = tuple(
            slice(p * d, p * d + (o - 1) * t + 1, t)
            for p, d, o, t in zip(place, dilation, out, strides)
        )
        window = x[(slice(None), *key)]
        for g in range(groups):
            inputs = window[..., g * per_in : (g + 1) * per_in]
            outputs = slice(g * per_out, (g + 1) * per_out)
            y[..., outputs] += inputs @ w[(*place, slice(None), outputs)]
    return np.moveaxis(y, -1, 1) if data_format == "channels_first" else y


def depthwise_reference(x, w, *args, **kwargs):
    channels, multiplier = w.shape[-2:]
    full = w.reshape(*w.shape[:-2], 1, channels * multiplier)
    return conv_reference(x, full, *args, **kwargs)


case("conv", f(4, 7, 3), f(3, 3, 5), ref=conv_reference, tolerance=1e-4)
case("conv", f(4, 7, 6, 3), f(3, 2, 3, 5), ref=conv_reference, tolerance=1e-4)
case("conv", f(4, 7, 6, 3), f(3, 3, 3, 5), 2, "same", ref=conv_reference, tolerance=1e-4)
case("conv", f(4, 8, 6, 3), f(3, 3, 3, 5), (2, 1), "same", ref=conv_reference, tolerance=1e-4)
case("conv", f(4, 7, 6, 4), f(3, 3, 2, 6), 1, "same", ref=conv_reference, tolerance=1e-4)
case("conv", f(4, 9, 9, 2), f(3, 3, 2, 3), dilation_rate=2, ref=conv_reference, tolerance=1e-4)
case(
    "conv",
    f(4, 3, 7, 6),
    f(3, 3, 3, 5),
    1,
    "same",
    "channels_first",
    ref=conv_reference,
    tolerance=1e-4,
)
case("conv", f(2, 5, 4, 6, 2), f(2, 3, 3, 2, 3), ref=conv_reference, tolerance=1e-4)
case("depthwise_conv", f(4, 7, 6, 3), f(3, 3, 3, 2), ref=depthwise_reference, tolerance=1e-4)
case("depthwise_conv", f(4, 7, 3), f(3, 3, 1), 2, "same", ref=depthwise_reference, tolerance=1e-4)
case(
    "separable_conv",
    f(4, 7, 6, 3),
    f(3, 3, 3, 2),
    f(1, 1, 6, 4),
    ref=lambda x, d, p: conv_reference(depthwise_reference(x, d), p),
    tolerance=1e-4,
)


def conv_transpose_reference(
    x, w, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1
):
    """Each input pixel spreads the kernel; then what "same" leaves out is cut."""
    n = x.ndim - 2
    spread = (x.shape[1] - 1) * strides + (w.shape[0] - 1) * dilation_rate + 1
    reach = (w.shape[0] - 1) * dilation_rate + 1
    if padding == "valid":
        size = spread + (max(strides - reach, 0) if output_padding is None else output_padding)
        cut = 0
    elif output_padding is None:
        size = x.shape[1] * strides
        cut = reach - 1 - min((strides + reach - 1) // 2, reach - 1)
    else:
        size = (x.shape[1] - 1) * strides + reach % 2 + output_padding
        cut = reach - 1 - min((reach + reach % 2 - 1 + output_padding) // 2, reach - 1)
    y = np.zeros((x.shape[0], *[max(spread, size + cut)] * n, w.shape[-2]))
    for place in np.ndindex(*w.shape[:n]):
        key = tuple(
            slice(p * dilation_rate, p * dilation_rate + (x.shape[1] - 1) * strides + 1, strides)
            for p in place
        )
        y[(slice(None), *key)] += x @ w[place].T
    return y[(slice(None), *[slice(cut, cut + size)] * n)]


for padding in ("valid", "same"):
    for stride in (1, 2, 3):
        for size in (1, 2, 3, 4):
            case(
                "conv_transpose",
                f(4, 5, 3),
                f(size, 2, 3),
                stride,
                padding,
                ref=conv_transpose_reference,
                tolerance=1e-4,
            )
case(
    "conv_transpose",
    f(4, 5, 5, 3),
    f(3, 3, 2, 3),
    2,
    "same",
    ref=conv_transpose_reference,
    tolerance=1e-4,
)
case(
    "conv_transpose",
    f(4, 5, 5, 3),
    f(3, 3, 2, 3),
    2,
    "same",
    1,
    ref=conv_transpose_reference,
    tolerance=1e-4,
)
case(
    "conv_transpose",
    f(4, 5, 5, 3),
    f(3, 3, 2, 3),
    2,
    "valid",
    1,
    ref=conv_transpose_reference,
    tolerance=1e-4,
)
case(
    "conv_transpose",
    f(4, 5, 5, 3),
    f(3, 3, 2, 3),
    dilation_rate=2,
    ref=conv_transpose_reference,
    tolerance=1e-4,
)


def pool_reference(reduce):
    def run(x, pool_size, strides=None, padding="valid", data_format="channels_last"):
        if data_format == "channels_first":
            x = np.moveaxis(x, 1, -1)
        n = x.ndim - 2
        size = (pool_size,) * n if isinstance(pool_size, int) else pool_size
        strides = size if strides is None else strides
        strides = (strides,) * n if isinstance(strides, int) else strides
        x = x.astype(np.float64)
        if padding == "same":
            pads = [_same_pads(s, r, t) for s, r, t in zip(x.shape[1:], size, strides)]
            x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=np.nan)
        out = [(s - r) // t + 1 for s, r, t in zip(x.shape[1:], size, strides)]
        y = np.zeros((x.shape[0], *out, x.shape[-1]))
        for place in np.ndindex(*out):
            key = tuple(slice(p * t, p * t + r) for p, t, r in zip(place, strides, size))
            y[(slice(None), *place)] = reduce(x[(slice(None), *key)], axis=tuple(range(1, n + 1)))
        return np.moveaxis(y, -1, 1) if data_format == "channels_first" else y

    return run


for name, reduce in (("max_pool", np.nanmax), ("average_pool", np.nanmean)):
    case(name, f(4, 7, 3), 2, ref=pool_reference(reduce))
    case(name, f(4, 7, 6, 3), 2, ref=pool_reference(reduce))
    case(name, f(4, 7, 6, 3), (3, 2), 2, "same", ref=pool_reference(reduce))
    case(name, f(4, 3, 7, 6), 2, 1, "same", "channels_first", ref=pool_reference(reduce))
    case(name, f(2, 4, 5, 6, 2), 2, ref=pool_reference(reduce))


def _adaptive(reduce):
    def run(x, n):
        s = x.shape[1]
        cells = [reduce(x[:, k * s // n : -(-(k + 1) * s // n)], axis=1) for k in range(n)]
        return np.stack(cells, 1)

    return run


case("adaptive_average_pool", f(4, 7, 3), 3, ref=_adaptive(np.mean))
case("adaptive_max_pool", f(4, 7, 3), 3, ref=_adaptive(np.max))

# ---- Core

case("cast", f(4, 3), "int32", ref=lambda x, d: x.astype(d))
case(
    "saturate_cast",
    np.float32([[-5, 100, 300]]),
    "uint8",
    ref=lambda x, d: np.uint8([[0, 100, 255]]),
)
case("stop_gradient", f(4, 3), ref=lambda x: x)
case("convert_to_tensor", f(4, 3), ref=lambda x: x)

# What a table of arrays cannot show, and where it is tested.
ELSEWHERE = {
    "scan while_loop fori_loop cond switch map vectorized_map": "test_control_flow",
    "associative_scan custom_gradient vectorize": "test_control_flow",
    "shape dtype is_tensor convert_to_numpy ndim size": "test_core",
    "image linalg math nn numpy": "namespaces",
}
