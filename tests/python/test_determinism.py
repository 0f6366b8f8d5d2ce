"""Results hang on seeds alone: not on the number of threads, on who asks, or on what ran before.
Threads and forked children do not hang.
"""

import gc
import os
import signal
import threading
import time

import addax
import numpy as np
import pytest
from addax import layers


def dense():
    return [
        addax.Input((200,)),
        layers.Dense(300, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.3),
        layers.Dense(100, activation="gelu"),
        layers.LayerNormalization(),
        layers.Dense(5),
    ]


def convolutional():
    return [
        addax.Input((200,)),
        layers.Reshape((10, 20, 1)),
        layers.Conv2D(16, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(),
        layers.SeparableConv2D(24, 3, activation="relu"),
        layers.SpatialDropout2D(0.2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5),
    ]


def recurrent():
    return [
        addax.Input((200,)),
        layers.Reshape((20, 10)),
        layers.Bidirectional(layers.LSTM(16, return_sequences=True)),
        layers.GRU(16, dropout=0.1),
        layers.Dense(5),
    ]


def embedded():
    return [
        addax.Input((200,)),
        layers.Lambda(lambda x: addax.ops.cast(x * 50, "int32")),
        layers.Embedding(50, 24),
        layers.MaxPooling1D(10),
        layers.GlobalMaxPooling1D(),
        layers.Dense(5),
    ]


def trained(make, **kwargs):
    """Weights and predictions after a training with dropout and shuffling."""
    addax.utils.set_random_seed(11)
    model = addax.Sequential(make())
    loss = addax.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(addax.optimizers.Adam(0.01), loss, **kwargs)
    random = np.random.RandomState(0)
    x = random.rand(150, 200).astype("float32")
    model.fit(x, random.randint(0, 5, 150), batch_size=64, epochs=2, verbose=0)
    return [*model.get_weights(), model.predict(x, verbose=0)]


def assert_same_bits(a, b):
    for x, y in zip(a, b, strict=True):
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes(), np.abs(x - y).max()


@pytest.mark.parametrize("make", [dense, convolutional, recurrent, embedded])
def test_a_seed_gives_the_same_weights_bit_for_bit_with_1_2_and_3_threads(make):
    results = []
    for threads in (1, 2, 3):
        with addax.config.threads(threads):
            results.append(trained(make))
    assert_same_bits(results[0], results[1])
    assert_same_bits(results[0], results[2])


def test_a_seed_gives_the_same_weights_again_and_another_seed_others():
    first = trained(dense)
    addax.random.normal((3,))  # the global generator has moved on
    assert_same_bits(first, trained(dense))
    addax.utils.set_random_seed(12)
    other = addax.Sequential(dense()).get_weights()
    assert not np.array_equal(first[0], other[0])


def test_the_number_of_threads_is_read_and_set():
    before = addax.config.num_threads()
    with addax.config.threads(3):
        assert addax.config.num_threads() == 3
        addax.config.set_num_threads(2)
        assert addax.config.num_threads() == 2
    assert addax.config.num_threads() == before
    with pytest.raises(ZeroDivisionError), addax.config.threads(1):
        1 / 0  # noqa: B018
    assert addax.config.num_threads() == before
    for wrong in (0, -1, 1.5, "2", True, 10**30):
        with pytest.raises(ValueError, match="number of threads must be"):
            addax.config.set_num_threads(wrong)
    assert addax.config.num_threads() == before


def in_child(run, seconds=60):
    """Runs a function in a forked child; its array comes back through a pipe."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(np.asarray(run()).tobytes())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    deadline = time.monotonic() + seconds
    with os.fdopen(reading, "rb") as pipe:
        os.set_blocking(pipe.fileno(), False)
        received = b""
        while time.monotonic() < deadline:
            part = pipe.read()
            if part == b"":
                break
            received += part or b""
            if part is None:
                time.sleep(0.01)
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pytest.fail("the forked child hangs")
    assert os.waitpid(pid, 0)[1] == 0
    return received


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_forked_child_computes_after_the_parent_used_threads(threads):
    random = np.random.RandomState(0)
    a = random.rand(700, 700).astype("float32")

    def product():
        return addax.ops.convert_to_numpy(addax.ops.matmul(a, a))

    with addax.config.threads(threads):
        wanted = product().tobytes()
        assert in_child(product) == wanted
        assert in_child(lambda: in_child(product) == wanted) == np.array(True).tobytes()
        assert product().tobytes() == wanted, "the parent computes on"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_trains_and_predicts_as_its_parent():
    with addax.config.threads(2):
        wanted = trained(dense)[-1]
        assert in_child(lambda: trained(dense)[-1]) == wanted.tobytes()


def test_several_threads_predict_with_one_model():
    addax.utils.set_random_seed(0)
    model = addax.Sequential(dense())
    random = np.random.RandomState(0)
    batches = [random.rand(n, 200).astype("float32") for n in (1, 3, 32, 150)]
    wanted = [model.predict(x, verbose=0) for x in batches]
    wrong = []

    def work(first):
        for i in range(40):
            k = (first + i) % len(batches)
            try:
                y = model.predict(batches[k], verbose=0)
                if y.tobytes() != wanted[k].tobytes():
                    wrong.append((first, i, k))
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def test_models_of_their_own_train_in_several_threads():
    wanted = trained(dense)[:-1]
    addax.utils.set_random_seed(0)
    random = np.random.RandomState(0)
    x, y = random.rand(64, 8).astype("float32"), random.rand(64, 1).astype("float32")

    def make():
        ones = addax.initializers.Constant(0.1)
        model = addax.Sequential(
            [
                addax.Input((8,)),
                layers.Dense(16, activation="tanh", kernel_initializer=ones),
                layers.Dense(1, kernel_initializer=ones),
            ]
        )
        model.compile("adam", "mse")
        return model

    models = [make() for _ in range(4)]
    reference = make()
    reference.fit(x, y, epochs=5, shuffle=False, verbose=0)
    errors = []

    def work(model):
        try:
            model.fit(x, y, epochs=5, shuffle=False, verbose=0)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not errors
    for model in models:
        assert_same_bits(model.get_weights(), reference.get_weights())
    assert_same_bits(wanted, trained(dense)[:-1])


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")


@needs_proc
@pytest.mark.parametrize("way", ["fit", "train_on_batch"])
def test_memory_stays_flat_over_20000_steps(way):
    addax.utils.set_random_seed(0)
    model = addax.Sequential(
        [
            addax.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    x, y = np.ones((2000, 4), "float32"), np.ones((2000, 1), "float32")

    def steps(count):
        if way == "fit":
            model.fit(x, y, batch_size=1, epochs=count // 2000, verbose=0)
        else:
            for i in range(count):
                model.train_on_batch(x[i % 2000 : i % 2000 + 1], y[i % 2000 : i % 2000 + 1])

    steps(2000)
    gc.collect()
    before = resident_bytes()
    steps(20000)
    gc.collect()
    assert resident_bytes() - before < 1 << 20
