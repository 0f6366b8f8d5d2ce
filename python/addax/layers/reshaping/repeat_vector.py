"""One vector made a sequence."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import as_integer
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer


class RepeatVector(Layer):
    """Repeats each vector `n` times: `(batch, features)` becomes `(batch, n, features)`.

    Args:
        n: How often, a positive integer.
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        number = as_integer(n)
        if number is None:
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        if number <= 0:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = number
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        batch, features = ops.shape(inputs)
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}
