"""Whatever raises in the middle of a training comes out as itself, and the model stays usable."""

import gc
import os
import signal

import addax
import numpy as np
import pytest


class Boom(Exception):
    pass


def raising(hook, at=1):
    def run(self, index=None, logs=None):
        if not isinstance(index, int) or index == at:
            raise Boom(hook)

    return type("Raising", (addax.callbacks.Callback,), {hook: run})()


HOOKS = [
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_end",
    "on_test_end",
]


@pytest.mark.parametrize("hook", HOOKS)
def test_model_stays_usable_after_a_callback_raised(classifier, data, hook):
    with pytest.raises(Boom, match=hook):
        classifier.fit(*data, epochs=3, validation_split=0.5, verbose=0, callbacks=[raising(hook)])
    history = classifier.fit(*data, epochs=2, validation_split=0.5, verbose=0)
    assert len(history.history["val_loss"]) == 2
    assert classifier.predict(data[0], verbose=0).shape == (70, 3)


def test_model_stays_usable_after_a_generator_raised(classifier, data):
    def generator():
        yield data
        yield data
        raise Boom("generator")

    with pytest.raises(Boom, match="generator"):
        classifier.fit(generator(), verbose=0)
    assert np.isfinite(classifier.fit(*data, verbose=0).history["loss"][0])


def test_model_stays_usable_after_a_layer_raised_while_it_was_recorded(data):
    class Moody(addax.layers.Layer):
        angry = False

        def call(self, x):
            if self.angry:
                raise Boom("layer")
            return x

    moody = Moody()
    model = addax.Sequential([addax.Input((4,)), addax.layers.Dense(1), moody])
    model.compile("sgd", "mse")
    moody.angry = True
    with pytest.raises(Boom):
        model.fit(*data, verbose=0)
    moody.angry = False
    assert np.isfinite(model.fit(*data, verbose=0).history["loss"][0])
    assert addax.ops.convert_to_numpy(addax.ops.ones(2) + 1).tolist() == [2.0, 2.0]


def test_interrupt_ends_the_training_at_once_and_keeps_the_model(classifier, data):
    class Interrupt(addax.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        classifier.fit(*data, epochs=100, batch_size=5, verbose=0, callbacks=[Interrupt()])
    assert np.isfinite(classifier.fit(*data, verbose=0).history["loss"][0])


def test_workers_end_when_the_training_fails(classifier):
    import threading

    class Endless(addax.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            if index == 5:
                raise Boom("worker")
            return np.ones((2, 4), "float32"), np.zeros(2, "int32")

    with pytest.raises(Boom):
        classifier.fit(Endless(workers=3), steps_per_epoch=20, verbose=0)
    assert not [t for t in threading.enumerate() if t.name.startswith("addax-data")]


def resident_memory():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
def test_memory_is_flat_over_many_steps():
    model = addax.Sequential([addax.Input((2,)), addax.layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    x, y = np.ones((2000, 2), "float32"), np.ones((2000, 2), "float32")
    model.fit(x, y, batch_size=2, epochs=2, verbose=0)
    gc.collect()
    before = resident_memory()
    model.fit(x, y, batch_size=2, epochs=20, verbose=0)  # 20,000 steps
    gc.collect()
    assert resident_memory() - before < 1 << 20


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
def test_memory_is_flat_over_many_predictions(classifier, data):
    x = data[0][:1]
    for _ in range(200):
        classifier.predict(x, verbose=0)
    gc.collect()
    before = resident_memory()
    for _ in range(5000):
        classifier.predict(x, verbose=0)
    assert resident_memory() - before < 1 << 20
