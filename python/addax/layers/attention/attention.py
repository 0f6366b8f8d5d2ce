"""Attention with one head and without projections: by products (Luong) or by sums (Bahdanau)."""

from __future__ import annotations

from typing import Any

from addax import ops, random
from addax.backend import KerasTensor
from addax.layers.arguments import fraction
from addax.layers.attention.masks import causal_mask, combine
from addax.layers.layer import Layer
from addax.ops.attention import attend, can_attend


class Attention(Layer):
    """Means of the values, weighted by how well their keys fit the query (Luong et al., 2015).

    `softmax(scores) @ value` with `scores = query @ key^T` ("dot") or
    `scores = w * sum(tanh(query + key))` ("concat").

    Args:
        use_scale: Whether the scores are multiplied by a learned number.
        score_mode: "dot" or "concat".
        dropout: Fraction of the weights dropped while training.
        seed: Integer or None.

    Call arguments:
        inputs: `[query, value]` or `[query, value, key]` of shapes `(batch, T, features)`,
            `(batch, S, depth)` and `(batch, S, features)`; the key is the value if left out.
        mask: `[query_mask, value_mask]` of shapes `(batch, T)` and `(batch, S)`, each may be
            None: masked values are not looked at, masked queries give zeros.
        training: Whether to drop weights.
        return_attention_scores: Whether the weights are returned too.
        use_causal_mask: Whether a query sees no later value.

    Returns:
        Tensor of shape `(batch, T, depth)`; with `return_attention_scores` also the weights of
        shape `(batch, T, S)`.
    """

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )
        dropout = fraction(dropout, "dropout")
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        self._check_inputs(input_shape)
        ones = {"shape": (), "initializer": "ones"}
        self.scale = self.add_weight(name="scale", **ones) if self.use_scale else None
        concat = self.score_mode == "concat"
        name = "concat_score_weight"
        self.concat_score_weight = self.add_weight(name=name, **ones) if concat else None
        self.built = True

    def _calculate_scores(self, query, key):
        """Scores of shape (batch, T, S)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
            return scores if self.scale is None else scores * self.scale
        total = ops.expand_dims(query, 2) + ops.expand_dims(key, 1)
        if self.scale is not None:
            total = self.scale * total
        return self.concat_score_weight * ops.sum(ops.tanh(total), axis=-1)

    def call(
        self,
        inputs,
        mask=None,
        training=False,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        self._check_inputs(inputs, mask)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask = mask[0] if mask else None
        value_mask = mask[1] if mask else None
        seen = combine(
            None if value_mask is None else ops.expand_dims(value_mask, 1),
            causal_mask(query, value) if use_causal_mask else None,
        )
        drops = training and self.dropout > 0
        weights = None
        if self._fuses(query) and not drops and not return_attention_scores:
            result = self._attend(query, key, value, seen)
        else:
            scores = self._calculate_scores(query, key)
            if seen is not None:
                scores = scores + self._hidden(seen, scores.dtype)
            weights = ops.softmax(scores, axis=-1)
            if drops:
                weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
            result = ops.matmul(weights, value)
        if query_mask is not None:
            result = result * ops.expand_dims(ops.cast(query_mask, result.dtype), -1)
        return (result, weights) if return_attention_scores else result

    @staticmethod
    def _hidden(seen, dtype):
        """What is added to scores: minus a large number where they do not count."""
        largest = 65504.0 if dtype == "float16" else 1e9
        return ops.cast(ops.logical_not(seen), dtype) * -largest

    def _fuses(self, query) -> bool:
        return self.score_mode == "dot" and len(query.shape) == 3 and can_attend(query)

    def _attend(self, query, key, value, seen):
        """The result without all its weights: attention with one head."""
        if self.scale is not None:
            query = query * self.scale
        bias = None if seen is None else ops.expand_dims(self._hidden(seen, query.dtype), 1)
        q, k, v = (ops.expand_dims(x, 2) for x in (query, key, value))
        return ops.squeeze(attend(q, k, v, bias), 2)

    def compute_mask(self, inputs, mask=None):
        self._check_inputs(inputs, mask)
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs,
        mask=None,
        training=False,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        self._check_inputs(inputs, mask)
        query, value = inputs[0].shape, inputs[1].shape
        output = KerasTensor(self.compute_output_shape([query, value]), dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, KerasTensor((*query[:2], value[1]), dtype=self.compute_dtype)

    def _check_inputs(self, inputs, mask=None):
        name = type(self).__name__
        if not isinstance(inputs, list | tuple) or isinstance(inputs[0], int | None):
            shape = getattr(inputs, "shape", inputs)
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or "
                f"[query, value, key]. Received: inputs={shape}."
            )
        if len(inputs) not in (2, 3):
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or "
                f"[query, value, key]. Received length: {len(inputs)}."
            )
        if mask is None:
            return
        if not isinstance(mask, list | tuple):
            raise ValueError(
                f"{name} layer mask must be a list, namely [query_mask, value_mask]. "
                f"Received: mask={mask}."
            )
        if len(mask) not in (2, 3):
            raise ValueError(
                f"{name} layer accepts mask list of length 2 or 3. Received: inputs={inputs}, "
                f"mask={mask}."
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


class AdditiveAttention(Attention):
    """Attention whose scores are `sum(scale * tanh(query + key))`  (Bahdanau et al., 2015).

    Args:
        use_scale: Whether there is a learned vector `scale` of the features' length.
        dropout: Fraction of the weights dropped while training.

    Call arguments and result are those of `Attention`.
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check_inputs(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform"
            )
        self.built = True

    def _fuses(self, query) -> bool:
        return False

    def _calculate_scores(self, query, key):
        total = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))
        return ops.sum(total if self.scale is None else self.scale * total, axis=-1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config
