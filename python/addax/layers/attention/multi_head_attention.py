"""Attention with several heads (Vaswani et al., 2017)."""

from __future__ import annotations

from math import sqrt
from string import ascii_lowercase
from typing import Any

from addax import initializers, ops
from addax.backend import KerasTensor
from addax.layers.activations.advanced import Softmax
from addax.layers.arguments import as_integer, fraction, positive_integer, refuse_options
from addax.layers.attention.masks import heads_mask
from addax.layers.core.einsum_dense import EinsumDense
from addax.layers.layer import Layer
from addax.layers.regularization.dropout import Dropout
from addax.layers.weight_options import set_weight_options, weight_options_config
from addax.ops.attention import attend, can_attend


def checked_window(sliding_window):
    """Returns the window as an int or None; ValueError if it is neither."""
    if sliding_window is None:
        return None
    return positive_integer(
        sliding_window,
        "`sliding_window` must be `None` or a positive integer. "
        f"Received: sliding_window={sliding_window}",
    )


def projection(layer: Any, rank: int, inputs: int, sizes: tuple, name: str) -> EinsumDense:
    """A dense layer from the last `inputs` axes of tensors of rank `rank` to axes of `sizes`.

    It takes the initializers and other options of `layer`, with seeds of its own.
    """
    letters = iter(ascii_lowercase)
    free = "".join(next(letters) for _ in range(rank - inputs))
    summed = "".join(next(letters) for _ in range(inputs))
    made = "".join(next(letters) for _ in sizes)
    dense = EinsumDense(
        f"{free}{summed},{summed}{made}->{free}{made}",
        output_shape=(None,) * (rank - inputs - 1) + sizes,
        bias_axes=made if layer.use_bias else None,
        kernel_initializer=_fresh(layer.kernel_initializer),
        bias_initializer=_fresh(layer.bias_initializer),
        kernel_regularizer=layer.kernel_regularizer,
        bias_regularizer=layer.bias_regularizer,
        activity_regularizer=layer.activity_regularizer,
        kernel_constraint=layer.kernel_constraint,
        bias_constraint=layer.bias_constraint,
        dtype=layer.dtype_policy,
        name=name,
    )
    dense.supports_masking = True  # The axes that a mask has stay as they are.
    return dense


def _fresh(initializer):
    """A copy, so that an unseeded initializer draws anew for each projection."""
    if isinstance(initializer, initializers.Initializer):
        return type(initializer).from_config(initializer.get_config())
    return initializer


