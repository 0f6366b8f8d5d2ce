"""Attention whose heads share keys and values in groups."""

from __future__ import annotations

from math import sqrt
from typing import Any

from addax import ops
from addax.backend import KerasTensor, auto_name
from addax.layers.activations.advanced import Softmax
from addax.layers.arguments import fraction, refuse_options, strictly_positive
from addax.layers.attention.masks import heads_mask
from addax.layers.attention.multi_head_attention import checked_window, projection
from addax.layers.layer import Layer
from addax.layers.regularization.dropout import Dropout
from addax.layers.weight_options import set_weight_options, weight_options_config
from addax.ops.attention import attend, can_attend


class GroupQueryAttention(Layer):
    """Multi-head attention with fewer keys and values than queries (Ainslie et al., 2023).

    Args:
        head_dim: Length of each head.
        num_query_heads: Number of heads.
        num_key_value_heads: Number of keys and values per step, a divisor of the former.
        dropout: Fraction of the weights dropped while training.
        use_bias: Whether the projections have biases.
        sliding_window: If given, only steps less than this apart see each other.
        flash_attention: Accepted for Keras's sake; only None and False.
        kernel_initializer, bias_initializer: How the projections begin.
        kernel_regularizer, bias_regularizer: Penalties on them.
        activity_regularizer: Penalty on the projections' outputs.
        kernel_constraint, bias_constraint: Projections applied after each update.
        use_gate: Whether the heads are multiplied by `sigmoid` of a projection of the query.
        seed: Seed of the dropout.

    Call arguments and result are those of `MultiHeadAttention`.
    """

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        refuse_options("GroupQueryAttention", flash_attention=flash_attention)
        head_dim = strictly_positive(head_dim, "head_dim")
        num_query_heads = strictly_positive(num_query_heads, "num_query_heads")
        num_key_value_heads = strictly_positive(num_key_value_heads, "num_key_value_heads")
        if num_query_heads % num_key_value_heads:
            raise ValueError("`num_query_heads` must be divisible by `num_key_value_heads`.")
        dropout = fraction(dropout, "dropout")
        # The class has two names in Keras; automatic layer names come from the other one.
        kwargs["name"] = kwargs.get("name") or auto_name("grouped_query_attention")
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.supports_masking = True
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        self.num_repeats = num_query_heads // num_key_value_heads
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.sliding_window = checked_window(sliding_window)
        self.seed = seed
        set_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        many = (self.num_query_heads, self.head_dim)
        few = (self.num_key_value_heads, self.head_dim)
        shapes = {
            "query": (3, 1, many, query_shape),
            "key": (3, 1, few, key_shape),
            "value": (3, 1, few, value_shape),
            "gate": (3, 1, many, query_shape),
            "attention_output": (4, 2, (query_shape[-1],), (*query_shape[:-1], *many)),
        }
        if not self.use_gate:
            del shapes["gate"]
        for name, (rank, summed, sizes, shape) in shapes.items():
            dense = projection(self, rank, summed, sizes, name)
            dense.build(shape)
            setattr(self, f"_{name.removeprefix('attention_')}_dense", dense)
        self._softmax = Softmax(axis=-1, dtype=self.dtype_policy, name="softmax")
        self._dropout_layer = Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy, name="dropout"
        )
        self.built = True

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        masks = (query_mask, value_mask, key_mask, attention_mask)
        q = self._query_dense(query)
        k = self._key_dense(value if key is None else key)
        v = self._value_dense(value)
        drops = training and self.dropout > 0
        if can_attend(q) and not drops and not return_attention_scores:
            mask = heads_mask(query, value, *masks, False, self.sliding_window)
            seen = None if mask is None else ops.expand_dims(mask, 1)
            scale = 1.0 / sqrt(self.head_dim)
            heads, weights = attend(q, k, v, seen, scale, use_causal_mask, hide_empty=True), None
        else:
            mask = heads_mask(query, value, *masks, use_causal_mask, self.sliding_window)
            heads, weights = self._attend(q, k, v, mask, training)
        if self.use_gate:
            heads = heads * ops.sigmoid(self._gate_dense(query))
        output = self._output_dense(heads)
        return (output, weights) if return_attention_scores else output

    def _attend(self, q, k, v, mask, training):
        """The heads, and the weights (without dropout) that all scores are held for."""
        k, v = (ops.repeat(x, self.num_repeats, axis=2) for x in (k, v))
        scores = ops.einsum("bthd,bshd->bhts", q * (1.0 / sqrt(self.head_dim)), k)
        seen = None if mask is None else ops.expand_dims(mask, 1)
        weights = self._softmax(scores, mask=seen)
        dropped = self._dropout_layer(weights, training=training)
        return ops.einsum("bhts,bshd->bthd", dropped, v), weights

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return tuple(query_shape)

    def compute_output_spec(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        output = KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        batch, steps = query.shape[:2]
        scores = (batch, self.num_query_heads, steps, value.shape[1])
        return output, KerasTensor(scores, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "sliding_window": self.sliding_window,
            "dropout": self.dropout,
            **weight_options_config(self, "kernel", "bias"),
            "seed": self.seed,
        }
