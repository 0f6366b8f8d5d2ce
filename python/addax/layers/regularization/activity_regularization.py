"""A penalty on what passes through."""

from __future__ import annotations

from typing import Any

from addax import regularizers
from addax.layers.layer import Layer


class ActivityRegularization(Layer):
    """Passes its inputs on and adds `l1 * sum(|x|) + l2 * sum(x ** 2)` to the loss.

    Args:
        l1, l2: Factors of the penalties, not negative.
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        regularizer = regularizers.L1L2(l1=l1, l2=l2)
        super().__init__(activity_regularizer=regularizer, **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2
        self._build_at_init()

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return {**config, "l1": self.l1, "l2": self.l2}
