import collections
import threading
import time

import addax
import numpy as np
import pytest
from addax import layers
from addax.trainers.data_adapters import get_data_adapter


def batches(*args, **kwargs):
    adapter = get_data_adapter(*args, **kwargs)
    found = list(adapter.batches())
    adapter.close()
    return found


@pytest.fixture
def model():
    found = addax.Sequential([addax.Input((2,)), layers.Dense(1)])
    found.compile(addax.optimizers.SGD(0.0), "mse")
    return found


X = np.arange(14.0, dtype="float32").reshape(7, 2)
Y = np.arange(7.0, dtype="float32")[:, None]


def test_contiguous_float32_batches_are_views():
    for x, y in batches(X, Y, batch_size=3):
        assert np.shares_memory(x, X) and np.shares_memory(y, Y)
    assert [len(x) for (x,) in batches(X, batch_size=3)] == [3, 3, 1]
    assert [len(x) for (x,) in batches(X)] == [7]


def test_memory_maps_are_read_batch_by_batch(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for (x,), start in zip(batches(mapped, batch_size=3), (0, 3, 6)):
        assert np.shares_memory(x, mapped)
        np.testing.assert_array_equal(x, X[start : start + 3])


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("float64", "float32"),
        ("float16", "float32"),
        (">f4", "float32"),
        ("int64", "int64"),
        ("int32", "int32"),
        ("int16", "int32"),
        ("uint16", "int32"),
        ("uint8", "uint8"),
        ("bool", "bool"),
    ],
)
def test_dtypes_become_those_of_the_model(given, becomes):
    x = (X % 2).astype(given)
    for (batch,) in batches(x, batch_size=3):
        assert batch.dtype == np.dtype(becomes) and batch.dtype.isnative
        assert batch.flags.c_contiguous
    shuffled = batches(x, batch_size=3, shuffle=True, next_generator=np.random.default_rng)
    assert all(batch.dtype == np.dtype(becomes) for (batch,) in shuffled)


def test_arrays_of_any_layout_give_contiguous_batches():
    for x in (np.asfortranarray(X), X[:, ::-1], X[::-1], np.repeat(X, 2, axis=0)[::2]):
        for shuffle in (False, True):
            found = batches(x, batch_size=3, shuffle=shuffle, next_generator=np.random.default_rng)
            assert all(batch.flags.c_contiguous for (batch,) in found)
            rows = np.concatenate([batch for (batch,) in found])
            assert sorted(rows.tolist()) == sorted(x.tolist())


def test_shuffling_keeps_rows_together():
    found = batches(X, Y, batch_size=3, shuffle=True, next_generator=np.random.default_rng)
    x, y = (np.concatenate(column) for column in zip(*found))
    np.testing.assert_array_equal(x[:, :1], 2 * y)
    assert sorted(y.ravel().tolist()) == list(range(7))


def test_batch_shuffling_moves_whole_batches():
    found = batches(Y, batch_size=2, shuffle="batch", next_generator=np.random.default_rng)
    starts = [int(y[0, 0]) for (y,) in found]
    assert sorted(starts) == [0, 2, 4, 6] and starts[-1] == 6
    assert all((np.diff(y.ravel()) == 1).all() for (y,) in found)


def test_nested_data_keep_their_nesting():
    x = {"a": X, "b": [X, (Y, Y)]}
    (first, second) = batches(x, Y, batch_size=4)
    assert first[0]["b"][1][0].shape == (4, 1) and second[0]["a"].shape == (3, 2)
    assert isinstance(first[0]["b"][1], tuple)


def test_lists_of_numbers_are_arrays(model):
    expected = model.predict(X, verbose=0)
    np.testing.assert_allclose(model.predict(X.tolist(), verbose=0), expected, rtol=1e-6)
    assert model.evaluate(X.tolist(), Y.ravel().tolist(), verbose=0) == pytest.approx(
        model.evaluate(X, Y, verbose=0), rel=1e-6
    )


def test_pandas_frames_and_series_are_arrays(model):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1].astype("int64")})
    expected = model.evaluate(X, Y, verbose=0)
    series = pandas.Series(Y[:, 0])
    assert model.evaluate(frame, series, verbose=0) == pytest.approx(expected, rel=1e-6)
    ((x, y),) = batches(frame, series)
    assert x.shape == (7, 2) and y.shape == (7, 1)
    mixed = pandas.DataFrame({"a": X[:, 0], "b": X[:, 0] > 3})
    ((x,),) = batches(mixed)
    assert x.dtype == np.float32
    with pytest.raises(ValueError, match="must hold numbers"):
        batches(pandas.DataFrame({"a": ["x", "y"]}))


class FakeTorchTensor:
    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, "torch.float32"

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array

    def __array__(self, *_):
        raise RuntimeError("must be detached first")


def test_torch_tensors_are_arrays():
    ((x,),) = batches(FakeTorchTensor(X))
    assert np.shares_memory(x, X)


DataLoader = type(
    "DataLoader",
    (),
    {
        "__module__": "torch.utils.data.dataloader",
        "__iter__": lambda self: iter([[FakeTorchTensor(X), FakeTorchTensor(Y)]] * 2),
        "__len__": lambda self: 2,
    },
)


class TensorFlowDataset:
    def as_numpy_iterator(self):
        return iter([(X, Y), (X, Y)])

    def __len__(self):
        return 2


