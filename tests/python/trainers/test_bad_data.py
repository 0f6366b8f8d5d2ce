"""Bad data: an exception of the type of Keras that names what is wrong, and a model that stays
usable.
"""

import addax
import numpy as np
import pytest
from addax import layers


def fails(error, message, run, *args, **kwargs):
    with pytest.raises(error, match=message):
        run(*args, **kwargs)


def test_using_a_model_before_compile(data):
    model = addax.Sequential([addax.Input((4,)), layers.Dense(3)])
    message = r"You must call `compile\(\)` before using the model"
    for method in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
        fails(ValueError, message, method, *data)


def test_arrays_of_different_lengths(classifier, data):
    x, y = data
    fails(
        ValueError,
        "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples."
        "'x' sizes: 70\n'y' sizes: 5\n",
        lambda: classifier.fit(x, y[:5], verbose=0),
    )
    fails(
        ValueError,
        "'x' sizes: 70, 4\n'y' sizes: 70\n",
        lambda: classifier.fit({"a": x, "b": x[:4]}, y, verbose=0),
    )
    fails(
        ValueError,
        "'sample_weight' sizes: 3",
        lambda: classifier.fit(x, y, sample_weight=np.ones(3), verbose=0),
    )


def test_empty_data(classifier, data):
    x, y = data[0][:0], data[1][:0]
    fails(ValueError, "The data is empty", lambda: classifier.fit(x, y, verbose=0))
    fails(ValueError, "The data is empty", lambda: classifier.evaluate(x, y, verbose=0))
    fails(ValueError, "The data is empty", lambda: classifier.predict(x, verbose=0))
    fails(ValueError, "The data is empty", lambda: classifier.predict([], verbose=0))
    fails(ValueError, "`x` holds no arrays", lambda: classifier.predict({}, verbose=0))
    fails(ValueError, "Unrecognized data type", lambda: classifier.predict(None, verbose=0))
    fails(ValueError, "holds no batch|length 0", lambda: classifier.fit(Empty(), verbose=0))
    fails(
        ValueError,
        "must yield at least one batch",
        lambda: classifier.fit((i for i in ()), verbose=0),
    )


class Empty(addax.utils.PyDataset):
    def __len__(self):
        return 0


def test_ragged_lists_and_arrays_of_objects(classifier):
    fails(
        ValueError,
        "`x` is a list whose rows have different lengths",
        lambda: classifier.predict([[1, 2, 3, 4], [3]], verbose=0),
    )
    fails(
        ValueError,
        "`y` is a list whose rows have different lengths",
        lambda: classifier.fit(np.ones((2, 4)), [[1, 2], [3]], verbose=0),
    )
    ragged = np.array([[1, 2], [3]], dtype=object)
    fails(ValueError, "Invalid dtype: object", lambda: classifier.predict(ragged, verbose=0))
    fails(
        ValueError,
        "Invalid dtype: str",
        lambda: classifier.predict(np.array(["a", "b"]), verbose=0),
    )
    fails(
        ValueError,
        "Invalid dtype: complex128",
        lambda: classifier.predict(np.ones((2, 4), complex), verbose=0),
    )


@pytest.mark.parametrize("x", ["abc", {1, 2}, 3.0, object(), lambda: 3])
def test_things_that_are_no_data(classifier, x):
    fails(ValueError, "Unrecognized data type: x=", lambda: classifier.fit(x, verbose=0))


def test_numbers_without_a_batch_axis(classifier):
    fails(
        ValueError,
        "the arrays must be at least rank 1",
        lambda: classifier.predict(np.float32(3), verbose=0),
    )


def test_wrong_shapes_name_the_layer_and_both_shapes(classifier, data):
    x, y = data
    for run in (
        lambda: classifier.fit(x[:, :3], y, verbose=0),
        lambda: classifier.evaluate(x[:, :3], y, verbose=0),
        lambda: classifier.predict(x[:, :3], verbose=0),
        lambda: classifier.predict(x[:1, :3], verbose=0),
    ):
        with pytest.raises(ValueError, match="incompatible") as raised:
            run()
        assert "4" in str(raised.value) and "3)" in str(raised.value)
    fails(ValueError, "incompatible", lambda: classifier.predict(x[:, None, None], verbose=0))
    assert classifier.predict(x, verbose=0).shape == (70, 3)


