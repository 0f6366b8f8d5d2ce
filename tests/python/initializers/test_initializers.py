"""Initializers: values, seeds, configs, names, errors."""

import addax as keras
import numpy as np
import pytest
from addax import initializers
from training_cases import CASES, label


def array(x):
    return np.asarray(x)


@pytest.mark.parametrize("case", CASES["initializers"], ids=label)
def test_configs_are_those_of_keras(case):
    made = getattr(initializers, case["class"])(**case["arguments"])
    assert initializers.serialize(made) == case["serialized"]
    again = initializers.deserialize(initializers.serialize(made))
    assert initializers.serialize(again) == case["serialized"]


RANDOM = [c for c in CASES["initializers"] if "seed" in c["serialized"]["config"]]


@pytest.mark.parametrize("case", RANDOM, ids=label)
def test_an_object_repeats_itself_and_a_seed_repeats_an_object(case):
    cls = getattr(initializers, case["class"])
    one = cls()
    np.testing.assert_array_equal(one((4, 5)), one((4, 5)))
    assert not np.array_equal(one((4, 5)), cls()((4, 5)))
    np.testing.assert_array_equal(cls(seed=9)((4, 5)), cls(seed=9)((4, 5)))


def test_a_seed_generator_advances():
    made = initializers.RandomNormal(seed=keras.random.SeedGenerator(3))
    assert not np.array_equal(made((4,)), made((4,)))
    config = initializers.serialize(made)
    assert config["config"]["seed"]["class_name"] == "SeedGenerator"
    assert isinstance(initializers.deserialize(config).seed, keras.random.SeedGenerator)


def test_set_random_seed_fixes_initializers_without_a_seed():
    keras.utils.set_random_seed(5)
    one = array(initializers.GlorotUniform()((3, 3)))
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(one, initializers.GlorotUniform()((3, 3)))


def test_constants():
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.Ones()((2,)), np.ones(2))
    np.testing.assert_array_equal(initializers.Constant(2.5)((2,)), [2.5, 2.5])
    np.testing.assert_array_equal(initializers.Constant([[1.0, 2.0]])((2, 2)), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(initializers.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])
    assert initializers.Zeros()((1,), dtype="int32").dtype == "int32"
    assert initializers.Zeros()((1,)).dtype == "float32"


def test_gain_of_identity_survives_its_config():
    again = initializers.deserialize(initializers.serialize(initializers.Identity(2.0)))
    assert again.gain == 2.0


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 4)])
def test_orthogonal_gives_orthonormal_rows_or_columns(shape):
    q = array(initializers.Orthogonal(gain=2.0, seed=1)(shape)).reshape(-1, shape[-1]) / 2
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-6)


def test_orthogonal_matrices_have_both_signs_on_the_diagonal():
    signs = {np.sign(array(initializers.Orthogonal(seed=s)((3, 3)))[0, 0]) for s in range(20)}
    assert signs == {-1.0, 1.0}


@pytest.mark.parametrize(
    "name, variance",
    [
        ("GlorotNormal", 2 / 500),
        ("GlorotUniform", 2 / 500),
        ("HeNormal", 2 / 300),
        ("HeUniform", 2 / 300),
        ("LecunNormal", 1 / 300),
        ("LecunUniform", 1 / 300),
    ],
)
def test_named_scalings_have_their_variance(name, variance):
    values = array(getattr(initializers, name)(seed=1)((300, 200)))
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values.mean()) < 3 * (variance / values.size) ** 0.5


@pytest.mark.parametrize(
    "shape, axes, fans",
    [
        ((), (None, None), (1, 1)),
        ((7,), (None, None), (7, 7)),
        ((3, 4), (None, None), (3, 4)),
        ((3, 3, 5, 6), (None, None), (45, 54)),
        ((40, 30, 20), ([0], [1, 2]), (40, 600)),
        ((40, 30, 20), ([0, 1], [2]), (1200, 20)),
    ],
)
def test_fans_are_those_of_keras(shape, axes, fans):
    from addax.initializers.random_initializers import compute_fans

    assert compute_fans(shape, *axes) == fans


def test_truncated_values_stay_within_two_deviations():
    values = array(initializers.TruncatedNormal(stddev=0.5, seed=1)((10000,)))
    assert np.abs(values).max() <= 1.0


@pytest.mark.parametrize(
    "name, cls",
    [
        ("glorot_uniform", "GlorotUniform"),
        ("GlorotUniform", "GlorotUniform"),
        ("uniform", "RandomUniform"),
        ("normal", "RandomNormal"),
        ("zeros", "Zeros"),
        ("one", "Ones"),
        ("OrthogonalInitializer", "Orthogonal"),
    ],
)
def test_names_give_initializers(name, cls):
    assert type(initializers.get(name)).__name__ == cls


def test_get_takes_objects_classes_callables_and_configs():
    assert initializers.get(None) is None
    made = initializers.Zeros()
    assert initializers.get(made) is made
    assert isinstance(initializers.get(initializers.Zeros), initializers.Zeros)
    config = {"class_name": "GlorotUniform", "config": {"seed": None}}
    assert isinstance(initializers.get(config), initializers.GlorotUniform)


@pytest.mark.parametrize("identifier", ["foo", 3, {"class_name": "Foo", "config": {}}])
def test_unknown_identifiers_are_an_error(identifier):
    with pytest.raises(ValueError, match="Could not interpret initializer identifier: "):
        initializers.get(identifier)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: initializers.RandomNormal(seed="x"), "`seed` argument should be an instance"),
        (lambda: initializers.VarianceScaling(scale=-1.0), "`scale` must be positive float"),
        (lambda: initializers.VarianceScaling(mode="x"), "Invalid `mode` argument: x"),
        (lambda: initializers.VarianceScaling(distribution="x"), "Invalid `distribution`"),
        (lambda: initializers.Orthogonal()((3,)), "at least two-dimensional"),
        (lambda: initializers.Identity()((3,)), "can only be used for 2D matrices"),
    ],
)
def test_wrong_arguments_are_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_base_class_says_what_to_implement():
    with pytest.raises(NotImplementedError, match="must implement the `__call__"):
        initializers.Initializer()((2,))
