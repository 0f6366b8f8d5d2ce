"""A layer whose kernel is divided by its largest singular value."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import as_integer
from addax.layers.core.wrapper import Wrapper
from addax.layers.input_spec import InputSpec

# The steps are written out in a program, so a file must not ask for any number of them.
_MOST_ITERATIONS = 1000


class SpectralNormalization(Wrapper):
    """Keeps the wrapped layer's kernel at spectral norm 1  (Miyato et al., 2018, algorithm 1).

    Each training call estimates the largest singular value by `power_iterations` steps of
    power iteration and divides the kernel by it.

    Args:
        layer: Layer with a `kernel` or `embeddings`.
        power_iterations: Steps per call, a positive integer.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        number = as_integer(power_iterations)
        if number is None or number <= 0:
            raise ValueError(
                "`power_iterations` should be greater than zero. Received: "
                f"`power_iterations={power_iterations}`"
            )
        if number > _MOST_ITERATIONS:
            raise ValueError(
                f"`power_iterations` should be at most {_MOST_ITERATIONS}: one or a few are "
                f"enough. Received: `power_iterations={power_iterations}`"
            )
        self.power_iterations = number

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        for name in ("kernel", "embeddings"):
            if hasattr(self.layer, name):
                self.kernel = getattr(self.layer, name)
                break
        else:
            raise ValueError(
                f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'"
            )
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, self.kernel.shape[-1]),
            initializer="truncated_normal",
            trainable=False,
        )
        self.built = True

    def call(self, inputs, training=False):
        if training:
            self._normalize_kernel()
        return self.layer(inputs)

    def _normalize_kernel(self):
        matrix = ops.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        u = ops.convert_to_tensor(self.vector_u)
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(matrix)))
            u = _unit(ops.matmul(v, matrix))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        self.vector_u.assign(u)
        self.kernel.assign(self.kernel / ops.reshape(sigma, ()))

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(vector):
    return vector * ops.rsqrt(ops.maximum(ops.sum(ops.square(vector)), 1e-12))
