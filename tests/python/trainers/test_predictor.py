"""`model.predictor()`: what `predict_on_batch` gives, behind one cheap call."""

import threading

import addax
import numpy as np
import pytest
from addax import layers


@pytest.fixture
def x(data):
    return data[0]


@pytest.fixture
def two_inputs():
    a, b = addax.Input((4,), name="a"), addax.Input((2,), name="b")
    both = layers.Concatenate()([a, b])
    return {"a": a, "b": b}, {"sum": layers.Dense(3)(both), "parts": [layers.Dense(1)(a), both]}


def test_predictor_gives_the_model_s_outputs_at_any_batch(classifier, x):
    predictor = classifier.predictor()
    for rows in (1, 2, 70, 1, 0):
        got = predictor(x[:rows])
        assert got.shape == (rows, 3) and got.dtype == np.float32
        if rows:
            assert np.array_equal(got, classifier.predict_on_batch(x[:rows]))


def test_results_are_new_arrays(classifier, x):
    predictor = classifier.predictor()
    first = predictor(x[:5])
    kept = first.copy()
    first[:] = 7
    assert np.array_equal(predictor(x[:5]), kept)
    assert first.flags.writeable and first.flags.owndata


def test_out_is_written_and_returned(classifier, x):
    predictor = classifier.predictor()
    out = np.zeros((5, 3), "float32")
    assert predictor(x[:5], out=out) is out
    assert np.array_equal(out, predictor(x[:5]))
    assert np.array_equal(predictor(x[:5], out=None), out)


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((4, 3), "float32"),
        np.zeros((5, 3), "float64"),
        np.zeros((3, 5), "float32").T,
        np.zeros((5, 3), "float32").tolist(),
        np.broadcast_to(np.float32(0), (5, 3)),
    ],
    ids=["shape", "dtype", "strides", "list", "read-only"],
)
def test_an_out_that_does_not_fit_is_refused(classifier, x, out):
    with pytest.raises((ValueError, TypeError), match="out"):
        classifier.predictor()(x[:5], out=out)


def test_an_out_that_overlaps_the_input_is_refused():
    model = addax.Sequential([addax.Input((4,)), layers.Activation("relu")])
    x = np.ones((5, 4), "float32")
    with pytest.raises(ValueError, match="overlaps"):
        model.predictor()(x[:3], out=x[2:])
    assert model.predictor()(x[:2], out=x[2:4]).sum() == 8


def test_several_inputs_come_as_a_list_or_by_name(two_inputs):
    model = addax.Model(*two_inputs)
    predictor = model.predictor()
    a, b = np.ones((3, 4), "float32"), np.full((3, 2), 2, "float32")
    expected = model.predict_on_batch({"a": a, "b": b})
    for given in ({"b": b, "a": a}, [a, b], (a, b)):
        got = predictor(given)
        assert sorted(got) == ["parts", "sum"]
        assert np.array_equal(got["sum"], expected["sum"])
        assert all(np.array_equal(p, q) for p, q in zip(got["parts"], expected["parts"]))
    out = [np.zeros((3, size), "float32") for size in (1, 6, 3)]
    assert predictor([a, b], out=out) is out
    assert np.array_equal(out[2], expected["sum"])
    for wrong in (a, [a], [a, b, b], {"a": a}, {"a": a, "c": b}, 3):
        with pytest.raises(TypeError, match=r"list of arrays.*'a' float32 .*'b' float32"):
            predictor(wrong)


def test_inputs_of_open_sizes_may_differ():
    a, b = addax.Input((None, 2)), addax.Input((None, 2))
    summed = [layers.GlobalAveragePooling1D()(v) for v in (a, b)]
    model = addax.Model([a, b], layers.Add()(summed))
    x, y = np.ones((2, 3, 2), "float32"), np.ones((2, 5, 2), "float32")
    predictor = model.predictor()
    assert predictor([x, y]).tolist() == [[2, 2]] * 2
    assert predictor([y, y]).tolist() == [[2, 2]] * 2


