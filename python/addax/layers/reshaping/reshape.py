"""A new shape for each sample."""

from __future__ import annotations

from math import prod
from typing import Any

from addax import ops
from addax.backend import KerasTensor
from addax.layers.arguments import as_integer
from addax.layers.layer import Layer


class Reshape(Layer):
    """Gives each sample the shape `target_shape`, elements in the same (row-major) order.

    Args:
        target_shape: Shape without the batch axis; one entry may be -1, to be inferred.

    Raises:
        ValueError: If the number of elements would change.
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        entries = tuple(target_shape)
        sizes = tuple(as_integer(entry) for entry in entries)
        if any(size is None or size < -1 for size in sizes):
            raise ValueError(
                "`target_shape` must be a tuple of integers, each at least -1. "
                f"Received: target_shape={target_shape}"
            )
        if sizes.count(-1) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`. "
                f"Received: target_shape={target_shape}."
            )
        self.target_shape = sizes
        self._build_at_init()

    def call(self, inputs):
        known = self._resolve(tuple(inputs.shape[1:]))
        # The batch's expression is kept, so -1 stays free for an unknown axis.
        target = tuple(-1 if size is None else size for size in known)
        return ops.reshape(inputs, (ops.shape(inputs)[0], *target))

    def _resolve(self, sample: tuple) -> tuple:
        """The target shape with -1 replaced by its size, None if it depends on the input."""
        known = prod(size for size in self.target_shape if size != -1)
        if None in sample:
            return tuple(None if size == -1 else size for size in self.target_shape)
        total = prod(sample)
        if -1 not in self.target_shape:
            if total != known:
                raise ValueError(
                    "The total size of the tensor must be unchanged. Received: "
                    f"input_shape={sample}, target_shape={self.target_shape}"
                )
            return self.target_shape
        if known == 0 or total % known:
            raise ValueError(
                "The total size of the tensor must be unchanged, however, the input size cannot "
                "by divided by the specified dimensions in target_shape. Received: "
                f"input_shape={sample}, target_shape={self.target_shape}"
            )
        return tuple(total // known if size == -1 else size for size in self.target_shape)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._resolve(tuple(input_shape[1:])))

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}
