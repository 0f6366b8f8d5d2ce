"""Shapes, dtypes, conversions, indexing, operators."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
from addax import ops
from addax.backend import CompiledFunction, KerasTensor, Variable
from addax.backend.tensor import Dim
from hypothesis import given, settings
from hypothesis import strategies as st

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def test_shape_gives_ints_when_eager_and_none_for_keras_tensors() -> None:
    assert ops.shape(ops.zeros((2, 3))) == (2, 3)
    assert ops.shape(KerasTensor((None, 3))) == (None, 3)


def test_shape_gives_dimensions_that_can_be_computed_with_while_recording() -> None:
    seen = []

    def f(x):
        batch, width = ops.shape(x)
        seen.append(batch)
        return ops.reshape(x, (batch * width,)), ops.zeros((batch, 2)), x / batch

    compiled = CompiledFunction(f)
    for n in (2, 5):
        flat, zeros, shares = compiled(np.ones((n, 3), np.float32))
        assert flat.shape == (3 * n,)
        assert zeros.shape == (n, 2)
        np.testing.assert_allclose(shares.numpy(), np.full((n, 3), 1 / n), rtol=1e-6)
    assert len(seen) == 1
    assert isinstance(seen[0], Dim)


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        (1, 2, 3),
        (0, slice(None), 2),
        slice(None),
        slice(1, None),
        slice(None, -1),
        (slice(None), slice(None, None, 2)),
        (slice(None), slice(None, None, -1)),
        (Ellipsis, slice(3, 0, -2)),
        (Ellipsis, 0),
        (0, Ellipsis),
        (None, 0),
        (slice(None), None, 1),
        (Ellipsis, None),
        np.array([1, 0, 1]),
        (slice(None), np.array([2, 0])),
        (slice(None), np.array([[2, 0], [1, -1]])),
        ([0, 1], [2, 0]),
        (np.array([[0], [1]]), np.array([[2, 0]])),
        (slice(None), np.array([0, 2]), np.array([1, 3])),
        (np.array([0, 1]), slice(None), np.array([1, 3])),
        (slice(None), [True, False, True]),
        X > 5,
        (slice(5, 9), 0),
        (slice(-100, 100),),
    ],
    ids=str,
)
def test_indexing_gives_what_numpy_gives(key) -> None:
    want = X[key if not isinstance(key, list) else tuple(key)]
    got = ops.convert_to_tensor(X)[key]
    np.testing.assert_array_equal(got.numpy(), want)


def test_a_list_with_slices_is_a_tuple_as_files_have_it_and_one_of_arrays_is_an_index() -> None:
    x = ops.convert_to_tensor(X)
    for key in ([slice(None), 1], [..., 0], [None, 1]):
        np.testing.assert_array_equal(x[key].numpy(), X[tuple(key)])
    np.testing.assert_array_equal(
        x[[np.array([0, 1]), np.array([1, 0])]].numpy(), X[np.array([[0, 1], [1, 0]])]
    )


slices = st.slices(4).map(lambda s: s) | st.integers(-4, 3) | st.none()


@settings(max_examples=200, deadline=None)
@given(st.lists(slices, max_size=3))
def test_any_mix_of_slices_ints_and_new_axes_gives_what_numpy_gives(keys) -> None:
    x = np.arange(64, dtype=np.int32).reshape(4, 4, 4)
    np.testing.assert_array_equal(ops.convert_to_tensor(x)[tuple(keys)].numpy(), x[tuple(keys)])


@pytest.mark.parametrize("key", [2, -3, (0, 0, 0, 0), 1.5, (Ellipsis, Ellipsis), "a"])
def test_impossible_indices_raise_index_errors(key) -> None:
    with pytest.raises(IndexError):
        ops.convert_to_tensor(X)[key]


def test_slices_of_an_unknown_axis_are_recorded() -> None:
    f = CompiledFunction(lambda x: (x[1:], x[:-1], x[::-1], x[::2], x[-1], x[:, 1:]))
    for n in (3, 6):
        x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
        for got, want in zip(f(x), (x[1:], x[:-1], x[::-1], x[::2], x[-1], x[:, 1:])):
            np.testing.assert_array_equal(got.numpy(), want)


def test_a_tensor_iterates_over_its_first_axis() -> None:
    rows = list(ops.convert_to_tensor(X))
    assert len(rows) == 2
    np.testing.assert_array_equal(rows[1].numpy(), X[1])
    a, b = ops.convert_to_tensor([1.0, 2.0])
    assert float(a) + float(b) == 3.0


# Operators


def operands():
    yield ops.convert_to_tensor(X), X
    yield Variable(X), X


@pytest.mark.parametrize("left, x", list(operands()), ids=["tensor", "variable"])
@pytest.mark.parametrize(
    "symbol", ["+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!="]
)
@pytest.mark.parametrize(
    "other", [2, 2.5, np.float32(3), X + 1], ids=["int", "float", "scalar", "array"]
)
def test_operators_work_with_numpy_and_numbers_on_either_side(left, x, symbol, other) -> None:
    with np.errstate(all="ignore"):
        for source in (f"left {symbol} other", f"other {symbol} left"):
            got = eval(source, {"left": left, "other": other})
            want = eval(source, {"left": x, "other": other})
            assert ops.is_tensor(got), type(got)
            np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)


def test_operators_of_keras_tensors_give_keras_tensors() -> None:
    k = KerasTensor((None, 4))
    row = np.ones(4, np.float32)
    for result in (
        k + 1,
        1 - k,
        k * row,
        row * k,
        k / k,
        k**2,
        -k,
        abs(k),
        k > 0,
        k @ np.ones((4, 3)),
    ):
        assert isinstance(result, KerasTensor)
        assert result.shape[0] is None
    assert (k @ np.ones((4, 3), np.float32)).shape == (None, 3)
    assert (k > 0).dtype == "bool"
    assert k[:, 1:3].shape == (None, 2)


def test_matmul_unary_and_bit_operators() -> None:
    x = ops.convert_to_tensor(X)
    np.testing.assert_allclose((x @ X.transpose(0, 2, 1)).numpy(), X @ X.transpose(0, 2, 1))
    np.testing.assert_allclose((X[0] @ ops.transpose(x[0])).numpy(), X[0] @ X[0].T)
    np.testing.assert_array_equal((-x).numpy(), -X)
    np.testing.assert_array_equal(abs(-x).numpy(), X)
    mask = x > 5
    np.testing.assert_array_equal((mask & ~mask | (x < 2)).numpy(), X < 2)
    n = ops.convert_to_tensor([1, 2, 3])
    assert (n << 1).numpy().tolist() == [2, 4, 6]
    assert (n & 1).numpy().tolist() == [1, 0, 1]


def test_comparison_with_what_is_no_value_is_python_s() -> None:
    x = ops.convert_to_tensor(1.0)
    assert (x == None) is False  # noqa: E711
    assert x != "relu"
    with pytest.raises(TypeError):
        x + "relu"


# Dtypes


def test_python_numbers_are_weak() -> None:
    for dtype in ("float32", "float64", "int32", "int64", "uint8"):
        x = ops.ones((2,), dtype)
        assert (x + 1).dtype == dtype
        assert (1 - x).dtype == dtype
        wanted = dtype if "float" in dtype else "float32"
        assert (x + 1.5).dtype == wanted
        assert (x / 2).dtype == wanted


def test_promotion_is_that_of_jax() -> None:
    table = {
        ("int32", "float32"): "float32",
        ("int64", "float32"): "float32",
        ("uint8", "int32"): "int32",
        ("int32", "int64"): "int64",
        ("bool", "int32"): "int32",
        ("bool", "float32"): "float32",
        ("float32", "float64"): "float64",
        ("uint8", "float64"): "float64",
        ("bool", "uint8"): "uint8",
    }
    for (a, b), wanted in table.items():
        for x, y in itertools.permutations((a, b)):
            assert ops.add(ops.ones(2, x), ops.ones(2, y)).dtype == wanted
            assert ops.maximum(ops.ones(2, x), ops.ones(2, y)).dtype == wanted


def test_integers_become_floats_where_results_are_fractions() -> None:
    n = ops.convert_to_tensor([1, 2])
    for function in (ops.mean, ops.exp, ops.sqrt, ops.std, ops.sigmoid, ops.floor, ops.softmax):
        assert function(n).dtype == "float32"
    assert ops.true_divide(n, n).dtype == "float32"
    assert ops.sum(n).dtype == "int32"
    assert ops.sum(n > 0).dtype == "int32"
    assert ops.abs(n).dtype == "int32"


def test_conversion_keeps_numpy_dtypes_and_gives_python_numbers_floatx() -> None:
    assert ops.convert_to_tensor(np.zeros(2)).dtype == "float64"
    assert ops.convert_to_tensor(np.zeros(2, np.int64)).dtype == "int64"
    assert ops.convert_to_tensor(np.zeros(2, np.int8)).dtype == "int32"
    assert ops.convert_to_tensor([1.0, 2.0]).dtype == "float32"
    assert ops.convert_to_tensor([1, 2]).dtype == "int32"
    assert ops.convert_to_tensor([True]).dtype == "bool"
    assert ops.convert_to_tensor(2**40).dtype == "int64"
    assert int(ops.convert_to_tensor(2**60 + 1)) == 2**60 + 1
    with pytest.raises(OverflowError):
        ops.ones(2, "uint8") + 256
    assert ops.convert_to_tensor([[1, 2], [3, 4]], "float32").dtype == "float32"
    assert ops.convert_to_tensor(np.zeros(2), dtype="int32").dtype == "int32"
    assert ops.convert_to_tensor([]).shape == (0,)


def test_lists_of_tensors_are_stacked() -> None:
    x = ops.convert_to_tensor([ops.ones(3), [1, 2, 3]])
    np.testing.assert_array_equal(x.numpy(), [[1, 1, 1], [1, 2, 3]])


@pytest.mark.parametrize(
    "value", [[[1, 2], [3]], np.array(["a"]), np.array([object()]), "text", None, 1j, {}]
)
def test_what_is_no_array_of_numbers_is_refused(value) -> None:
    with pytest.raises((ValueError, TypeError)):
        ops.convert_to_tensor(value)


def test_a_keras_tensor_has_no_values() -> None:
    k = KerasTensor((None, 2))
    with pytest.raises(ValueError, match="placeholder for a shape an a dtype"):
        np.asarray(k)
    with pytest.raises(TypeError, match=r"A symbolic KerasTensor cannot be used as a boolean\."):
        bool(k)
    with pytest.raises(NotImplementedError, match="Iterating over a symbolic KerasTensor"):
        list(k)


def test_tensors_are_arrays_for_numpy() -> None:
    x = ops.convert_to_tensor(X)
    np.testing.assert_array_equal(np.asarray(x), X)
    assert np.array(x, dtype=np.float64).dtype == np.float64
    assert len(x) == 2
    assert np.mean(x) == X.mean()
    assert float(ops.sum(x)) == X.sum()
    assert bool(ops.convert_to_tensor(True))
    assert [10, 20, 30][ops.convert_to_tensor(1)] == 20
    assert memoryview(x).shape == (2, 3, 4)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "bfloat16"])
def test_tensors_can_be_pickled_and_copied(dtype) -> None:
    x = ops.cast([0, 1, 2], dtype)
    for y in (pickle.loads(pickle.dumps(x)), copy.deepcopy(x)):
        assert y.dtype == dtype
        assert bool(ops.all(ops.cast(y, "float32") == ops.cast(x, "float32")))


def test_dtype_and_is_tensor() -> None:
    assert ops.dtype(np.zeros(2, np.int64)) == "int64"
    assert ops.dtype(ops.zeros(2)) == "float32"
    assert ops.dtype(1.0) == "float32"
    assert ops.is_tensor(ops.zeros(2))
    assert not ops.is_tensor(np.zeros(2))
    assert isinstance(ops.convert_to_numpy(ops.zeros(2)), np.ndarray)


def test_scalars_keep_the_sign_of_zero() -> None:
    assert np.signbit(ops.convert_to_tensor(-0.0).numpy())
    assert not np.signbit(ops.convert_to_tensor(0.0).numpy())


def test_out_of_range_places_are_errors() -> None:
    with pytest.raises(IndexError):
        ops.take(np.arange(3), 3)
    with pytest.raises(IndexError):
        ops.take(np.arange(3), [-4])
    with pytest.raises(TypeError):
        ops.take(np.arange(3), [0.5])
    with pytest.raises(IndexError):
        ops.convert_to_tensor(X)[[0, 1], [0, 3]]
    with pytest.raises(IndexError):
        ops.scatter_update(X, [[0, 3]], ops.ones((1, 4)))


def test_slices_with_tensors_of_starts_are_recorded() -> None:
    x = np.arange(20, dtype=np.float32).reshape(4, 5)

    def f(start):
        block = ops.slice(x, start, (2, 3))
        return block, ops.slice_update(x, start, block * 0)

    block, updated = CompiledFunction(f)(np.array([1, 2], np.int32))
    np.testing.assert_array_equal(block.numpy(), x[1:3, 2:5])
    want = x.copy()
    want[1:3, 2:5] = 0
    np.testing.assert_array_equal(updated.numpy(), want)


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda: ops.matmul(np.ones((2, 3)), np.ones((4, 2))), ValueError),
        (lambda: ops.add(np.ones((2, 3)), np.ones((2, 4))), ValueError),
        (lambda: ops.reshape(np.ones((2, 3)), (4, 2)), ValueError),
        (lambda: ops.concatenate([np.ones((2, 3)), np.ones((3, 2))]), ValueError),
        (lambda: ops.split(np.ones((5, 2)), 2), ValueError),
        (lambda: ops.squeeze(np.ones((2, 3)), 0), ValueError),
        (lambda: ops.transpose(np.ones((2, 3)), (0,)), ValueError),
        (lambda: ops.sum(np.ones((2, 3)), axis=2), ValueError),
        (lambda: ops.max(np.ones((0, 3))), ValueError),
        (lambda: ops.where(True, 1.0), ValueError),
        (lambda: ops.subtract(True, False), TypeError),
        (lambda: ops.bitwise_and(1.0, 2.0), TypeError),
        (lambda: ops.einsum("ij,jk", np.ones((2, 3))), ValueError),
        (lambda: ops.einsum("ijk", np.ones((2, 3))), ValueError),
        (lambda: ops.conv(np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1))), ValueError),
        (lambda: ops.conv(np.ones((1, 5, 5, 3)), np.ones((3, 3, 2, 1))), ValueError),
        (lambda: ops.max_pool(np.ones((1, 2, 2, 1)), 3), ValueError),
        (lambda: ops.quantile(np.ones(3), 0.5, method="odd"), ValueError),
        (lambda: ops.inv(np.zeros((2, 2))), ValueError),
        (lambda: ops.inv(np.zeros((2, 3))), ValueError),
        (lambda: ops.one_hot(np.int32([0]), 3, axis=5), ValueError),
    ],
)
def test_bad_arguments_are_named(call, error) -> None:
    with pytest.raises(error) as info:
        call()
    assert len(str(info.value)) > 20


def test_ndim_and_size() -> None:
    assert ops.ndim(X) == 3
    assert ops.ndim(KerasTensor((None, 2))) == 2
    assert ops.size(X) == 24
    assert ops.size(KerasTensor((None, 2))).shape == ()
    assert int(CompiledFunction(lambda x: ops.size(x))(X)) == 24


def test_shapes_are_sizes_and_dimensions() -> None:
    k = KerasTensor((None, 6))
    assert ops.reshape(k, (ops.shape(k)[0], 2, 3)).shape == (None, 2, 3)
    assert ops.zeros(np.array([2, 3])).shape == (2, 3)
    assert ops.zeros(ops.convert_to_tensor([2, 3])).shape == (2, 3)
    assert ops.zeros((np.int64(2), ops.convert_to_tensor(3))).shape == (2, 3)
    assert ops.zeros(4).shape == (4,)
    for shape in ((None, 2), ("a", 2), (2.5,)):
        with pytest.raises(TypeError, match="Sizes are whole numbers"):
            ops.zeros(shape)


@pytest.mark.parametrize(
    ("m", "n", "k"), [(64, 64, 64), (33, 129, 500), (8, 8, 20000), (1, 5, 30000)]
)
def test_matmul_errs_no_more_than_four_times_as_much_as_numpys(m: int, n: int, k: int) -> None:
    rng = np.random.default_rng(7)
    a, b = rng.uniform(size=(m, k)).astype("float32"), rng.normal(size=(k, n)).astype("float32")
    exact = a.astype("float64") @ b.astype("float64")
    ours = np.abs(np.asarray(ops.matmul(a, b)) - exact).max()
    assert ours <= 4 * np.abs(a @ b - exact).max()


def test_matmul_of_bfloat16_sums_in_float32_and_rounds_once() -> None:
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(3, 9, 300)), rng.normal(size=(300, 20))
    a, b = ops.cast(a, "bfloat16"), ops.cast(b, "bfloat16")
    c = ops.matmul(a, b)
    exact = np.asarray(ops.cast(a, "float64")) @ np.asarray(ops.cast(b, "float64"))
    assert c.dtype == "bfloat16"
    assert np.all(
        np.abs(np.asarray(ops.cast(c, "float64")) - exact) <= 2.0**-8 * np.abs(exact) + 1e-4
    )