def test_inputs_of_open_sizes_may_be_nested():
    a, b = addax.Input((None, 2)), addax.Input((None, 2))
    summed = [layers.GlobalAveragePooling1D()(v) for v in (a, b)]
    model = addax.Model({"first": a, "rest": [b]}, layers.Add()(summed))
    x, y = np.ones((2, 3, 2), "float32"), np.ones((2, 5, 2), "float32")
    predictor = model.predictor()
    for first, rest in ((x, x), (x, y), (y, y)):
        assert predictor([first, rest]).tolist() == [[2, 2]] * 2


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x]])
def test_the_open_size_of_an_input_in_a_list_is_known_with_and_without_the_list(wrap):
    a = addax.Input((None, 2))
    model = addax.Model([a], layers.GlobalAveragePooling1D()(a))
    steps, programs = model.make_predict_function(), set()
    for length in (3, 5):
        x = wrap(np.ones((2, length, 2), "float32"))
        assert model.predict_on_batch(x).tolist() == [[1, 1]] * 2
        programs.add(id(steps.recorded((x,)).program))
    assert len(programs) == 1


def test_other_dtypes_are_refused_with_what_is_wanted(classifier, x):
    predictor = classifier.predictor()
    for wrong in (x.astype("float64"), x.astype("int32"), x.astype(">f4"), x.tolist(), 1.0, None):
        with pytest.raises(TypeError, match="float32"):
            predictor(wrong)


def test_other_shapes_are_refused_with_what_is_wanted(classifier, x):
    predictor = classifier.predictor()
    for wrong in (x[:, :3], x[0], x[None]):
        with pytest.raises(ValueError, match=r"\(batch, 4\)"):
            predictor(wrong)
    assert predictor(x[:1]).shape == (1, 3)


def test_calls_that_are_none_are_refused(classifier, x):
    predictor = classifier.predictor()
    for call in (
        lambda: predictor(),
        lambda: predictor(x, x),
        lambda: predictor(x, to=x),
        lambda: predictor(x=x),
    ):
        with pytest.raises(TypeError, match=r"predictor\(x\)"):
            call()
    with pytest.raises(TypeError):
        type(predictor)()
    assert repr(predictor).startswith("<predictor of")


def test_arrays_that_are_not_contiguous_give_the_same(classifier, x):
    predictor = classifier.predictor()
    expected = predictor(x[:10:2].copy())
    assert np.array_equal(predictor(x[:10:2]), expected)
    assert np.array_equal(predictor(np.asfortranarray(x[:10:2])), expected)
    read_only = x[:10:2].copy()
    read_only.flags.writeable = False
    assert np.array_equal(predictor(read_only), expected)


def test_weights_changed_by_training_are_seen(classifier, data):
    predictor = classifier.predictor()
    before = predictor(data[0])
    classifier.fit(*data, epochs=2, verbose=0)
    after = predictor(data[0])
    assert not np.array_equal(before, after)
    assert np.array_equal(after, classifier.predict_on_batch(data[0]))
    classifier.set_weights([np.zeros_like(w) for w in classifier.get_weights()])
    assert np.allclose(predictor(data[0]), 1 / 3)


def test_many_threads_may_call_at_once(classifier, x):
    predictor = classifier.predictor()
    expected = {rows: predictor(x[:rows]) for rows in (1, 3, 70)}
    wrong = []

    def call(rows):
        for _ in range(300):
            if not np.array_equal(predictor(x[:rows]), expected[rows]):
                wrong.append(rows)

    threads = [threading.Thread(target=call, args=(rows,)) for rows in (1, 3, 70) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_model_without_known_shapes_needs_an_example():
    class Doubled(addax.Model):
        def call(self, x):
            return x * 2

    with pytest.raises(ValueError, match="example"):
        Doubled().predictor()
    predictor = Doubled().predictor(np.ones((2, 3), "float32"))
    assert predictor(np.ones((4, 3), "float32")).tolist() == [[2.0] * 3] * 4


def test_an_eager_model_has_no_predictor(make_classifier):
    with pytest.raises(ValueError, match="run_eagerly"):
        make_classifier(run_eagerly=True).predictor()


def test_a_predictor_outlives_its_model(make_classifier, x):
    predictor = make_classifier().predictor()
    assert predictor(x[:2]).shape == (2, 3)


def test_a_predictor_may_multiply_bfloat16():
    addax.utils.set_random_seed(3)
    model = addax.Sequential(
        [
            addax.Input((12, 12, 4)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(8, 3, strides=2),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )
    x = np.random.default_rng(0).normal(size=(3, 12, 12, 4)).astype("float32")
    exact, rough = model.predictor()(x), model.predictor(dtype="bfloat16")(x)
    assert rough.dtype == "float32"
    assert 0 < np.abs(rough - exact).max() <= 0.03 * np.abs(exact).max()
    with pytest.raises(ValueError, match="'float32' or 'bfloat16'"):
        model.predictor(dtype="float64")
