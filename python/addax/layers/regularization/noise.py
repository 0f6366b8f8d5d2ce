"""Random noise while training: GaussianNoise, GaussianDropout, AlphaDropout."""

from __future__ import annotations

from math import sqrt
from typing import Any

from addax import ops, random
from addax.layers.arguments import fraction
from addax.layers.layer import Layer
from addax.layers.regularization.dropout import Dropout


class GaussianNoise(Layer):
    """Adds noise of mean 0 while training.

    Args:
        stddev: Standard deviation of the noise, in [0, 1].
        seed: Integer or None.
    """

    def __init__(self, stddev, seed=None, **kwargs):
        stddev = fraction(stddev, "stddev")
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed
        if stddev > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs, training=False):
        if not training or self.stddev == 0:
            return inputs
        return inputs + random.normal(
            ops.shape(inputs), 0.0, self.stddev, dtype=inputs.dtype, seed=self.seed_generator
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(Layer):
    """Multiplies by noise of mean 1 and the variance of dropout while training.

    Args:
        rate: In [0, 1]; the standard deviation is `sqrt(rate / (1 - rate))`.
        seed: Integer or None.
    """

    def __init__(self, rate, seed=None, **kwargs):
        rate = fraction(rate, "rate")
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        stddev = sqrt(self.rate / (1.0 - self.rate)) if self.rate < 1 else float("inf")
        return inputs * random.normal(
            ops.shape(inputs), 1.0, stddev, dtype=inputs.dtype, seed=self.seed_generator
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


# The limit of SELU at minus infinity, -scale * alpha (Klambauer et al., 2017).
_SELU_FLOOR = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717


class AlphaDropout(Dropout):
    """Sets a random fraction to SELU's negative limit, keeping mean 0 and variance 1.

    Klambauer et al., 2017, arXiv:1706.02515, section "New dropout technique".

    Args:
        rate: The fraction, in [0, 1].
        noise_shape: Shape of the random pattern, as in `Dropout`.
        seed: Integer or None.
    """

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        keep = 1.0 - self.rate
        scale = (keep * (1.0 + self.rate * _SELU_FLOOR**2)) ** -0.5 if keep else 0.0
        shift = -scale * _SELU_FLOOR * self.rate
        shape = self._noise_shape(inputs) or ops.shape(inputs)
        kept = random.uniform(shape, seed=self.seed_generator) >= self.rate
        return scale * ops.where(kept, inputs, _SELU_FLOOR) + shift
