"""float16 and bfloat16 as arithmetic: every operation against its own float32, rounded once."""

from __future__ import annotations

import numpy as np
import pytest
from addax import _core
from operation_table import Row, rows

HALVES = ("bfloat16", "float16")
# Operations with a kernel of their own for bfloat16 sum in another order.
OWN_KERNELS = {"matmul", "conv", "conv_data_gradient", "conv_kernel_gradient"}

BY_OP: dict[str, list[Row]] = {}
for _row in rows():
    if "float32" not in _row.dtypes or _core.op(_row.op).internal:
        continue
    if any(np.asarray(a).dtype == "float32" for a in _row.draw("float32")):
        BY_OP.setdefault(_row.op, []).append(_row)

cast = _core.op("cast")
TENTH = _core.tensor(np.float32(0.1))


def results(op: str, inputs: list, attributes: dict) -> tuple:
    out = _core.op(op)(*inputs, **attributes)
    return out if isinstance(out, tuple) else (out,)


def rounded(x, half: str):
    return cast(x, dtype=half) if x.dtype == "float32" else x


def widened(x):
    return cast(x, dtype="float32") if x.dtype in HALVES else x


def bits_of(x) -> np.ndarray:
    """Values that compare as bits do, but for NaN, which equals NaN."""
    return widened(x).numpy()


def drawn(row: Row, half: str) -> list:
    return [rounded(_core.tensor(a), half) for a in row.draw("float32")]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("op", sorted(BY_OP))
def test_an_operation_computes_in_float32_and_rounds_once(op, half):
    for row in BY_OP[op]:
        inputs = drawn(row, half)
        seen = results(op, inputs, row.attributes)
        wide = results(op, [widened(x) for x in inputs], row.attributes)
        for got, exact in zip(seen, wide, strict=True):
            to_float32 = op == "cast" and row.attributes["dtype"] == "float32"
            assert got.dtype == (
                half if exact.dtype == "float32" and not to_float32 else exact.dtype
            ), row
            a, b = bits_of(got), bits_of(rounded(exact, half) if got.dtype == half else exact)
            if op in OWN_KERNELS and half == "bfloat16":
                np.testing.assert_allclose(a, b, rtol=2**-7, atol=1e-5, err_msg=str(row))
            else:
                np.testing.assert_array_equal(a, b, err_msg=str(row))


@pytest.mark.parametrize("op", sorted(op for op in BY_OP if _core.op(op).differentiable))
def test_gradients_are_those_of_float32_rounded(op):
    half, compared = "bfloat16", 0
    for row in [r for r in BY_OP[op] if r.gradient]:
        inputs = drawn(row, half)
        sources = [i for i, x in enumerate(inputs) if x.dtype == half]
        seen = gradients(row, inputs, sources)
        wanted = gradients(row, [widened(x) for x in inputs], sources)
        for got, exact in zip(seen, wanted, strict=True):
            if exact is None:
                assert got is None, row
                continue
            assert got.dtype == half, row
            a, b = bits_of(got), exact.numpy()
            size = np.max(np.abs(b), initial=0, where=np.isfinite(b))
            np.testing.assert_allclose(a, b, rtol=0.03, atol=0.02 * size, err_msg=str(row))
            compared += a.size
    assert compared


def gradients(row: Row, inputs: list, sources: list[int]) -> list:
    tape = _core.Tape()
    tape.start()
    for i in sources:
        tape.watch(inputs[i])
    outputs = [
        y for y in results(row.op, inputs, row.attributes) if y.dtype in ("float32", *HALVES)
    ]
    tape.stop()
    # Nothing here may depend on the results' rounding: ones.
    ones = [cast(_core.tensor(np.ones(y.shape, "float32")), dtype=y.dtype) for y in outputs]
    return tape.gradient(outputs, [inputs[i] for i in sources], ones)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("op", sorted(BY_OP))
