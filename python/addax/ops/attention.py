"""Scaled dot-product attention (Vaswani et al., 2017, arXiv:1706.03762, eq. 1)."""

from __future__ import annotations

import math
from typing import Any

from addax.backend.tensor import cast, convert_to_tensor, promote_tensors, scalar
from addax.ops.door import core, float_tensor, op

# Far below any score, and so far from the end of the range that a bias can still be added.
_MASKED = {"float16": -4.5e4, "bfloat16": -2.3e38, "float32": -2.3e38, "float64": -1.2e308}


@op
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """`softmax(query · keyᵀ * scale + bias) · value`, per head.

    Args:
        query: `(batch, T, heads, H)`.
        key: `(batch, S, key heads, H)`; the heads are a multiple of the key heads.
        value: `(batch, S, key heads, H)`.
        bias: Added to the scores; broadcasts to `(batch, heads, T, S)`.
        mask: Boolean, true where a score counts; broadcasts to `(batch, heads, T, S)`.
        scale: Factor of the scores, `1 / sqrt(H)` if `None`.
        is_causal: Whether place t sees places up to t only.
        flash_attention: Kept for Keras's signature.
        attn_logits_soft_cap: Bound c: scores become `c * tanh(score / c)`.

    Returns:
        `(batch, T, heads, H)`.

    Raises:
        ValueError: If a rank is not 4, or the heads do not fit.
    """
    query, key, value = (float_tensor(x) for x in promote_tensors(query, key, value))
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim != 4:
            raise ValueError(
                "`dot_product_attention` only supports 4D inputs. "
                f"Received: query.shape={query.shape}, key.shape={key.shape}, "
                f"value.shape={value.shape} (`{name}`)."
            )
    heads, key_heads = query.shape[2], key.shape[2]
    if heads != key_heads and heads % key_heads:
        raise ValueError(
            f"The number of query heads must be a multiple of the key heads. Received: "
            f"{heads} and {key_heads}"
        )
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    allowed = None if mask is None else cast(convert_to_tensor(mask), "bool")
    if bias is not None:
        bias = cast(convert_to_tensor(bias), query.dtype)
    both = allowed is not None and bias is not None
    if attn_logits_soft_cap is not None or both or not can_attend(query):
        cap = attn_logits_soft_cap
        return _composed(query, key, value, bias, allowed, factor, is_causal, cap)
    if allowed is not None and is_causal:
        # A row whose mask leaves nothing has equal weights everywhere, later places too.
        allowed = core("logical_and")(allowed, _causal(query.dims[1], key.dims[1]))
    causal = is_causal and allowed is None
    return attend(query, key, value, allowed if bias is None else bias, factor, causal)


def can_attend(query: Any) -> bool:
    """Whether `attend` takes tensors of this dtype."""
    return query.dtype in ("float32", "float64")


def attend(
    query: Any,
    key: Any,
    value: Any,
    mask: Any = None,
    scale: float = 1.0,
    causal: bool = False,
    hide_empty: bool = False,
) -> Any:
    """The core's attention, which never holds all scores, on tensors as `dot_product_attention`
    takes them.

    Args:
        query: `(batch, T, heads, H)`.
        key: `(batch, S, key heads, H)`.
        value: `(batch, S, key heads, V)`.
        mask: Boolean, true where a score counts, or numbers that are added to the scores;
            broadcasts to `(batch, heads, T, S)`.
        scale: Factor of the scores.
        causal: Whether place t sees places up to t only.
        hide_empty: Whether a row that a boolean mask leaves nothing gives 0 instead of the mean.
    """
    attributes = {"scale": float(scale), "causal": causal, "hide_empty": hide_empty}
    inputs = [query, key, value]
    if mask is not None:
        from addax.ops.shaping import reshape

        ones = [1] * (4 - mask.ndim)
        inputs.append(reshape(mask, [*ones, *mask.dims]) if ones else mask)
    return core("attention")(*inputs, **attributes)[0]


def _composed(
    query: Any,
    key: Any,
    value: Any,
    bias: Any,
    allowed: Any,
    factor: float,
    is_causal: bool,
    cap: float | None,
) -> Any:
    """Attention by way of all its scores."""
    from addax.ops.elementwise import tanh, where
    from addax.ops.shaping import repeat, transpose

    shared = query.shape[2] // key.shape[2]
    if shared != 1:
        key, value = repeat(key, shared, axis=2), repeat(value, shared, axis=2)
    q, k, v = (transpose(x, (0, 2, 1, 3)) for x in (query * factor, key, value))
    scores = core("matmul")(q, k, transpose_a=False, transpose_b=True)
    if cap is not None:
        scores = tanh(scores / cap) * cap
    if bias is not None:
        scores = scores + bias
    if is_causal:
        causal = _causal(query.dims[1], key.dims[1])
        allowed = causal if allowed is None else core("logical_and")(allowed, causal)
    if allowed is not None:
        scores = where(allowed, scores, scalar(_MASKED[scores.dtype], scores.dtype))
    weights = core("softmax")(scores, axis=3)
    result = core("matmul")(weights, v, transpose_a=False, transpose_b=False)
    return transpose(result, (0, 2, 1, 3))


def _causal(rows: Any, columns: Any) -> Any:
    """True where the column is not after the row."""
    i = core("iota")(shape=[rows, 1], axis=0, dtype="int32")
    j = core("iota")(shape=[1, columns], axis=1, dtype="int32")
    return core("less_equal")(j, i)
