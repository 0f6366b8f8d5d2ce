"""Random tensors. Element i of a draw depends on the key (seed, counter) and i alone, not on
threads."""

from __future__ import annotations

from typing import Any

from addax.backend.dtypes import FLOAT_TYPES, is_float_dtype, is_int_dtype, standardize_dtype
from addax.backend.tensor import cast, convert_to_tensor, scalar
from addax.ops.door import as_dims, core, float_tensor, normalize_axis, op
from addax.random.seed_generator import draw_seed


def _float_dtype(dtype: Any, name: str) -> str:
    dtype = standardize_dtype(dtype)
    if not is_float_dtype(dtype):
        raise ValueError(
            f"`keras.random.{name}` requires a floating point `dtype`. Received: dtype={dtype} "
        )
    return dtype


def _drawn(name: str, shape: Any, dtype: str, seed: Any, **attributes: Any) -> Any:
    """A draw in float32 or float64, cast to the narrower floats."""
    wide = dtype if dtype in ("float32", "float64") else "float32"
    x = core(name)(draw_seed(seed), shape=as_dims(shape), dtype=wide, **attributes)
    return x if wide == dtype else cast(x, dtype)


@op(name="random.normal")
def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draws from the normal distribution.

    Args:
        shape: Shape of the result.
        mean: Mean.
        stddev: Standard deviation.
        dtype: Floating-point dtype, `floatx()` if `None`.
        seed: Whole number (the same draw each time), `SeedGenerator`, or `None` for the global
            generator.
    """
    x = _drawn("random_normal", shape, _float_dtype(dtype, "normal"), seed)
    return _affine(x, mean, stddev)


def _affine(x: Any, mean: Any, factor: Any) -> Any:
    if not (isinstance(factor, (int, float)) and factor == 1):
        x = core("multiply")(x, cast(convert_to_tensor(factor), x.dtype))
    if not (isinstance(mean, (int, float)) and mean == 0):
        x = core("add")(x, cast(convert_to_tensor(mean), x.dtype))
    return x


@op(name="random.truncated_normal")
def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draws from the normal distribution within two standard deviations. Arguments as of
    `normal`."""
    x = _drawn("random_truncated_normal", shape, _float_dtype(dtype, "truncated_normal"), seed)
    return _affine(x, mean, stddev)


@op(name="random.uniform")
def uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Draws from the uniform distribution over `[minval, maxval)`. Other arguments as of
    `normal`."""
    x = _drawn("random_uniform", shape, _float_dtype(dtype, "uniform"), seed)
    return _affine(x, minval, maxval - minval)


@op(name="random.randint")
def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Draws whole numbers from `[minval, maxval)`, all alike.

    Raises:
        ValueError: If the dtype is not an integer one, or the range is empty.
    """
    dtype = standardize_dtype(dtype)
    if not is_int_dtype(dtype):
        raise ValueError(
            f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype} "
        )
    low, high = (int(v) for v in (minval, maxval))
    if low >= high:
        raise ValueError(
            f"`minval` must be below `maxval`. Received: minval={minval}, maxval={maxval}"
        )
    wide = dtype if dtype in ("int32", "int64") else "int64"
    x = core("random_integers")(
        draw_seed(seed), shape=as_dims(shape), low=low, high=high, dtype=wide
    )
    return cast(x, dtype)


@op(name="random.categorical")
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Draws class indices `(batch, num_samples)` with probabilities `softmax(logits)`, logits
    `(batch, classes)`.

    The class with the largest logit plus Gumbel noise (E. J. Gumbel, 1954) has just these
    probabilities.
    """
    from addax.ops.shaping import expand_dims

    logits = float_tensor(logits)
    if logits.ndim != 2:
        raise ValueError(
            f"`logits` should be a 2-D tensor with shape [batch_size, num_classes]. Received: "
            f"logits.shape={logits.shape}"
        )
    dtype = standardize_dtype(dtype)
    shape = [logits.dims[0], num_samples, logits.dims[1]]
    u = _drawn("random_uniform", shape, logits.dtype, seed)
    log = core("log")
    # 1 - u is in (0, 1]; the tiny constant keeps the outer logarithm finite at 1.
    noise = core("negative")(log(core("negative")(log(1.0 - u)) + 1e-20))
    scores = core("add")(expand_dims(logits, 1), noise)
    return cast(core("argmax")(scores, axis=2, keepdims=False), dtype)


@op(name="random.gamma")
def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draws from the gamma distribution of scale 1; `alpha` broadcasts to the shape."""
    from addax.ops.shaping import broadcast_to

    dtype = _float_dtype(dtype, "gamma")
    wide = dtype if dtype in ("float32", "float64") else "float32"
    dims = as_dims(shape)
    alpha = broadcast_to(cast(convert_to_tensor(alpha), wide), dims)
    return cast(core("random_gamma")(draw_seed(seed), alpha, shape=dims), dtype)


