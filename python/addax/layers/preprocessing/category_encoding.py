"""Category numbers as vectors."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.keras_tensor import KerasTensor
from addax.layers.arguments import as_integer, refuse_options
from addax.layers.layer import Layer
from addax.layers.preprocessing.encoding import MODES, encode, encoded_shape


class CategoryEncoding(Layer):
    """Turns numbers of categories into vectors with a place for each category.

    Args:
        num_tokens: Number of categories; the numbers go from 0 to `num_tokens - 1`. Others leave
            no trace in the vectors.
        output_mode: "multi_hot" (default): one vector for each sample, with 1 for each category
            that occurs in it; "one_hot": a vector for each number, a last axis of length 1 being
            dropped; "count": how often each category occurs in a sample.
        sparse: False; there are no sparse tensors.

    Call arguments:
        inputs: Tensor of integers, `(batch, n)` as a rule.
        count_weights: With "count", what each number counts: a tensor of the inputs' shape.

    Returns:
        Tensor of shape `(batch, num_tokens)`, or `(batch, n, num_tokens)` with "one_hot".

    Raises:
        ValueError: If an argument is none of the above, or weights are given for another mode.
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        if output_mode == "binary":  # Its name in Keras 2.
            output_mode = "multi_hot"
        if output_mode not in MODES:
            raise ValueError(
                f"Unknown arg for output_mode: {output_mode}. It must be one of {MODES}."
            )
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer: the number of categories, of which the "
                "vectors have one place each."
            )
        number = as_integer(num_tokens)
        if number is None or number < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        refuse_options("CategoryEncoding", sparse=sparse)
        super().__init__(**kwargs)
        self.num_tokens = number
        self.output_mode = output_mode
        self.sparse = False
        # Numbers of categories stay exact whatever the compute dtype.
        self.autocast = False
        self._build_at_init()

    def call(self, inputs, count_weights=None):
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    "`count_weights` is not used when `output_mode` is not `'count'`. "
                    f"Received `count_weights={count_weights}`, output_mode='{self.output_mode}'."
                )
            count_weights = ops.cast(count_weights, self.compute_dtype)
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def compute_output_shape(self, input_shape, count_weights_shape=None):
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs, count_weights=None):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        options = {"num_tokens": self.num_tokens, "output_mode": self.output_mode}
        return {**super().get_config(), **options}
