"""Initializers that draw: normal, uniform, variance scaling and its named kin, orthogonal."""

from __future__ import annotations

import math
from typing import Any

from addax import random
from addax.initializers.constant_initializers import resolved_dtype
from addax.initializers.initializer import Initializer

# Standard deviation of a standard normal cut off at two standard deviations.
TRUNCATED_STDDEV = 0.87962566103423978


class RandomInitializer(Initializer):
    """Base of the initializers that draw.

    An int seed gives the same values at every call. `None` picks a seed when the object is made
    (from Python's `random`, which `utils.set_random_seed` fixes), so one object repeats itself but
    two differ. A `SeedGenerator` advances with every call.

    Args:
        seed: An int, a `SeedGenerator`, its config, or `None`.
    """

    def __init__(self, seed=None):
        if isinstance(seed, dict):
            from addax.saving.serialization import deserialize_keras_object

            seed = deserialize_keras_object(seed)
        self._given_seed = seed
        if seed is None:
            import random as python_random

            seed = python_random.randint(1, int(1e9))
        elif isinstance(seed, bool) or not isinstance(seed, (int, random.SeedGenerator)):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an "
                f"integer. Received: seed={seed}"
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        from addax.saving.serialization import serialize_keras_object

        return {"seed": serialize_keras_object(self._given_seed)}


class RandomNormal(RandomInitializer):
    """Draws from a normal distribution.

    Args:
        mean: Its mean.
        stddev: Its standard deviation.
        seed: An int, a `SeedGenerator`, or `None`.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed=seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape, dtype=None):
        return random.normal(
            shape, mean=self.mean, stddev=self.stddev, seed=self.seed, dtype=resolved_dtype(dtype)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Draws from a normal distribution; values beyond two standard deviations are drawn again.

    Args:
        mean: Mean before the cut.
        stddev: Standard deviation before the cut.
        seed: An int, a `SeedGenerator`, or `None`.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed=seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(
            shape, mean=self.mean, stddev=self.stddev, seed=self.seed, dtype=resolved_dtype(dtype)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Draws uniformly from [minval, maxval).

    Args:
        minval: Lower bound, included.
        maxval: Upper bound, excluded.
        seed: An int, a `SeedGenerator`, or `None`.
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed=seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape, dtype=None):
        return random.uniform(
            shape,
            minval=self.minval,
            maxval=self.maxval,
            seed=self.seed,
            dtype=resolved_dtype(dtype),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class VarianceScaling(RandomInitializer):
    """Draws with a variance of `scale / n`, where n is a count of connections.

    Args:
        scale: Positive factor of the variance.
        mode: What n is: a unit's inputs (`"fan_in"`), its outputs (`"fan_out"`) or the mean of both
            (`"fan_avg"`).
        distribution: `"truncated_normal"` (also `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: An int, a `SeedGenerator`, or `None`.
        input_axes: Axes whose lengths make up the inputs of a unit; by default the last but one.
        output_axes: Axes whose lengths make up its outputs; by default the last.

    Raises:
        ValueError: If the scale is not positive, or the mode or distribution is unknown.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {modes}")
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        distributions = ("uniform", "truncated_normal", "untruncated_normal")
        if distribution not in distributions:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}.Please use one of {distributions}"
            )
        super().__init__(seed=seed)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape, dtype=None):
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        connections = {
            "fan_in": fan_in,
            "fan_out": fan_out,
            "fan_avg": (fan_in + fan_out) / 2,
        }[self.mode]
        variance = self.scale / max(1.0, connections)
        dtype = resolved_dtype(dtype)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, minval=-limit, maxval=limit, seed=self.seed, dtype=dtype)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, mean=0.0, stddev=stddev, seed=self.seed, dtype=dtype)
        stddev /= TRUNCATED_STDDEV
        return random.truncated_normal(shape, mean=0.0, stddev=stddev, seed=self.seed, dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _NamedScaling(VarianceScaling):
    """A `VarianceScaling` whose scale, mode and distribution its name says."""

    _arguments: tuple[float, str, str]

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(
            *self._arguments, seed=seed, input_axes=input_axes, output_axes=output_axes
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_NamedScaling):
    """Uniform within ±sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio, 2010, eq. 16)."""

    _arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010, eq. 12)."""

    _arguments = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_NamedScaling):
    """Truncated normal with variance 2 / fan_in (He et al., 2015, arXiv:1502.01852, eq. 10)."""

    _arguments = (2.0, "fan_in", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform within ±sqrt(6 / fan_in) (He et al., 2015, arXiv:1502.01852, eq. 10)."""

    _arguments = (2.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal with variance 1 / fan_in (LeCun et al., Efficient BackProp, 1998)."""

    _arguments = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform within ±sqrt(3 / fan_in) (LeCun et al., 1998, "Efficient BackProp", eq. 16)."""

    _arguments = (1.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """Gives a matrix with orthonormal rows or columns, whichever are fewer.

    It is the Q of a QR factorisation of normal draws, with the signs fixed by R's diagonal, so that
    it is uniform over the orthogonal matrices (Mezzadri, 2007, arXiv:math-ph/0609050). More than
    two dimensions are folded into `(rows, last dimension)`.

    Args:
        gain: Factor of the matrix.
        seed: An int, a `SeedGenerator`, or `None`.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        super().__init__(seed=seed)

    def __call__(self, shape, dtype=None):
        """Returns a tensor of `shape`.

        Raises:
            ValueError: If the shape has fewer than two dimensions.
        """
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        import numpy as np

        from addax import ops

        dtype = resolved_dtype(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        draws = random.normal(tall, seed=self.seed, dtype="float32")
        q, r = np.linalg.qr(ops.convert_to_numpy(draws).astype("float64"))
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        if rows < columns:
            q = q.T
        return ops.convert_to_tensor((self.gain * q).reshape(shape).astype("float32"), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


def compute_fans(shape, input_axes=None, output_axes=None) -> tuple[int, int]:
    """Counts the inputs and outputs of a unit for a weight of the given shape.

    Args:
        shape: Shape of the weight: `(units,)`, `(inputs, outputs)` or `(*window, inputs, outputs)`.
        input_axes: Axes of the inputs, if they are not the last but one.
        output_axes: Axes of the outputs, if they are not the last.

    Returns:
        `(fan_in, fan_out)`; lengths of axes that are neither count for both.
    """
    shape = tuple(shape)
    if input_axes is None and output_axes is None:
        if len(shape) < 2:
            return (shape[0], shape[0]) if shape else (1, 1)
        input_axes, output_axes = [-2], [-1]
    rank = len(shape)
    inputs = [axis % rank for axis in input_axes or []]
    outputs = [axis % rank for axis in output_axes or []]
    window = math.prod(n for axis, n in enumerate(shape) if axis not in inputs + outputs)
    return (
        window * math.prod(shape[axis] for axis in inputs),
        window * math.prod(shape[axis] for axis in outputs),
    )