class MultiHeadAttention(Layer):
    """Attention in `num_heads` projections of query, key and value, joined by another.

    `head_i = softmax(q_i k_i^T / sqrt(key_dim)) v_i`, the heads are then projected together
    (Vaswani et al., 2017, arXiv:1706.03762, section 3.2).

    Args:
        num_heads: Number of heads.
        key_dim: Length of each head's queries and keys.
        value_dim: Length of each head's values; None for `key_dim`.
        dropout: Fraction of the weights dropped while training.
        use_bias: Whether the projections have biases.
        output_shape: Shape of the result's last axes; None for the query's last axis.
        attention_axes: Axes of the inputs that are looked along; None for all between the
            batch and the last.
        sliding_window: If given, only steps less than this apart see each other.
        flash_attention: Accepted for Keras's sake; only None and False.
        kernel_initializer, bias_initializer: How the projections begin.
        kernel_regularizer, bias_regularizer: Penalties on them.
        activity_regularizer: Penalty on the projections' outputs.
        kernel_constraint, bias_constraint: Projections applied after each update.
        use_gate: Whether the heads are multiplied by `sigmoid` of a projection of the query.
        seed: Seed of the dropout.

    Call arguments:
        query: Tensor of shape `(batch, T, dim)`.
        value: Tensor of shape `(batch, S, dim)`.
        key: Tensor of shape `(batch, S, dim)`; None for `value`.
        query_mask, value_mask, key_mask: Boolean tensors of shapes `(batch, T)` and `(batch, S)`.
        attention_mask: Boolean tensor of shape `(batch, T, S)`, True where looking is allowed.
        return_attention_scores: Whether the weights are returned too.
        training: Whether to drop weights.
        use_causal_mask: Whether a query sees no later value.

    Returns:
        Tensor of shape `(batch, T, output)`; with `return_attention_scores` also the weights of
        shape `(batch, num_heads, T, S)`.
    """

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
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
        refuse_options("MultiHeadAttention", flash_attention=flash_attention)
        num_heads = _positive("num_heads", num_heads)
        key_dim = _positive("key_dim", key_dim)
        if value_dim is not None:
            value_dim = _positive("value_dim", value_dim, " or `None`")
        dropout = fraction(dropout, "dropout")
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.supports_masking = True
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim or key_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.seed = seed
        self.sliding_window = checked_window(sliding_window)
        self._output_shape = _sizes(output_shape, "output_shape")
        self._given_axes = _axes(attention_axes)
        set_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        _check_shapes(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        query_heads = (self.num_heads, self.key_dim)
        value_heads = (self.num_heads, self.value_dim)
        made = self._output_shape or (query_shape[-1],)
        shapes = {
            "query": (rank, 1, query_heads, query_shape),
            "key": (len(key_shape), 1, query_heads, key_shape),
            "gate": (rank, 1, value_heads, query_shape),
            "value": (len(value_shape), 1, value_heads, value_shape),
            "attention_output": (rank + 1, 2, made, (*query_shape[:-1], *value_heads)),
        }
        if not self.use_gate:
            del shapes["gate"]
        for name, (input_rank, summed, sizes, shape) in shapes.items():
            dense = projection(self, input_rank, summed, sizes, name)
            dense.build(shape)
            setattr(self, f"_{name}_dense", dense)
        self._build_attention(rank)
        self.built = True

    def _build_attention(self, rank: int) -> None:
        """The einsum equations of the scores and of the weighted means.

        The heads' tensors have the query's axes but the last, then head and feature. Letters:
        attended axes of the query and of the value are different, all others the same.
        """
        axes = self._given_axes
        self._attention_axes = tuple(range(1, rank - 1)) if axes is None else axes
        attended = tuple(axis % rank for axis in self._attention_axes)
        query = ascii_lowercase[: rank + 1]
        others = iter(ascii_lowercase[rank + 1 :])
        value = "".join(next(others) if i in attended else c for i, c in enumerate(query))
        common = "".join(c for i, c in enumerate(query[:-1]) if i not in attended)
        scores = common + "".join(query[i] for i in attended) + "".join(value[i] for i in attended)
        self._score_equation = f"{query},{value}->{scores}"
        self._mean_equation = f"{scores},{value}->{query}"
        self._softmax = Softmax(
            axis=tuple(range(-len(attended), 0)), dtype=self.dtype_policy, name="softmax"
        )
        self._dropout_layer = Dropout(
            self.dropout, seed=self.seed, dtype=self.dtype_policy, name="dropout"
        )

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
        if len(q.shape) == 4 and can_attend(q) and not drops and not return_attention_scores:
            mask = heads_mask(query, value, *masks, False, self.sliding_window)
            seen = self._over_heads(mask, 4)
            scale = 1.0 / sqrt(self.key_dim)
            heads, weights = attend(q, k, v, seen, scale, use_causal_mask, hide_empty=True), None
        else:
            mask = heads_mask(query, value, *masks, use_causal_mask, self.sliding_window)
            heads, weights = self._attend(q, k, v, mask, training)
        if self.use_gate:
            heads = heads * ops.sigmoid(self._gate_dense(query))
        output = self._attention_output_dense(heads)
        return (output, weights) if return_attention_scores else output

    def _attend(self, q, k, v, mask, training):
        """The heads, and the weights (without dropout) that all scores are held for."""
        scores = ops.einsum(self._score_equation, q * (1.0 / sqrt(self.key_dim)), k)
        weights = self._softmax(scores, mask=self._over_heads(mask, len(scores.shape)))
        dropped = self._dropout_layer(weights, training=training)
        return ops.einsum(self._mean_equation, dropped, v), weights

    def _over_heads(self, mask, rank: int):
        """The mask with axes for the heads (and what is not attended) before T and S."""
        if mask is None:
            return None
        axis = -2 * len(self._attention_axes) - 1
        while len(mask.shape) < rank:
            mask = ops.expand_dims(mask, axis)
        return mask

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        _check_shapes(query_shape, value_shape, key_shape)
        return (*query_shape[:-1], *(self._output_shape or (query_shape[-1],)))

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
        key_shape = None if key is None else key.shape
        shape = self.compute_output_shape(query.shape, value.shape, key_shape)
        output = KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return output
        rank = len(query.shape)
        given = self._given_axes
        axes = tuple(range(1, rank - 1)) if given is None else tuple(a % rank for a in given)
        free = tuple(query.shape[a] for a in range(rank - 1) if a not in axes)
        steps = (*(query.shape[a] for a in axes), *(value.shape[a] for a in axes))
        scores = (*free, self.num_heads, *steps)
        return output, KerasTensor(scores, dtype=self.compute_dtype)

    @property
    def query_dense(self):
        return self._query_dense

    @property
    def key_dense(self):
        return self._key_dense

    @property
    def value_dense(self):
        return self._value_dense

    @property
    def output_dense(self):
        return self._attention_output_dense

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._given_axes,
            "sliding_window": self.sliding_window,
            **weight_options_config(self, "kernel", "bias"),
            "seed": self.seed,
        }


def _positive(name: str, value: Any, alternative: str = "") -> int:
    return positive_integer(
        value,
        f"Received an invalid value for argument `{name}`, expected a positive "
        f"integer{alternative}. Received: {name}={value}",
    )


def _sizes(value, name: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    entries = tuple(value) if isinstance(value, list | tuple) else (value,)
    return tuple(_positive(name, entry) for entry in entries)


def _axes(attention_axes) -> tuple[int, ...] | None:
    if attention_axes is None:
        return None
    number = as_integer(attention_axes)
    if number is not None:
        return (number,)
    if not isinstance(attention_axes, list | tuple):
        raise ValueError(
            "`attention_axes` must be an int, list, or tuple."
            f"Received: attention_axes={attention_axes}"
        )
    return tuple(attention_axes)


def _check_shapes(query_shape, value_shape, key_shape) -> None:
    if min(len(query_shape), len(value_shape), len(key_shape)) < 3:
        raise ValueError(
            "`query`, `value` and `key` must have at least 3 axes: batch, positions, features. "
            f"Received: query_shape={query_shape}, value_shape={value_shape}, key_shape={key_shape}"
        )
    if len(query_shape) != len(value_shape):
        raise ValueError(
            "The ranks of `query` and `value` must be equal. Received: "
            f"query_shape={query_shape}, value_shape={value_shape}"
        )
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            "All dimensions of `value` and `key`, except the last one, must be equal. Received: "
            f"value_shape={value_shape} and key_shape={key_shape}"
        )
