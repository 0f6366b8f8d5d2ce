"""Random draws: seeds, dtypes, shapes, moments; the same in recorded programs."""

from __future__ import annotations

import random as python_random

import numpy as np
import pytest
from addax import ops, random
from addax.backend import CompiledFunction, KerasTensor
from addax.random.seed_generator import global_seed_generator, set_global_seed

DRAWS = {
    "normal": lambda **k: random.normal((2000,), **k),
    "uniform": lambda **k: random.uniform((2000,), **k),
    "truncated_normal": lambda **k: random.truncated_normal((2000,), **k),
    "randint": lambda **k: random.randint((2000,), 0, 1000, **k),
    "gamma": lambda **k: random.gamma((2000,), 2.0, **k),
    "beta": lambda **k: random.beta((2000,), 2.0, 3.0, **k),
    "binomial": lambda **k: random.binomial((2000,), 10, 0.3, **k),
    "categorical": lambda **k: random.categorical(np.zeros((2, 8), np.float32), 1000, **k),
    "shuffle": lambda **k: random.shuffle(np.arange(2000), **k),
    "dropout": lambda **k: random.dropout(np.ones(2000, np.float32), 0.5, **k),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_number_gives_the_same_draw_each_time(name) -> None:
    draw = DRAWS[name]
    np.testing.assert_array_equal(draw(seed=3).numpy(), draw(seed=3).numpy())
    assert (draw(seed=3).numpy() != draw(seed=4).numpy()).any()


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_gives_another_draw_each_time(name) -> None:
    draw = DRAWS[name]
    first, second = random.SeedGenerator(3), random.SeedGenerator(3)
    a, b = draw(seed=first).numpy(), draw(seed=first).numpy()
    assert (a != b).any()
    np.testing.assert_array_equal(a, draw(seed=second).numpy())
    np.testing.assert_array_equal(b, draw(seed=second).numpy())


@pytest.mark.parametrize("name", [n for n in DRAWS if n != "binomial"])
def test_a_recorded_program_draws_what_eager_calls_draw(name) -> None:
    draw = DRAWS[name]
    eager, recorded = random.SeedGenerator(11), random.SeedGenerator(11)
    run = CompiledFunction(lambda: draw(seed=recorded))
    for _ in range(3):
        np.testing.assert_array_equal(run().numpy(), draw(seed=eager).numpy())
    assert recorded.state.numpy().tolist() == [11, 3]


def test_without_a_seed_the_global_generator_advances() -> None:
    set_global_seed(5)
    a, b = random.uniform((4,)).numpy(), random.uniform((4,)).numpy()
    set_global_seed(5)
    np.testing.assert_array_equal(a, random.uniform((4,)).numpy())
    np.testing.assert_array_equal(b, random.uniform((4,)).numpy())
    assert (a != b).any()
    run = CompiledFunction(lambda: random.uniform((4,)))
    run()
    set_global_seed(5)
    np.testing.assert_array_equal(a, run().numpy())
    assert global_seed_generator().state.numpy().tolist() == [5, 1]


def test_default_seeds_come_from_python_s_random() -> None:
    python_random.seed(1)
    a = random.SeedGenerator().get_config()
    python_random.seed(1)
    assert random.SeedGenerator().get_config() == a
    assert random.SeedGenerator.from_config({"seed": 7}).get_config() == {"seed": 7}


def test_moments_are_those_of_the_distributions() -> None:
    n = 200_000

    def check(x, mean, variance):
        x = x.numpy().astype(np.float64)
        assert abs(x.mean() - mean) < 5 * np.sqrt(variance / n)
        assert abs(x.var() - variance) < 0.02 * variance + 1e-9

    check(random.normal((n,), 3.0, 2.0, seed=1), 3, 4)
    check(random.uniform((n,), -1.0, 3.0, seed=1), 1, 16 / 12)
    check(random.truncated_normal((n,), seed=1), 0, 0.7737)
    check(random.randint((n,), 2, 5, seed=1), 3, 2 / 3)
    check(random.gamma((n,), 3.0, seed=1), 3, 3)
    check(random.gamma((n,), 0.5, seed=1), 0.5, 0.5)
    check(random.beta((n,), 2.0, 3.0, seed=1), 0.4, 0.04)
    check(random.binomial((n,), 10, 0.3, seed=1), 3, 2.1)


def test_ranges_are_kept() -> None:
    x = random.uniform((10_000,), 2.0, 3.0, seed=1).numpy()
    assert x.min() >= 2 and x.max() < 3
    x = random.truncated_normal((10_000,), 1.0, 2.0, seed=1).numpy()
    assert np.abs((x - 1) / 2).max() <= 2.0001
    x = random.randint((10_000,), -2, 2, seed=1).numpy()
    assert set(x.tolist()) == {-2, -1, 0, 1}


def test_dtypes_are_given() -> None:
    assert random.normal((2,)).dtype == "float32"
    assert random.normal((2,), dtype="float64").dtype == "float64"
    assert random.uniform((2,), dtype="float16").dtype == "float16"
    assert random.randint((2,), 0, 5).dtype == "int32"
    assert random.randint((2,), 0, 5, dtype="uint8").dtype == "uint8"
    with pytest.raises(ValueError, match="floating point"):
        random.normal((2,), dtype="int32")
    with pytest.raises(ValueError, match="integer"):
        random.randint((2,), 0, 5, dtype="float32")


def test_categorical_follows_the_logits() -> None:
    logits = np.log(np.float32([[0.5, 0.3, 0.2], [0.01, 0.01, 0.98]]))
    x = random.categorical(logits, 50_000, seed=1)
    assert x.shape == (2, 50_000)
    assert x.dtype == "int32"
    for row, share in zip(x.numpy(), np.exp(logits)):
        np.testing.assert_allclose(np.bincount(row, minlength=3) / 50_000, share, atol=0.01)


def test_dropout_scales_what_it_keeps() -> None:
    x = np.full((100, 100), 3.0, np.float32)
    y = random.dropout(x, 0.25, seed=1).numpy()
    assert set(np.unique(y).tolist()) == {0.0, 4.0}
    assert abs((y == 0).mean() - 0.25) < 0.02
    rows = random.dropout(x, 0.5, noise_shape=(None, 1), seed=1).numpy()
    assert all(len(set(row.tolist())) == 1 for row in rows)
    assert random.dropout(x, 1.0, seed=1).numpy().max() == 0
    np.testing.assert_array_equal(random.dropout(x, 0.0, seed=1).numpy(), x)


def test_shuffle_is_a_permutation_along_the_axis() -> None:
    x = np.arange(20).reshape(4, 5)
    for axis in (0, 1):
        y = random.shuffle(x, axis=axis, seed=1).numpy()
        np.testing.assert_array_equal(np.sort(y, axis), x)


def test_shapes_may_hold_unknown_dimensions() -> None:
    run = CompiledFunction(lambda x: x + random.uniform(ops.shape(x), seed=1))
    for n in (2, 5):
        got = run(np.zeros((n, 3), np.float32)).numpy()
        np.testing.assert_array_equal(got, random.uniform((n, 3), seed=1).numpy())


def test_keras_tensors_give_keras_tensors() -> None:
    k = KerasTensor((None, 4))
    assert random.dropout(k, 0.5, seed=1).shape == (None, 4)
    assert random.categorical(k, 3).shape == (None, 3)
    assert random.shuffle(k).shape == (None, 4)


@pytest.mark.parametrize("seed", ["a", 1.5, True, [1, 2]])
def test_seeds_are_whole_numbers_or_generators(seed) -> None:
    with pytest.raises(ValueError, match="Argument `seed` must be"):
        random.uniform((2,), seed=seed)


def test_the_state_is_a_variable_of_the_generator() -> None:
    generator = random.SeedGenerator(3, name="mine")
    assert generator.state.path == "mine/seed_generator_state"
    assert generator.state.shape == (2,)
    assert not generator.state.trainable
    key = generator.next()
    assert key.numpy().tolist() == [3, 0]
    assert generator.state.numpy().tolist() == [3, 1]
