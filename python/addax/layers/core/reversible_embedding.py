"""An embedding that also goes back, from vectors to a score for each id."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend import KerasTensor
from addax.backend.dtypes import standardize_dtype
from addax.backend.masking import set_keras_mask
from addax.layers.arguments import is_number, refuse_options
from addax.layers.core.embedding import Embedding
from addax.layers.weight_options import add_optioned_weight


class ReversibleEmbedding(Embedding):
    """An `Embedding` whose table, transposed, also turns hidden states into logits of ids.

    Press and Wolf, 2016, arXiv:1608.05859.

    Args:
        input_dim, output_dim, embeddings_initializer, embeddings_regularizer,
            embeddings_constraint, mask_zero: Those of `Embedding`.
        tie_weights: Whether both directions share the table; else the way back has its own,
            `reverse_embeddings` of shape `(output_dim, input_dim)`.
        reverse_dtype: Dtype of the way back; None for the compute dtype.
        logit_soft_cap: With a number c, logits become `c * tanh(logits / c)`.

    Call arguments:
        inputs: Ids of any shape; with `reverse`, vectors of shape `(..., output_dim)`.
        reverse: Whether to go back.

    Returns:
        Tensor of shape `inputs.shape + (output_dim,)`; with `reverse`, `(..., input_dim)`.

    Raises:
        ValueError: If a size is no positive integer, or `logit_soft_cap` no number above 0.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        if logit_soft_cap is not None and not _is_positive(logit_soft_cap):
            raise ValueError(
                "`logit_soft_cap` must be a number above 0 or None. "
                f"Received: logit_soft_cap={logit_soft_cap}"
            )
        refuse_options("ReversibleEmbedding", weights=kwargs.pop("weights", None))
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = None if reverse_dtype is None else standardize_dtype(reverse_dtype)
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape=None):
        super().build(input_shape)
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            self.reverse_embeddings = add_optioned_weight(
                self, "reverse_embeddings", shape, options="embeddings"
            )

    def call(self, inputs, reverse=False):
        if reverse:
            return self._logits(inputs)
        outputs = super().call(inputs)
        if self.mask_zero:
            set_keras_mask(outputs, ops.not_equal(inputs, 0))
        return outputs

    def _logits(self, states):
        dtype = self.reverse_dtype or self.compute_dtype
        table = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        logits = ops.matmul(ops.cast(states, dtype), ops.cast(table, dtype))
        if self.logit_soft_cap is None:
            return logits
        return ops.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap

    def compute_mask(self, inputs, mask=None):
        return None  # `call` knows which way it went, and puts the mask on what it returns.

    def compute_output_shape(self, input_shape, reverse=False):
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, reverse=False):
        dtype = self.reverse_dtype if reverse else None
        shape = self.compute_output_shape(inputs.shape, reverse)
        return KerasTensor(shape, dtype=dtype or self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }


def _is_positive(value: Any) -> bool:
    return is_number(value) and not isinstance(value, bool) and value > 0
