"""Layers that compute in one operation give what their definitions give, gradients too."""

from __future__ import annotations

import addax
import numpy as np
import pytest
from addax import layers, ops

RNG = np.random.default_rng(11)


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


def gradients(fn, *arrays):
    """Of the sum of fn's result weighted by fixed numbers, by each array."""
    tensors = [addax.Variable(a) for a in arrays]
    with addax.GradientTape() as tape:
        y = fn(*tensors)
        loss = ops.sum(
            y * ops.cos(ops.reshape(ops.arange(int(np.prod(y.shape)), dtype="float32"), y.shape))
        )
    return [g.numpy() for g in tape.gradient(loss, tensors)]


def composed_attention(q, k, v, mask=None, bias=None):
    """By the definition, with all scores; masked ones are -2.3e38."""
    scores = ops.einsum("bthd,bshd->bhts", q, k) / np.float32(np.sqrt(q.shape[-1]))
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = ops.where(mask, scores, np.float32(-2.3e38))
    return ops.einsum("bhts,bshd->bthd", ops.softmax(scores), v)


MASK = np.array([[True, False, True, True, False], [False] * 5])[:, None, None, :]
TRIANGLE = np.tri(4, 5, dtype=bool)


@pytest.mark.parametrize(
    "options, reference",
    [
        ({}, {}),
        ({"mask": MASK}, {"mask": MASK}),
        ({"is_causal": True}, {"mask": TRIANGLE}),
        ({"mask": MASK, "is_causal": True}, {"mask": MASK & TRIANGLE}),
        ({"bias": np.float32(0.5) * TRIANGLE}, {"bias": np.float32(0.5) * TRIANGLE}),
        (
            {"mask": MASK, "bias": np.float32(0.5) * TRIANGLE},
            {"mask": MASK, "bias": np.float32(0.5) * TRIANGLE},
        ),
    ],
)
def test_dot_product_attention_is_what_it_says(options, reference):
    q, k, v = draw(2, 4, 3, 6), draw(2, 5, 3, 6), draw(2, 5, 3, 6)
    seen = ops.dot_product_attention(q, k, v, **options).numpy()
    np.testing.assert_allclose(seen, composed_attention(q, k, v, **reference), atol=2e-6)
    fused = gradients(lambda *x: ops.dot_product_attention(*x, **options), q, k, v)
    plain = gradients(lambda *x: composed_attention(*x, **reference), q, k, v)
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_gradient_of_an_attention_bias_is_there():
    q, k, v, bias = draw(2, 4, 3, 6), draw(2, 5, 3, 6), draw(2, 5, 3, 6), draw(1, 3, 4, 5)
    fused = gradients(lambda q, k, v, b: ops.dot_product_attention(q, k, v, bias=b), q, k, v, bias)
    plain = gradients(lambda q, k, v, b: composed_attention(q, k, v, bias=b), q, k, v, bias)
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


LENGTHS = {"query": 4, "value": 5}
SEEN = {
    "query_mask": np.array([[True, True, False, True], [True] * 4]),
    "value_mask": np.array([[True, True, False, True, True], [False] * 5]),
}


@pytest.mark.parametrize(
    "masks", [{}, SEEN, {"use_causal_mask": True}, {**SEEN, "use_causal_mask": True}]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.MultiHeadAttention(3, 4, value_dim=5),
        lambda: layers.MultiHeadAttention(3, 4, use_bias=False, sliding_window=2, use_gate=True),
        lambda: layers.GroupQueryAttention(4, 6, 2),
    ],
)
def test_attention_layers_give_the_same_with_and_without_their_scores(make, masks):
    layer, query, value = make(), draw(2, 4, 7), draw(2, 5, 7)
    fused = layer(query, value, **masks)
    composed, _ = layer(query, value, return_attention_scores=True, **masks)
    np.testing.assert_allclose(fused, composed, atol=2e-6)
    direct = gradients(lambda q, v: layer(q, v, **masks), query, value)
    by_scores = gradients(
        lambda q, v: layer(q, v, return_attention_scores=True, **masks)[0], query, value
    )
    for a, b in zip(direct, by_scores, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_of_one_head_gives_the_same_with_and_without_its_scores(causal):
    layer, query, value = layers.Attention(use_scale=True), draw(2, 4, 7), draw(2, 5, 7)
    masks = [SEEN["query_mask"], SEEN["value_mask"]]
    fused = layer([query, value], mask=masks, use_causal_mask=causal)
    composed, _ = layer(
        [query, value], mask=masks, use_causal_mask=causal, return_attention_scores=True
    )
    np.testing.assert_allclose(fused, composed, atol=2e-6)


@pytest.mark.parametrize(
    "equation, shape, output, bias",
    [
        ("abc,cde->abde", (2, 3, 4), (None, 5, 6), "de"),
        ("abcd,cde->abe", (2, 3, 4, 5), (None, 6), "e"),
        ("...x,xy->...y", (2, 3, 4), (6,), "y"),
        ("ab,bc->ac", (2, 4), 6, None),
        ("abc,cde->abde", (2, 3, 4), (None, 5, 6), "e"),  # not a bias of every column
        ("abc,cd->adb", (2, 3, 4), (6, None), "d"),
    ],
)
def test_einsum_dense_is_the_sum_that_its_equation_says(equation, shape, output, bias):
    layer, x = layers.EinsumDense(equation, output, bias_axes=bias), draw(*shape)
    layer.build(shape)
    wanted = np.einsum(equation.replace("...", "ab" if "..." in equation else ""), x, layer.kernel)
    if bias:
        layer.bias.assign(draw(*layer.bias.shape))
        wanted = wanted + layer.bias.numpy()
    np.testing.assert_allclose(layer(x), wanted, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        layers.LayerNormalization(epsilon=1e-3),
        layers.RMSNormalization(),
        layers.GroupNormalization(2),
        layers.BatchNormalization(),
    ],
)
def test_second_derivatives_go_through_normalization(layer):
    x, direction = addax.Variable(draw(3, 5, 4)), draw(3, 5, 4)
    options = {"training": True} if isinstance(layer, layers.BatchNormalization) else {}
    layer(x, **options)

    def slope(at):
        at = addax.Variable(at)
        with addax.GradientTape() as tape:
            loss = ops.sum(ops.sin(layer(at, **options)))
        return tape.gradient(loss, at)

    with addax.GradientTape() as outer:
        with addax.GradientTape() as inner:
            loss = ops.sum(ops.sin(layer(x, **options)))
        along = ops.sum(inner.gradient(loss, x) * direction)
    exact = outer.gradient(along, x).numpy()
    step = 1e-2
    numeric = (slope(x.numpy() + step * direction) - slope(x.numpy() - step * direction)) / (
        2 * step
    )
    np.testing.assert_allclose(exact, numeric, rtol=1e-2, atol=2e-2)
