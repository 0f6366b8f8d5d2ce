"""Every function of `addax.ops` against NumPy: eagerly, as a recorded program, and on
KerasTensors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from addax import ops, tree
from addax.backend import CompiledFunction, KerasTensor
from function_table import CASES, ELSEWHERE, Case


def arrays_of(case: Case) -> list[np.ndarray]:
    leaves = tree.flatten((case.args, case.kwargs))
    return [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]


def split(case: Case) -> tuple[list, list]:
    """The arrays that are inputs of a program, and those that are constants in it."""
    arrays = arrays_of(case)
    return arrays[: case.inputs], arrays[case.inputs :]


def with_arrays(case: Case, arrays: list) -> tuple[tuple, dict]:
    source = iter(arrays)
    leaves = tree.flatten((case.args, case.kwargs))
    leaves = [next(source) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
    return tree.pack_sequence_as((case.args, case.kwargs), leaves)


def expected_of(case: Case) -> list[np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = case.reference(*case.args, **case.kwargs)
    return list(result) if isinstance(result, (list, tuple)) else [result]


def call(case: Case, arrays: list):
    args, kwargs = with_arrays(case, arrays)
    result = getattr(ops, case.name)(*args, **kwargs)
    return list(result) if isinstance(result, (list, tuple)) else [result]


def assert_close(case: Case, results: list, expected: list) -> None:
    assert len(results) == len(expected)
    for result, want in zip(results, expected):
        got = ops.convert_to_numpy(result)
        assert got.shape == np.shape(want), (got.shape, np.shape(want))
        np.testing.assert_allclose(
            got.astype(np.float64),
            np.asarray(want, np.float64),
            rtol=max(case.tolerance, 1e-5),
            atol=case.tolerance,
        )


def up_to_signs(case: Case, results: list, expected: list) -> list:
    """Factors of qr, svd and eigh are unique up to signs: products and values are compared."""
    if case.name not in ("qr", "svd", "eigh"):
        return results
    parts = [ops.convert_to_numpy(r) for r in results]
    if case.name == "qr":
        np.testing.assert_allclose(parts[0] @ parts[1], case.args[0], atol=1e-5)
    elif case.name == "svd":
        n = parts[1].shape[0]
        np.testing.assert_allclose((parts[0][:, :n] * parts[1]) @ parts[2], case.args[0], atol=1e-5)
    else:
        values, vectors = parts
        rebuilt = (vectors * values[:, None]) @ vectors.transpose(0, 2, 1)
        np.testing.assert_allclose(rebuilt, case.args[0], rtol=1e-4, atol=1e-3)
    return [np.abs(p) for p in parts]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_function_gives_what_numpy_gives(case: Case) -> None:
    expected = expected_of(case)
    results = call(case, arrays_of(case))
    if case.name in ("qr", "svd", "eigh"):
        results = up_to_signs(case, results, expected)
        expected = [np.abs(e) for e in expected]
    assert_close(case, results, expected)


RECORDED = [case for case in CASES if not case.eager_only and arrays_of(case)]


@pytest.mark.parametrize("case", RECORDED, ids=str)
def test_a_recorded_program_gives_what_the_eager_call_gives(case: Case) -> None:
    arrays, rest = split(case)
    eager = [ops.convert_to_numpy(r) for r in call(case, arrays + rest)]
    if case.fixed:
        from addax.backend.function import record

        specs = {n: (f"x{n}", a.dtype.name, a.shape) for n, a in enumerate(arrays)}
        recorded = record(lambda *xs: call(case, list(xs) + rest), tuple(arrays), {}, specs)
        results = recorded.run(arrays)
    else:
        results = CompiledFunction(lambda *xs: call(case, list(xs) + rest))(*arrays)
    for result, want in zip(results, eager):
        assert tuple(result.shape) == want.shape
        assert result.dtype == want.dtype.name
        np.testing.assert_allclose(result.numpy(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", RECORDED, ids=str)
def test_keras_tensors_get_the_shape_and_dtype_of_the_eager_result(case: Case) -> None:
    arrays, rest = split(case)
    eager = call(case, arrays + rest)
    leading = {a.shape[0] for a in arrays if a.ndim}
    unknown = not case.fixed and len(leading) == 1

    def placeholder(a: np.ndarray) -> KerasTensor:
        shape = (None, *a.shape[1:]) if unknown and a.ndim else a.shape
        return KerasTensor(shape, dtype=a.dtype.name)

    results = call(case, [placeholder(a) for a in arrays] + rest)
    for result, want in zip(results, eager):
        assert isinstance(result, KerasTensor)
        assert result.dtype == want.dtype
        assert len(result.shape) == len(want.shape)
        for size, wanted in zip(result.shape, want.shape):
            assert size in (None, wanted)


def test_every_function_is_in_the_table() -> None:
    covered = {case.name for case in CASES}
    covered |= {name for names in ELSEWHERE for name in names.split()}
    assert covered >= set(ops.__all__), sorted(set(ops.__all__) - covered)
    assert covered <= set(ops.__all__), sorted(covered - set(ops.__all__))


def test_the_table_reads_like_keras() -> None:
    for name in ("numpy", "nn", "linalg", "math", "image"):
        namespace = getattr(ops, name)
        for function in namespace.__all__:
            assert callable(getattr(namespace, function))