@pytest.mark.parametrize("make", [DataLoader, TensorFlowDataset])
def test_data_sets_of_other_libraries_can_be_read_again(model, make):
    history = model.fit(make(), epochs=3, verbose=0, validation_data=make())
    expected = model.evaluate(X, Y, verbose=0)
    assert history.history["loss"] == pytest.approx([expected] * 3, rel=1e-6)
    assert history.history["val_loss"] == pytest.approx([expected] * 3, rel=1e-6)
    assert model.predict(make(), verbose=0).shape == (14, 1)


def test_generators_feed_fit_evaluate_and_predict(model):
    def generator():
        while True:
            yield X, Y

    expected = model.evaluate(X, Y, verbose=0)
    history = model.fit(generator(), steps_per_epoch=3, epochs=2, verbose=0)
    assert history.history["loss"] == pytest.approx([expected] * 2, rel=1e-6)
    assert model.evaluate(generator(), steps=2, verbose=0) == pytest.approx(expected, rel=1e-6)
    assert model.predict(generator(), steps=2, verbose=0).shape == (14, 1)
    weighted = ((X, Y, np.zeros(7)) for _ in range(2))
    assert model.evaluate(weighted, verbose=0) == 0.0
    assert model.predict(((X,) for _ in range(2)), verbose=0).shape == (14, 1)


def test_generator_of_unknown_length_ends_the_epoch_and_the_training(model):
    with pytest.warns(UserWarning, match="Your input ran out of data; interrupting training"):
        history = model.fit(((X, Y) for _ in range(3)), epochs=5, verbose=0)
    assert len(history.history["loss"]) == 1


def test_generator_that_ends_too_early_is_warned_of(model):
    with pytest.warns(UserWarning, match="Your input ran out of data"):
        history = model.fit(((X, Y) for _ in range(3)), steps_per_epoch=2, epochs=5, verbose=0)
    assert history.epoch == [0, 1]


class Squares(addax.utils.PyDataset):
    def __init__(self, count=4, log=None, delay=0.0, **kwargs):
        super().__init__(**kwargs)
        self.count, self.log, self.delay = count, log if log is not None else [], delay

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if self.delay:
            time.sleep(self.delay * (self.count - index))
        self.log.append((index, threading.current_thread().name))
        return np.full((2, 2), index, "float64"), np.full((2, 1), index**2)

    def on_epoch_begin(self):
        self.log.append("begin")

    def on_epoch_end(self):
        self.log.append("end")


def test_py_dataset_is_read_in_order_and_told_of_epochs(model):
    log = []
    model.fit(Squares(log=log), epochs=2, shuffle=False, verbose=0)
    names = [entry if isinstance(entry, str) else entry[0] for entry in log]
    assert names == ["begin", 0, 1, 2, 3, "end"] * 2


def test_py_dataset_is_shuffled_by_batch(model):
    log = []
    model.fit(Squares(20, log=log), verbose=0)
    order = [entry[0] for entry in log if not isinstance(entry, str)]
    assert order != list(range(20)) and sorted(order) == list(range(20))


def test_workers_make_batches_ahead_and_in_order():
    log = []
    found = batches(Squares(6, log=log, delay=0.002, workers=3, max_queue_size=4))
    assert [int(x[0, 0]) for x, _ in found] == list(range(6))
    assert len({entry[1] for entry in log if entry not in ("begin", "end")}) > 1
    assert not [t for t in threading.enumerate() if t.name.startswith("addax-data")]


def test_worker_processes_make_batches():
    found = batches(Squares(3, workers=2, use_multiprocessing=True))
    assert [int(y[0, 0]) for _, y in found] == [0, 1, 4]


def test_failure_of_a_worker_comes_out_as_itself(model):
    class Failing(Squares):
        def __getitem__(self, index):
            if index == 2:
                raise KeyError("boo")
            return super().__getitem__(index)

    for workers in (1, 3):
        with pytest.raises(KeyError, match="boo"):
            model.fit(Failing(workers=workers), verbose=0, shuffle=False)
    model.fit(Squares(), verbose=0)


def test_endless_py_dataset_needs_steps(model):
    class Endless(addax.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return X, Y

    history = model.fit(Endless(), steps_per_epoch=5, epochs=2, verbose=0)
    assert history.params["steps"] == 5


def test_py_dataset_without_super_init_is_warned_of(model):
    class Careless(Squares):
        def __init__(self):
            self.count, self.log, self.delay = 2, [], 0

    with pytest.warns(UserWarning, match=r"should call `super\(\).__init__"):
        model.fit(Careless(), verbose=0)


def test_class_weight_works_with_a_py_dataset(make_classifier):
    class Classes(addax.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return np.ones((6, 4), "float32"), np.arange(6) % 3

    model = make_classifier(optimizer=addax.optimizers.SGD(0.0))
    x, y = Classes()[0]
    got = model.fit(Classes(), class_weight={0: 5.0}, verbose=0).history["loss"]
    expected = model.fit(x, y, class_weight={0: 5.0}, verbose=0).history["loss"]
    assert got == pytest.approx(expected, rel=1e-6)


def test_named_tuples_keep_their_type():
    Pair = collections.namedtuple("Pair", "a b")
    ((x,),) = batches(Pair(X, Y))
    assert isinstance(x, Pair) and x.b.shape == (7, 1)