def test_a_program_computes_what_running_does(op, half):
    """Within one rounding: a program may keep float32 where running rounds."""
    for row in BY_OP[op][:3]:
        inputs = drawn(row, half)
        with _core.Recording() as recording:
            symbols = [recording.input(f"x{i}", x.dtype, x.shape) for i, x in enumerate(inputs)]
            outputs = results(op, symbols, row.attributes)
            program = recording.finish([widened(y) for y in outputs])
        seen = _core.Executable(program).run(inputs)
        for got, wanted in zip(seen, results(op, inputs, row.attributes), strict=True):
            np.testing.assert_allclose(
                np.asarray(got), bits_of(wanted), rtol=2**-7, atol=1e-5, err_msg=str(row)
            )


def test_inputs_of_two_floating_types_are_refused():
    a, b = (
        _core.tensor(np.ones(3, "float32")),
        cast(_core.tensor(np.ones(3, "float32")), dtype="bfloat16"),
    )
    with pytest.raises(TypeError, match="one dtype"):
        _core.op("add")(a, b)


def test_the_attribute_dtype_may_be_a_16_bit_float():
    for half in HALVES:
        x = _core.op("iota")(shape=[5], dtype=half)
        assert x.dtype == half and bits_of(x).tolist() == [0, 1, 2, 3, 4]
        x = _core.op("full")(shape=[2], value=0.1, dtype=half)
        assert x.dtype == half and bits_of(x).tolist() == [bits_of(rounded(TENTH, half))] * 2
        x = _core.op("one_hot")(_core.tensor(np.array([1, 0])), depth=[2], dtype=half)
        assert x.dtype == half and bits_of(x).tolist() == [[0, 1], [1, 0]]
        x = _core.op("pad")(x, low=[0, 1], high=[0, 0], value=2.5)
        assert x.dtype == half and bits_of(x).tolist() == [[2.5, 0, 1], [2.5, 1, 0]]


def test_sums_do_not_stop_growing():
    """256 ones are where a sum of bfloat16 would stand still."""
    x = cast(_core.tensor(np.ones(10000, "float32")), dtype="bfloat16")
    assert bits_of(_core.op("sum")(x, axes=[0], keepdims=False)) == 9984  # 10000, rounded


def test_nan_and_infinity_go_through():
    x = cast(_core.tensor(np.array([np.nan, np.inf, -np.inf, 1], "float32")), dtype="bfloat16")
    y = bits_of(_core.op("add")(x, x))
    np.testing.assert_array_equal(y, [np.nan, np.inf, -np.inf, 2])
    np.testing.assert_array_equal(bits_of(_core.op("relu")(x)), [np.nan, np.inf, 0, 1])


def test_a_rounding_that_was_asked_for_stays_in_a_program():
    with _core.Recording() as recording:
        x = recording.input("x", "float32", [3])
        y = cast(cast(_core.op("add")(x, x), dtype="bfloat16"), dtype="float32")
        program = recording.finish([_core.op("multiply")(y, y)])
    (seen,) = _core.Executable(program).run([np.array([1.001, 2.003, 0.1], "float32")])
    wide = widened(rounded(_core.tensor(np.array([2.002, 4.006, 0.2], "float32")), "bfloat16"))
    np.testing.assert_array_equal(np.asarray(seen), np.square(wide.numpy()))


def test_bias_and_activation_join_a_product_of_bfloat16():
    rng = np.random.default_rng(5)
    x, w, b = (rng.normal(size=s).astype("float32") for s in ((4, 6, 6, 8), (3, 3, 8, 5), (5,)))
    with _core.Recording() as recording:
        symbols = [recording.input(n, "bfloat16", v.shape) for n, v in zip("xwb", (x, w, b))]
        y = _core.op("conv")(symbols[0], symbols[1], padding="same")
        y = _core.op("relu")(_core.op("add")(y, symbols[2]))
        program = recording.finish([y])
    executable = _core.Executable(program)
    assert executable.program.step_names == ["cast", "conv_epilogue"]
    halves = [rounded(_core.tensor(v), "bfloat16") for v in (x, w, b)]
    (seen,) = executable.run(halves)
    wide = [widened(v) for v in halves]
    exact = _core.op("add")(_core.op("conv")(wide[0], wide[1], padding="same"), wide[2])
    np.testing.assert_allclose(bits_of(seen), np.maximum(exact.numpy(), 0), rtol=2**-8, atol=1e-5)
