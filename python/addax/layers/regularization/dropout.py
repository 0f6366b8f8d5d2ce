"""Elements set to zero at random while training."""

from __future__ import annotations

from typing import Any

from addax import ops, random
from addax.layers.arguments import as_integer, fraction, standardize_data_format
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class Dropout(Layer):
    """Sets a random fraction of the inputs to 0 and divides the rest by `1 - rate`.

    Only while training; otherwise the inputs pass unchanged  (Srivastava et al., 2014).

    Args:
        rate: The fraction, in [0, 1].
        noise_shape: Shape of the random pattern, which is broadcast to the inputs: 1 where
            elements share their fate, None where the inputs' length is meant.
        seed: Integer or None.

    Call arguments:
        inputs: Tensor of any shape.
        training: Whether to drop.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        rate = fraction(rate, "rate")
        noise_shape = _checked_noise_shape(noise_shape)
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.noise_shape = noise_shape
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        return random.dropout(
            inputs,
            self.rate,
            noise_shape=self._noise_shape(inputs),
            seed=self.seed_generator,
        )

    def _noise_shape(self, inputs):
        """The pattern's shape for these inputs; None for their own."""
        if self.noise_shape is None:
            return None
        pairs = zip(self.noise_shape, ops.shape(inputs), strict=True)
        return tuple(size if wanted is None else wanted for wanted, size in pairs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        options = {"rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}
        return {**super().get_config(), **options}


def _checked_noise_shape(noise_shape):
    if noise_shape is None:
        return None
    prefix = "Invalid value received for argument `noise_shape`. Expected"
    if isinstance(noise_shape, str) or not hasattr(noise_shape, "__iter__"):
        raise ValueError(
            f"{prefix} an iterable of integers (e.g., a tuple or list). "
            f"Received: noise_shape={noise_shape}"
        )
    entries = tuple(noise_shape)
    for index, entry in enumerate(entries):
        if entry is not None and as_integer(entry) is None:
            raise ValueError(
                f"{prefix} all elements to be integers or None. Received element at index "
                f"{index}: {entry} (type: {type(entry).__name__})"
            )
        if entry is not None and entry <= 0:
            raise ValueError(
                f"{prefix} all dimensions to be positive integers or None. Received negative or "
                f"zero value at index {index}: {entry}"
            )
    return entries


class BaseSpatialDropout(Dropout):
    """Drops whole channels: one fate for all positions of a channel."""

    rank: int

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _noise_shape(self, inputs):
        shape = ops.shape(inputs)
        if self.data_format == "channels_first":
            return (shape[0], shape[1], *(1,) * self.rank)
        return (shape[0], *(1,) * self.rank, shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {
            "rate": self.rate,
            "seed": self.seed,
            "name": self.name,
            "dtype": self._own_policy().name,
            "data_format": self.data_format,
        }


class SpatialDropout1D(BaseSpatialDropout):
    """Drops whole features of sequences `(batch, time, features)`.

    Args:
        rate: The fraction, in [0, 1].
        seed: Integer or None.
    """

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None, **kwargs):
        super().__init__(rate, "channels_last", seed=seed, name=name, dtype=dtype, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["data_format"]
        return config


class SpatialDropout2D(BaseSpatialDropout):
    """Drops whole channels of images `(batch, rows, columns, channels)`.

    Args:
        rate: The fraction, in [0, 1].
        data_format: "channels_last" (default) or "channels_first".
        seed: Integer or None.
    """

    rank = 2


class SpatialDropout3D(BaseSpatialDropout):
    """Drops whole channels of volumes `(batch, a, b, c, channels)`.

    Args:
        rate: The fraction, in [0, 1].
        data_format: "channels_last" (default) or "channels_first".
        seed: Integer or None.
    """

    rank = 3
