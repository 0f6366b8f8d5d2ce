import io
import pickle

import numpy as np
import pytest
from addax import datasets
from addax.datasets.source import ArrayUnpickler


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder = tmp_path / "datasets"
    folder.mkdir()
    return folder


def test_mnist_reads_a_local_file(tmp_path):
    arrays = {
        "x_train": np.zeros((6, 28, 28), "uint8"),
        "y_train": np.arange(6, dtype="uint8"),
        "x_test": np.ones((2, 28, 28), "uint8"),
        "y_test": np.arange(2, dtype="uint8"),
    }
    path = tmp_path / "digits.npz"
    np.savez(path, **arrays)
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data(path=str(path))
    for got, name in (
        (x_train, "x_train"),
        (y_train, "y_train"),
        (x_test, "x_test"),
        (y_test, "y_test"),
    ):
        np.testing.assert_array_equal(got, arrays[name])


def test_missing_local_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        datasets.mnist.load_data(path=str(tmp_path / "nowhere.npz"))


def test_mnist_holds_no_pickles(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, x_train=np.array([[1], [1, 2]], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        datasets.mnist.load_data(path=str(path))


def test_boston_is_split_as_keras_does(tmp_path):
    path = tmp_path / "b.npz"
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    np.savez(path, x=x, y=y)
    (x_train, y_train), (x_test, y_test) = datasets.boston_housing.load_data(path=str(path))
    order = np.arange(10)
    np.random.RandomState(113).shuffle(order)
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y[order])
    np.testing.assert_array_equal(x_train[:, 0], 2 * y_train)
    assert len(y_train) == 8 and len(x_test) == 2
    with pytest.raises(ValueError, match="Invalid `test_split`"):
        datasets.boston_housing.load_data(path=str(path), test_split=1)


def test_california_small_is_the_first_600(tmp_path):
    path = tmp_path / "c.npz"
    np.savez(path, x=np.zeros((1000, 8)), y=np.zeros(1000))
    (x_train, _), (x_test, _) = datasets.california_housing.load_data("small", path=str(path))
    assert len(x_train) == 480 and len(x_test) == 120
    with pytest.raises(ValueError, match="Argument `version` must be"):
        datasets.california_housing.load_data("medium", path=str(path))


def words(tmp_path):
    path = tmp_path / "w.npz"
    texts = np.empty(4, dtype=object)
    texts[:] = [[1, 2, 3], [4], [5, 6, 7, 8], [9, 1]]
    labels = np.arange(4)
    np.savez(path, x_train=texts, y_train=labels, x_test=texts, y_test=labels, x=texts, y=labels)
    return str(path), texts


def test_imdb_shifts_and_limits_word_ids(tmp_path):
    path, texts = words(tmp_path)
    (x_train, y_train), (x_test, _) = datasets.imdb.load_data(path=path, num_words=8)
    assert len(x_train) == len(x_test) == 4
    for text, label in zip(x_train, y_train):
        expected = [1] + [w + 3 if w + 3 < 8 else 2 for w in texts[label]]
        assert text == expected
    (x_train, _), _ = datasets.imdb.load_data(path=path, num_words=8, oov_char=None)
    assert all(2 not in text for text in x_train)
    with pytest.raises(ValueError, match="no sequence was kept"):
        datasets.imdb.load_data(path=path, maxlen=2)
    (x_train, _), _ = datasets.imdb.load_data(path=path, maxlen=4)
    assert {len(text) for text in x_train} <= {2, 3}


def test_reuters_splits_and_names_its_topics(tmp_path):
    path, _ = words(tmp_path)
    (x_train, y_train), (x_test, y_test) = datasets.reuters.load_data(path=path, test_split=0.25)
    assert len(x_train) == 3 and len(x_test) == 1
    assert sorted([*y_train, *y_test]) == [0, 1, 2, 3]
    names = datasets.reuters.get_label_names()
    assert len(names) == 46 and names[0] == "cocoa" and names[-1] == "lead"


def test_cifar10_is_assembled_from_its_batches(cache):
    from addax.datasets import cifar

    folder = cache / "batches"
    folder.mkdir()
    data = np.arange(2 * 3072, dtype="uint8").reshape(2, 3072)
    (folder / "batch").write_bytes(pickle.dumps({b"data": data, b"labels": [3, 7]}, protocol=2))
    images, labels = cifar.load_batch(str(folder / "batch"))
    (x_train, y_train), (x_test, _) = cifar.assemble([(images, labels)] * 2, (images, labels))
    assert x_train.shape == (4, 32, 32, 3) and x_test.shape == (2, 32, 32, 3)
    assert y_train.tolist() == [[3], [7], [3], [7]] and y_train.dtype == np.uint8
    np.testing.assert_array_equal(x_test[0, :, :, 0].ravel(), data[0, :1024])


def test_cifar100_knows_two_kinds_of_labels():
    with pytest.raises(ValueError, match="`label_mode` must be one of"):
        datasets.cifar100.load_data("medium")


class Evil:
    def __reduce__(self):
        return print, ("code was run",)


def test_pickles_that_would_run_code_are_refused(capsys):
    for protocol in range(2, 5):
        content = pickle.dumps({"data": Evil()}, protocol=protocol)
        with pytest.raises(pickle.UnpicklingError, match="Refusing to deserialize"):
            ArrayUnpickler(io.BytesIO(content)).load()
    assert capsys.readouterr().out == ""


def test_unpickler_reads_arrays():
    content = pickle.dumps([np.arange(3), {"a": np.array([[1], [2]], dtype=object)}], protocol=2)
    array, rest = ArrayUnpickler(io.BytesIO(content)).load()
    np.testing.assert_array_equal(array, [0, 1, 2])
    assert rest["a"].shape == (2, 1)


def test_fashion_mnist_reads_idx_files(cache):
    import gzip

    folder = cache / "fashion-mnist"
    folder.mkdir()
    for kind, count in (("train", 3), ("t10k", 2)):
        images = bytes(16) + bytes(range(0, count)) * 784
        with gzip.open(folder / f"{kind}-images-idx3-ubyte.gz", "wb") as f:
            f.write(images)
        with gzip.open(folder / f"{kind}-labels-idx1-ubyte.gz", "wb") as f:
            f.write(bytes(8) + bytes(range(count)))
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    assert x_train.shape == (3, 28, 28) and x_test.shape == (2, 28, 28)
    assert y_train.tolist() == [0, 1, 2] and y_test.tolist() == [0, 1]
