import random

import addax
import numpy as np
import pytest
from addax import utils


def test_to_categorical_is_one_hot_in_float64():
    got = utils.to_categorical([0, 2, 1])
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, np.eye(3)[[0, 2, 1]])
    assert utils.to_categorical(np.array([[0], [1]])).shape == (2, 2)
    assert utils.to_categorical([[0, 1], [1, 0]]).shape == (2, 2, 2)
    assert utils.to_categorical([1, 0], num_classes=4).shape == (2, 4)
    assert utils.to_categorical([], num_classes=3).shape == (0, 3)


def test_to_categorical_refuses_ids_out_of_range():
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 1 with size 3"):
        utils.to_categorical([5], num_classes=3)
    with pytest.raises(ValueError, match="NaN"):
        utils.to_categorical([np.nan])


def test_normalize_divides_by_the_norm_and_keeps_zeros():
    x = np.array([[3.0, 4.0], [0, 0]])
    np.testing.assert_allclose(utils.normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(utils.normalize(x, axis=0, order=1), [[1, 1], [0, 0]])
    np.testing.assert_allclose(utils.normalize([1.0, 2, 3]), np.array([1, 2, 3]) / 14**0.5)


def test_pad_sequences_pads_and_cuts_at_the_front_by_default():
    got = utils.pad_sequences([[1, 2, 3], [4]], maxlen=2)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, [[2, 3], [0, 4]])


def test_pad_sequences_can_pad_at_the_end():
    got = utils.pad_sequences(
        [[1, 2, 3], [4], []], padding="post", truncating="post", dtype="float32", value=-1
    )
    np.testing.assert_array_equal(got, [[1, 2, 3], [4, -1, -1], [-1, -1, -1]])


def test_pad_sequences_pads_rows_of_vectors():
    got = utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]])
    np.testing.assert_array_equal(got, [[[0, 0], [1, 2]], [[3, 4], [5, 6]]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"sequences": 3}), "`sequences` must be iterable"),
        (({"sequences": [1, 2]}), "must be a list of iterables. Found non-iterable: 1"),
        (({"sequences": [[1]], "padding": "x"}), 'Padding type "x" not understood'),
        (({"sequences": [[1]], "truncating": "x"}), 'Truncating type "x" not understood'),
        (({"sequences": [["a"]], "value": "b"}), "is not compatible with `value`'s type"),
        (({"sequences": [[[1, 2]], [[1]]]}), "is different from expected shape"),
    ],
)
def test_pad_sequences_names_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        utils.pad_sequences(**arguments)


def test_set_random_seed_seeds_all_three_generators():
    def draw():
        utils.set_random_seed(7)
        return random.random(), np.random.rand(), addax.random.normal((3,)).numpy().tolist()

    assert draw() == draw()


def test_set_random_seed_wants_an_integer():
    with pytest.raises(ValueError, match="Expected `seed` argument to be an integer"):
        utils.set_random_seed("a")


def test_batches_are_unpacked_and_packed():
    unpack, pack = utils.unpack_x_y_sample_weight, utils.pack_x_y_sample_weight
    assert unpack(1) == (1, None, None)
    assert unpack((1,)) == (1, None, None)
    assert unpack((1, 2)) == (1, 2, None)
    assert unpack([1, 2, 3]) == (1, 2, 3)
    assert pack(1) == 1
    assert pack([1]) == ([1],)
    assert pack(1, 2) == (1, 2)
    assert pack(1, 2, 3) == (1, 2, 3)
    with pytest.raises(ValueError, match="Data is expected to be in format"):
        unpack((1, 2, 3, 4))


def test_split_dataset_by_fraction_and_count():
    x, y = np.arange(10.0), np.arange(10)
    left, right = utils.split_dataset((x, y), left_size=0.8)
    assert len(left) == 8 and len(right) == 2
    np.testing.assert_array_equal([a for a, _ in right], [8, 9])
    left, right = utils.split_dataset(x, right_size=3, shuffle=True, seed=1)
    assert len(left) == 7 and len(right) == 3
    assert sorted([*left, *right]) == list(range(10))
    batches = list(left.batch(4))
    assert [len(b) for b in batches] == [4, 3]


@pytest.mark.parametrize(
    ("data", "sizes", "error", "message"),
    [
        (np.arange(5), {}, ValueError, "At least one of the `left_size`"),
        (np.arange(5), {"left_size": 9}, ValueError, "should be either a positive integer"),
        (np.arange(5), {"left_size": "a"}, TypeError, "Invalid `left_size` Type"),
        (np.arange(5), {"left_size": 0.9, "right_size": 0.9}, ValueError, "greater than 1"),
        ([], {"left_size": 1}, ValueError, "Received an empty list dataset"),
        ([np.arange(2), np.arange(3)], {"left_size": 1}, ValueError, "different lengths"),
    ],
)
def test_split_dataset_names_what_is_wrong(data, sizes, error, message):
    with pytest.raises(error, match=message):
        utils.split_dataset(data, **sizes)


def test_timeseries_windows_meet_their_targets():
    data = np.arange(10)
    ((x, y),) = list(
        utils.timeseries_dataset_from_array(data, data + 100, 3, sampling_rate=2, sequence_stride=2)
    )
    np.testing.assert_array_equal(x, [[0, 2, 4], [2, 4, 6], [4, 6, 8]])
    np.testing.assert_array_equal(y, [100, 102, 104])


def test_timeseries_part_of_the_data_can_be_chosen():
    ((x,),) = list(
        utils.timeseries_dataset_from_array(np.arange(10), None, 2, start_index=3, end_index=6)
    )
    np.testing.assert_array_equal(x, [[3, 4], [4, 5]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_index": -1}, "`start_index` must be 0 or greater"),
        ({"start_index": 20}, "`start_index` must be lower than the length"),
        ({"end_index": 20}, "`end_index` must be lower than the length"),
        ({"start_index": 3, "end_index": 2}, "`end_index` must be higher than `start_index`"),
        ({"sampling_rate": 0}, "`sampling_rate` must be higher than 0"),
        ({"sequence_stride": 11}, "`sequence_stride` must be lower"),
    ],
)
def test_timeseries_names_what_is_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        utils.timeseries_dataset_from_array(np.arange(10), None, 3, **arguments)


def test_every_public_name_of_utils_exists():
    for name in utils.__all__:
        assert getattr(utils, name) is not None, name
    assert utils.Sequence is utils.PyDataset