def test_labels_out_of_range_are_an_error_and_not_a_crash(classifier, data):
    x, y = data
    before = classifier.get_weights()
    for bad in (y + 5, y - 1):
        fails((ValueError, IndexError), "label", classifier.fit, x, bad, verbose=0)
    for a, b in zip(before, classifier.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert len(classifier.fit(x, y, verbose=0).history["loss"]) == 1


def test_embedding_ids_out_of_range_are_an_error_and_not_a_crash():
    model = addax.Sequential([layers.Embedding(10, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    good = np.arange(8).reshape(4, 2)
    model.fit(good, np.ones((4, 1)), verbose=0)
    for bad in (good + 5, good - 20):
        fails((ValueError, IndexError), "range", model.predict, bad, verbose=0)
        fails((ValueError, IndexError), "range", model.fit, bad, np.ones((4, 1)), verbose=0)
    assert model.predict(good, verbose=0).shape == (4, 1)


def test_targets_that_do_not_fit_the_outputs(data):
    x, _ = data
    model = addax.Sequential([addax.Input((4,)), layers.Dense(3)])
    for loss in ("mse", "categorical_crossentropy"):
        model.compile("sgd", loss)
        fails((ValueError, TypeError), "shape", lambda: model.fit(x, x, verbose=0))


def test_missing_targets_and_losses(classifier, data):
    fails(ValueError, "have no targets|no targets", lambda: classifier.fit(data[0], verbose=0))
    model = addax.Sequential([addax.Input((4,)), layers.Dense(3)])
    model.compile("sgd")
    fails(ValueError, "No loss to compute. Provide a `loss`", lambda: model.fit(*data, verbose=0))


def test_arguments_that_do_not_go_with_the_data(classifier, data):
    x, y = data

    def generator():
        while True:
            yield x, y

    fit = classifier.fit
    fails(
        ValueError,
        "When providing `x` as a generator, `y` should not be passed",
        lambda: fit(generator(), y),
    )
    fails(
        ValueError,
        "`sample_weights` should not be passed",
        lambda: fit(generator(), sample_weight=y),
    )
    fails(
        ValueError,
        "Argument `class_weight` is not supported for Python generator inputs",
        lambda: fit(generator(), class_weight={0: 1}),
    )
    fails(
        ValueError,
        "Argument `validation_split` is only supported for tensors or NumPy arrays",
        lambda: fit(generator(), validation_split=0.5),
    )
    fails(
        ValueError,
        "You cannot `class_weight` and `sample_weight` at the same time",
        lambda: fit(x, y, class_weight={0: 1}, sample_weight=np.ones(70), verbose=0),
    )


def test_batches_of_a_wrong_form(classifier, data):
    x, y = data
    fails(
        ValueError,
        "the generator must return a tuple",
        lambda: classifier.fit(([1] for _ in range(3)), verbose=0),
    )
    fails(
        ValueError,
        "Data is expected to be in format `x`",
        lambda: classifier.fit(((x, y, y, y) for _ in range(3)), verbose=0),
    )

    class Wrong(addax.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return "wrong"

    fails(ValueError, r"__getitem__\(\) must return a tuple", lambda: classifier.fit(Wrong()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": -1}, "`batch_size` must be a positive integer"),
        ({"batch_size": 2.5}, "`batch_size` must be a positive integer"),
        ({"validation_split": 1.5}, "`validation_split` must be between 0 and 1"),
        ({"validation_split": 0.999}, "Training data contains 70 samples, which is not sufficient"),
        ({"validation_freq": "a", "validation_split": 0.5}, "Expected `validation_freq` to be"),
        ({"validation_data": (1, 2, 3, 4)}, "Data is expected to be in format"),
        ({"callbacks": [3]}, "`callbacks` must be `Callback` objects"),
        ({"callbacks": [addax.callbacks.History]}, "`callbacks` must be `Callback` objects"),
    ],
)
def test_arguments_of_fit_that_make_no_sense(classifier, data, arguments, message):
    fails(ValueError, message, lambda: classifier.fit(*data, verbose=0, **arguments))


def test_nan_trains_to_nan_without_a_crash(classifier, data):
    x, y = data
    assert np.isnan(classifier.fit(x * np.nan, y, verbose=0).history["loss"][0])
