"""Operations over random shapes against NumPy, eager and as programs recorded without sizes."""

from __future__ import annotations

import numpy as np
import pytest
from addax import _core
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SIZES = st.integers(0, 37)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9)
few = settings(max_examples=60, deadline=None)


def values(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def run(name, *arrays, **attributes):
    return np.asarray(_core.op(name)(*(_core.tensor(a) for a in arrays), **attributes))


def replay(name, *arrays, known=(), **attributes):
    """The same through a program recorded without sizes, but for those of the inputs in `known`."""
    with _core.Recording() as recording:
        inputs = [
            recording.input(
                f"x{i}",
                a.dtype.name,
                a.shape if i in known else [_core.Dim.unknown(f"x{i}_{d}") for d in range(a.ndim)],
            )
            for i, a in enumerate(arrays)
        ]
        program = recording.finish([_core.op(name)(*inputs, **attributes)])
    return np.asarray(_core.Executable(program).run(list(arrays))[0])


@few
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=7))
@pytest.mark.parametrize("name", ["add", "multiply", "maximum"])
def test_broadcasting_is_numpys(name, shapes):
    a, b = (values(s, i) for i, s in enumerate(shapes.input_shapes))
    result = run(name, a, b)
    assert result.shape == shapes.result_shape
    np.testing.assert_array_equal(result, getattr(np, name)(a, b))


@few
@given(st.data(), SHAPES)
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_over_any_axes_are_numpys(keepdims, data, shape):
    axes = data.draw(
        st.lists(st.integers(0, len(shape) - 1), unique=True) if shape else st.just([])
    )
    x = values(shape)
    wanted = x.astype("float64").sum(tuple(axes), keepdims=keepdims)
    for result in (run, replay):
        np.testing.assert_allclose(
            result("sum", x, axes=axes, keepdims=keepdims), wanted, rtol=1e-5, atol=1e-5
        )


@few
@given(st.data(), SHAPES)
def test_any_permutation_of_axes_is_numpys(data, shape):
    perm = data.draw(st.permutations(range(len(shape))))
    x = values(shape)
    for result in (run, replay):
        np.testing.assert_array_equal(result("transpose", x, perm=list(perm)), x.transpose(perm))


@few
@given(SIZES, SIZES, SIZES, st.booleans(), st.booleans())
def test_products_of_any_sizes_are_numpys(m, n, k, transpose_a, transpose_b):
    a = values((k, m) if transpose_a else (m, k), 1)
    b = values((n, k) if transpose_b else (k, n), 2)
    wanted = (a.T if transpose_a else a).astype("float64") @ (b.T if transpose_b else b)
    for result in (run, replay):
        product = result("matmul", a, b, transpose_a=transpose_a, transpose_b=transpose_b)
        np.testing.assert_allclose(product, wanted, rtol=1e-4, atol=1e-4)


@few
@given(st.lists(SIZES, min_size=1, max_size=4), st.integers(0, 5))
def test_concatenation_takes_parts_of_any_length(lengths, width):
    parts = [values((n, width), n) for n in lengths]
    np.testing.assert_array_equal(run("concatenate", *parts, axis=0), np.concatenate(parts))


@few
@given(st.integers(0, 12), st.integers(0, 14), st.integers(0, 14), st.integers(1, 4))
def test_slices_are_numpys_whatever_their_bounds(n, start, stop, step):
    x = values((n, 3))
    np.testing.assert_array_equal(
        run("slice", x, start=[start, 0], stop=[stop, 3], step=[step, 1]), x[start:stop:step]
    )


def naive_convolution(x, w, stride):
    batch, height, width, _ = x.shape
    kh, kw, _, out = w.shape
    rows, columns = (height - kh) // stride + 1, (width - kw) // stride + 1
    y = np.zeros((batch, rows, columns, out))
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            y[:, i, j] = np.tensordot(window.astype("float64"), w, 3)
    return y


@few
@given(
    st.integers(0, 3),
    st.integers(3, 9),
    st.integers(3, 9),
    st.integers(1, 5),
    st.integers(1, 19),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_convolutions_of_any_sizes_follow_the_definition(batch, h, w, cin, cout, kernel, stride):
    x, k = values((batch, h, w, cin), 3), values((kernel, kernel, cin, cout), 4)
    wanted = naive_convolution(x, k, stride)
    attributes = {"strides": [stride, stride], "padding": "valid"}
    for y in (run("conv", x, k, **attributes), replay("conv", x, k, known=[1], **attributes)):
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-4)


@few
@given(st.integers(1, 6), st.integers(1, 9), st.lists(st.integers(-9, 8), max_size=12))
def test_gathering_takes_any_index_within_range_and_names_one_that_is_not(n, width, indices):
    x = values((n, width))
    ids = np.array(indices, "int32")
    outside = [i for i in indices if not -n <= i < n]
    if outside:
        with pytest.raises(IndexError, match=str(outside[0])):
            run("gather", x, ids, axis=0)
    else:
        np.testing.assert_array_equal(run("gather", x, ids, axis=0), x[ids])
