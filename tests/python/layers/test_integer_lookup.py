"""IntegerLookup gives what Keras 3.15.1 with TensorFlow gives; those numbers stand here."""

import json
import tracemalloc

import addax
import numpy as np
import pytest
from addax import Input, Model, layers
from addax.saving.serialization import deserialize_keras_object

VOCABULARY = [12, 36, 1138, 42]
INPUTS = np.array([[12, 1138, 42, 42], [42, 7, 36, -3]])
IDF = [0.25, 0.75, 0.6, 0.4]

# Options → what Keras makes of INPUTS.
KERAS = [
    ({}, [[1, 3, 4, 4], [4, 0, 2, 0]]),
    ({"mask_token": 7}, [[2, 4, 5, 5], [5, 0, 3, 1]]),
    ({"num_oov_indices": 3, "mask_token": 0}, [[4, 6, 7, 7], [7, 2, 5, 1]]),
    ({"output_mode": "multi_hot"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
    ({"output_mode": "count"}, [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
    (
        {"output_mode": "count", "mask_token": 7, "num_oov_indices": 2},
        [[0, 0, 1, 0, 1, 2], [0, 1, 0, 1, 0, 1]],
    ),
    (
        {"output_mode": "count", "max_tokens": 7, "pad_to_max_tokens": True},
        [[0, 1, 0, 1, 2, 0, 0], [2, 0, 1, 0, 1, 0, 0]],
    ),
    (
        {"output_mode": "tf_idf", "idf_weights": IDF},
        [[0, 0.25, 0, 0.6, 0.8], [1, 0, 0.75, 0, 0.4]],
    ),
    (
        {
            "output_mode": "tf_idf",
            "vocabulary": [-1, *VOCABULARY],
            "idf_weights": [0.9, *IDF],
            "max_tokens": 7,
            "pad_to_max_tokens": True,
        },
        [[0, 0.25, 0, 0.6, 0.8, 0, 0], [1.8, 0, 0.75, 0, 0.4, 0, 0]],
    ),
]


@pytest.mark.parametrize(("options", "expected"), KERAS)
def test_integers_become_places_or_vectors(options, expected, tmp_path):
    layer = layers.IntegerLookup(**{"vocabulary": VOCABULARY, **options})
    np.testing.assert_allclose(np.asarray(layer(INPUTS)), expected, rtol=1e-6)
    inputs = Input((4,), dtype="int64")
    outputs = layer(inputs)
    assert outputs.dtype == layer(INPUTS).dtype
    model = Model(inputs, outputs)
    assert model.output_shape == (None, np.shape(expected)[1])
    np.testing.assert_allclose(model.predict(INPUTS, verbose=0), expected, rtol=1e-6)
    with pytest.warns(UserWarning, match="IntegerLookup"):
        model.save(tmp_path / "m")
    loaded = addax.models.load_model(tmp_path / "m")
    np.testing.assert_allclose(loaded.predict(INPUTS, verbose=0), expected, rtol=1e-6)


def test_one_hot_vectors_stand_for_each_integer():
    layer = layers.IntegerLookup(vocabulary=VOCABULARY, output_mode="one_hot", mask_token=7)
    outputs = np.asarray(layer(INPUTS))
    assert outputs.shape == (2, 4, 5)
    np.testing.assert_array_equal(outputs[1], np.eye(5)[[4, 0, 2, 0]] * [[1], [0], [1], [1]])


def test_places_become_integers_again():
    layer = layers.IntegerLookup(vocabulary=VOCABULARY, invert=True)
    outputs = layer(np.array([[1, 3, 4], [4, 0, 9]]))
    np.testing.assert_array_equal(np.asarray(outputs), [[12, 1138, 42], [42, -1, -1]])
    masked = layers.IntegerLookup(vocabulary=VOCABULARY, invert=True, mask_token=0)
    outputs = masked(np.array([[0, 1, 2], [4, 5, -1]]))
    np.testing.assert_array_equal(np.asarray(outputs), [[0, -1, 12], [1138, 42, -1]])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 100, 1000])
def test_every_integer_of_a_vocabulary_of_any_size_is_found(size):
    tokens = np.random.default_rng(size).permutation(3 * size)[:size] * 10**12 - 10**14
    layer = layers.IntegerLookup(vocabulary=tokens)
    np.testing.assert_array_equal(np.asarray(layer(tokens)), np.arange(1, size + 1))
    np.testing.assert_array_equal(np.asarray(layer(tokens + 1)), np.zeros(size))
    back = layers.IntegerLookup(vocabulary=layer.get_vocabulary(), invert=True)
    np.testing.assert_array_equal(np.asarray(back(layer(tokens))), tokens)


DATA = np.array([[5, 5, 9, 2], [9, 5, -1, 7], [2, 9, 9, 0]])


def test_adapt_sorts_by_frequency_and_then_from_the_largest():
    layer = layers.IntegerLookup()
    layer.adapt(DATA)
    assert layer.get_vocabulary() == [-1, 9, 5, 2, 7, 0]
    capped = layers.IntegerLookup(max_tokens=4, mask_token=0)
    capped.adapt(row for row in DATA)
    assert capped.get_vocabulary() == [0, -1, 9, 5]
    assert capped.get_vocabulary(include_special_tokens=False) == [9, 5]
    assert capped.vocabulary_size() == 4


def test_adapt_passes_over_batches_without_numbers():
    layer = layers.IntegerLookup()
    layer.adapt(iter([np.array([4, 4, 9]), np.array([], int), np.array(9), np.array([[9]])]))
    assert layer.get_vocabulary() == [-1, 9, 4]


# What is adapted → the first row that Keras makes of DATA.
DOCUMENTS = [
    (DATA, [0, 0.5596, 1.3863, 0.6931, 0, 0]),
    (np.array([5, 5, 9]), [0.8047, 1.3863, 0.9163]),
]


@pytest.mark.parametrize(("data", "first"), DOCUMENTS)
def test_adapt_finds_the_weights_of_documents(data, first):
    layer = layers.IntegerLookup(output_mode="tf_idf")
    layer.adapt(data)
    outputs = np.asarray(layer(DATA))
    np.testing.assert_allclose(outputs[0], first, atol=1e-4)
    again = deserialize_keras_object(json.loads(json.dumps(layers.serialize(layer))))
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(np.asarray(again(DATA)), outputs)


def test_a_config_cannot_ask_for_much_memory():
    tracemalloc.start()
    options = {"output_mode": "tf_idf", "vocabulary": [3], "idf_weights": [1.0]}
    layer = layers.IntegerLookup(num_oov_indices=10**8, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert layer.vocabulary_size() == 10**8 + 1
    assert peak < 1e6


def test_keras_files_keep_the_weights_of_documents(tmp_path):
    pytest.importorskip("h5py")
    layer = layers.IntegerLookup(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True)
    layer.adapt(DATA)
    inputs = Input((4,), dtype="int64")
    model = Model(inputs, layer(inputs))
    model.save(tmp_path / "m.keras")
    loaded = addax.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(np.asarray(loaded(DATA)), np.asarray(model(DATA)))

    with pytest.raises(ValueError, match=r"shape \(2,\) in the file, for 9 places"):
        layer.load_own_variables({"idf_weights": np.ones(2)})


def test_a_config_of_keras_is_read():
    config = {
        **{"name": "l", "trainable": True, "dtype": "float32", "invert": False, "sparse": False},
        **{"max_tokens": None, "num_oov_indices": 1, "oov_token": -1, "mask_token": None},
        **{"output_mode": "int", "pad_to_max_tokens": False, "vocabulary_dtype": "int64"},
        **{"idf_weights": None, "vocabulary": VOCABULARY, "vocabulary_size": 5},
        **{"oov_method": "floormod", "salt": None},
    }
    layer = layers.IntegerLookup.from_config(config)
    read = layer.get_config()
    assert read.pop("dtype")["config"] == {"name": config.pop("dtype")}
    assert read == config


def test_unknown_integers_without_a_place_are_refused():
    layer = layers.IntegerLookup(vocabulary=VOCABULARY, num_oov_indices=0)
    np.testing.assert_array_equal(np.asarray(layer(np.array([12, 42]))), [0, 3])
    with pytest.raises(ValueError, match=r"found OOV values \[7, -3\]"):
        layer(INPUTS)


def test_a_vocabulary_is_to_be_known_before_a_call_and_is_given_once():
    with pytest.raises(ValueError, match="has no vocabulary"):
        layers.IntegerLookup()(INPUTS)
    with pytest.raises(ValueError, match="received no data"):
        layers.IntegerLookup().adapt([])
    with pytest.raises(ValueError, match="Cannot adapt layer"):
        layers.IntegerLookup(vocabulary=VOCABULARY).adapt(DATA)


REFUSED = [
    ({"max_tokens": 1}, "it must be greater than 1. Received: max_tokens=1"),
    ({"num_oov_indices": -1}, "must >= 0. Received: num_oov_indices=-1"),
    ({"pad_to_max_tokens": True}, "If pad_to_max_tokens is True, must set `max_tokens`."),
    ({"mask_token": "a"}, "`mask_token` must be an integer of 64 bits or None."),
    ({"oov_token": None}, "`oov_token` must be an integer of 64 bits. Received: oov_token=None"),
    ({"output_mode": "x"}, "Unknown value for `output_mode` argument of IntegerLookup."),
    ({"invert": True, "output_mode": "count"}, "`output_mode` must be `'int'` when"),
    ({"idf_weights": [1.0]}, "`idf_weights` should only be set if `output_mode` is `'tf_idf'`."),
    ({"vocabulary": [1], "output_mode": "tf_idf"}, "in TF-IDF output mode, the `idf_weights`"),
    ({"vocabulary_dtype": "int32"}, "Only `vocabulary_dtype='int64'` is supported"),
    ({"oov_method": "farmhash"}, "by `oov_method='floormod'` only"),
    ({"salt": 3}, "IntegerLookup has no `salt` in Addax."),
    ({"sparse": True}, "IntegerLookup has no `sparse` in Addax."),
    ({"vocabulary": []}, "Cannot set an empty vocabulary."),
    ({"vocabulary": "/etc/passwd"}, "A vocabulary is not read from a file."),
    ({"vocabulary": [1.5]}, "`vocabulary` must be a list of integers."),
    ({"vocabulary": [2**63]}, "must fit into 64 bits"),
    ({"vocabulary": [1, 2, 1]}, "The repeated terms are: [1]"),
    ({"vocabulary": [1, 2], "max_tokens": 2}, "size is 3; `max_tokens` is 2."),
    ({"vocabulary": [3, 4], "mask_token": 4}, "Found reserved mask token at unexpected location"),
    ({"vocabulary": [2, -1], "invert": True}, "Received: oov_token=-1 at vocabulary index 1"),
    (
        {"vocabulary": [1, 2], "output_mode": "tf_idf", "idf_weights": [1.0]},
        "len(idf_weights) is 1; len(vocabulary) is 2",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_a_bad_argument_is_a_value_error(options, message):
    with pytest.raises(ValueError) as error:
        layers.IntegerLookup(**options)
    assert message in str(error.value)


@pytest.mark.parametrize("value", [-1, 2.5, "x", [], 10**18, 10**30])
@pytest.mark.parametrize("key", layers.IntegerLookup(vocabulary=VOCABULARY).get_config())
def test_odd_values_are_refused_or_work(key, value):
    for mode in ("int", "count"):
        config = layers.IntegerLookup(vocabulary=VOCABULARY, output_mode=mode).get_config()
        try:
            layers.IntegerLookup.from_config({**config, key: value})(INPUTS)
        except (ValueError, TypeError, MemoryError) as error:
            assert str(error)