@op(name="random.beta")
def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draws from the beta distribution; `alpha` and `beta` broadcast to the shape.

    X / (X + Y) of two gamma draws; they get keys of their own.
    """
    dtype = _float_dtype(dtype, "beta")
    key = draw_seed(seed)
    # The counter is left as it is, the seed's bits are turned: no other draw has this key.
    flip = convert_to_tensor([0x5BD1E995, 0], "int64")
    x = gamma(shape, alpha, dtype, key)
    y = gamma(shape, beta, dtype, core("bitwise_xor")(key, flip))
    return x / (x + y)


@op(name="random.binomial")
def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """How many of `counts` trials succeed, each with its probability; both broadcast to the shape.

    Each trial is drawn, so time and memory grow with the largest count, whose value must be known.
    """
    from addax.ops.shaping import broadcast_to, expand_dims

    dtype = _float_dtype(dtype, "binomial")
    dims = as_dims(shape)
    counts = cast(convert_to_tensor(counts), "int32")
    if counts.symbolic:
        raise ValueError(
            "`random.binomial` needs the values of `counts`, which are not known while a program "
            "is recorded."
        )
    most = int(core("max")(counts, axes=list(range(counts.ndim)), keepdims=False))
    p = broadcast_to(cast(convert_to_tensor(probabilities), "float32"), dims)
    u = _drawn("random_uniform", [*dims, most], "float32", seed)
    trial = core("iota")(shape=[most], axis=0, dtype="int32")
    tried = core("less")(trial, expand_dims(broadcast_to(counts, dims), -1))
    hit = core("logical_and")(core("less")(u, expand_dims(p, -1)), tried)
    return core("sum")(cast(hit, dtype), axes=[len(dims)], keepdims=False)


@op(name="random.dropout")
def dropout(inputs: Any, rate: Any, noise_shape: Any = None, seed: Any = None) -> Any:
    """Zeros in a fraction `rate` of the places; the others are scaled by `1 / (1 - rate)`.

    Args:
        inputs: Floating-point tensor.
        rate: Fraction in [0, 1].
        noise_shape: Shape of the draw, which broadcasts to the inputs; `None` in it, or instead of
            it, is the inputs' size.
        seed: As of `normal`.
    """
    x = convert_to_tensor(inputs)
    if x.dtype not in FLOAT_TYPES:
        raise ValueError(f"`dropout` needs floating-point inputs. Received dtype {x.dtype}")
    shape = x.dims
    if noise_shape is not None:
        shape = tuple(own if size is None else size for own, size in zip(x.dims, noise_shape))
    if isinstance(rate, (int, float)) and rate >= 1.0:
        return core("multiply")(x, scalar(0.0, x.dtype))
    keep = 1.0 - rate
    u = _drawn("random_uniform", shape, "float32", seed)
    kept = core("less")(u, cast(convert_to_tensor(keep), "float32"))
    scaled = core("multiply")(x, cast(convert_to_tensor(1.0 / keep), x.dtype))
    return core("where")(kept, scaled, scalar(0.0, x.dtype))


@op(name="random.shuffle")
def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """The slices along an axis in random order."""
    x = convert_to_tensor(x)
    place = normalize_axis(axis, x.ndim)
    u = _drawn("random_uniform", [x.dims[place]], "float32", seed)
    return core("gather")(x, core("argsort")(u, axis=0), axis=place)
