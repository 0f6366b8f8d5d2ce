"""Another order of the axes."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend import KerasTensor
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class Permute(Layer):
    """Reorders the axes after the batch: axis `i` of the result is axis `dims[i - 1]`.

    Args:
        dims: The numbers 1 to n in the wanted order.
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in "
                f"`dims` must be consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}
