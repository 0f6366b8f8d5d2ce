"""Inputs brought to mean 0 and variance 1, by statistics found before training."""

from __future__ import annotations

from typing import Any

from addax import backend, ops
from addax.layers.arguments import as_integer
from addax.layers.layer import Layer
from addax.layers.preprocessing.batches import batches_of
from addax.saving.serialization import serialize_keras_object


class Normalization(Layer):
    """`y = (x - mean) / sqrt(variance)`, with given statistics or those of `adapt(data)`.

    Args:
        axis: Axis or axes that keep their statistics apart, the features as a rule; None for
            one mean and variance of all numbers.
        mean, variance: The statistics, of the shape of the axes or a number; both or none.
        invert: Whether to undo: `y = x * sqrt(variance) + mean`.

    Call arguments:
        inputs: Tensor of shape `(batch, ...)`.

    Returns:
        Tensor of the inputs' shape in the compute dtype.

    Raises:
        ValueError: If an axis is none of the inputs', or its length is unknown.
    """

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        super().__init__(**kwargs)
        entries = () if axis is None else axis if isinstance(axis, list | tuple) else (axis,)
        numbers = tuple(as_integer(entry) for entry in entries)
        if None in numbers:
            raise TypeError(f"`axis` must be an integer or integers. Received: axis={axis}")
        self.axis = numbers
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True

    def build(self, input_shape):
        if input_shape is None:
            return
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). Received inputs with "
                f"ndim={rank}, while axis={self.axis}"
            )
        kept = tuple(sorted(axis % rank for axis in self.axis))
        for axis in kept:
            if input_shape[axis] is None:
                raise ValueError(
                    "All `axis` values to be kept must have a known shape. "
                    f"Received axis={self.axis}, inputs.shape={tuple(input_shape)}, with unknown "
                    f"axis at index {axis}"
                )
        self._reduced_axes = tuple(axis for axis in range(rank) if axis not in kept)
        self._broadcast_shape = tuple(n if a in kept else 1 for a, n in enumerate(input_shape))
        shape = tuple(input_shape[axis] for axis in kept)
        if self.input_mean is None:
            fixed = {"trainable": False, "autocast": False}
            self.adapt_mean = self.add_weight(
                name="mean", shape=shape, initializer="zeros", **fixed
            )
            self.adapt_variance = self.add_weight(
                name="variance", shape=shape, initializer="ones", **fixed
            )
            self.count = self.add_weight(
                name="count", shape=(), dtype="int32", initializer="zeros", **fixed
            )
        self.built = True

    def adapt(self, data):
        """Sets the statistics to those of the data.

        Args:
            data: Array, tensor, or an iterable of batches (`PyDataset`, generator, data set);
                of a batch that is a tuple the first entry is taken.

        Raises:
            ValueError: If there is no data, or the statistics were given.
        """
        import numpy as np

        if self.input_mean is not None:
            raise ValueError(
                f"Layer '{self.name}' was given `mean` and `variance`; it cannot `adapt()`."
            )
        count, mean, squares = 0, 0.0, 0.0
        for batch in batches_of(data):
            x = np.asarray(batch, dtype="float64")
            if not self.built:
                self.build((None, *x.shape[1:]))
            n = x.size // max(1, int(np.prod(self.adapt_mean.shape)))
            if n == 0:
                continue
            # Two sets' statistics as one (Chan et al., 1979): stable for any number of batches.
            batch_mean = x.mean(axis=self._reduced_axes)
            batch_squares = ((x - batch_mean.reshape(self._broadcast_shape)) ** 2).sum(
                axis=self._reduced_axes
            )
            shift = batch_mean - mean
            total = count + n
            squares = squares + batch_squares + shift**2 * (count * n / total)
            mean = mean + shift * (n / total)
            count = total
        if count == 0:
            raise ValueError(f"`adapt()` of layer '{self.name}' received no data.")
        self.adapt_mean.assign(np.asarray(mean, "float32"))
        self.adapt_variance.assign(np.asarray(squares / count, "float32"))
        self.count.assign(min(count, 2**31 - 1))

    def finalize_state(self):
        """Kept for Keras's sake: the statistics are read where they stand."""

    @property
    def mean(self):
        """The mean in a shape that lines up with the inputs; None before the layer is built."""
        return self._statistic("mean") if self.built else None

    @property
    def variance(self):
        """The variance in a shape that lines up with the inputs."""
        return self._statistic("variance") if self.built else None

    def _statistic(self, name: str):
        given = getattr(self, f"input_{name}")
        if given is None:
            value = ops.convert_to_tensor(getattr(self, f"adapt_{name}"))
        else:
            value = ops.convert_to_tensor(given, dtype=self.variable_dtype)
            value = ops.broadcast_to(value, self._kept_shape(value))
        return ops.cast(ops.reshape(value, self._broadcast_shape), self.compute_dtype)

    def _kept_shape(self, value):
        """What a given statistic is broadcast to before it is lined up."""
        if tuple(value.shape) == self._broadcast_shape:
            return self._broadcast_shape
        return tuple(
            n for axis, n in enumerate(self._broadcast_shape) if axis not in self._reduced_axes
        )

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        deviation = ops.maximum(ops.sqrt(self._statistic("variance")), backend.epsilon())
        if self.invert:
            return self._statistic("mean") + x * deviation
        return (x - self._statistic("mean")) / deviation

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis if self.axis else None,
            "invert": self.invert,
            "mean": _plain(self.input_mean),
            "variance": _plain(self.input_variance),
        }


def _plain(value):
    """Numbers and lists for the config, from arrays too."""
    if value is None:
        return None
    return value.tolist() if hasattr(value, "tolist") else serialize_keras_object(value)
