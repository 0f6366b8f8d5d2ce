"""The layer that does nothing."""

from __future__ import annotations

from addax import tree
from addax.backend import KerasTensor
from addax.layers.layer import Layer


class Identity(Layer):
    """Returns its inputs, of any structure, unchanged."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs):
        return tree.map_structure(lambda x: KerasTensor(x.shape, dtype=x.dtype), inputs)
