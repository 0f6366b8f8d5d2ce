"""Vectors looked up by integer ids."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend import KerasTensor
from addax.layers.arguments import positive_integer, refuse_options
from addax.layers.layer import Layer
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)
from addax.ops.door import core


class Embedding(Layer):
    """Replaces each integer id by the row of that number of a trainable table.

    Args:
        input_dim: Number of rows; ids lie in `[0, input_dim)`.
        output_dim: Length of a row.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: Of the table.
        mask_zero: Whether id 0 is padding, to be masked in the layers that follow.
        weights: Optional table (or list with it) to begin with.

    Call arguments:
        inputs: Tensor of any shape, integers; floats are truncated to integers.

    Returns:
        Tensor of shape `inputs.shape + (output_dim,)`.

    Raises:
        ValueError or IndexError: If an id is out of range.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        input_dim = _positive("input_dim", input_dim)
        output_dim = _positive("output_dim", output_dim)
        refuse_options(
            "Embedding",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        # Keras 2 code passes the length of the sequences; nothing depends on it.
        kwargs.pop("input_length", None)
        super().__init__(**kwargs)
        self.input_dim = input_dim
        self.output_dim = output_dim
        set_weight_options(
            self,
            embeddings=(embeddings_initializer, embeddings_regularizer, embeddings_constraint),
        )
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        # Ids stay integers whatever the compute dtype: float16 cannot count above 2048.
        self.autocast = False
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list | tuple) else [weights])

    def build(self, input_shape=None):
        if self.built:
            return
        shape = (self.input_dim, self.output_dim)
        self.embeddings = add_optioned_weight(self, "embeddings", shape)
        self.built = True

    def call(self, inputs):
        ids = inputs if inputs.dtype in ("int32", "int64") else ops.cast(inputs, "int32")
        # Not ops.take, where negative numbers count from the end: here they are mistakes.
        table = ops.convert_to_tensor(self.embeddings)
        rows = core("gather")(table, ids, axis=0, nonnegative=True)
        return ops.cast(rows, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            **weight_options_config(self, "embeddings"),
            "mask_zero": self.mask_zero,
            "quantization_config": None,
        }


def _positive(name: str, value: Any) -> int:
    return positive_integer(
        value,
        f"`{name}` must be a positive integer. Received: {name}={value} "
        f"(of type {type(value).__name__}).",
    )
