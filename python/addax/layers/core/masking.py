"""Marks time steps to be skipped by the layers that follow."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import is_number
from addax.layers.layer import Layer


class Masking(Layer):
    """Masks the steps whose features all equal `mask_value`, and sets them to zero.

    Args:
        mask_value: The number that stands for "no data".

    Call arguments:
        inputs: Tensor of shape `(batch, time, ..., features)`.

    Returns:
        Tensor of the same shape, with a mask of shape `(batch, time, ...)` attached.
    """

    def __init__(self, mask_value=0.0, **kwargs):
        if not is_number(mask_value):
            raise ValueError(f"`mask_value` must be a number. Received: mask_value={mask_value}")
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True
        self._build_at_init()

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return inputs * ops.cast(kept, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
