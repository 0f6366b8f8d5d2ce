"""Epochs over arrays run in the core; nobody can tell them from one Python call per batch."""

import signal
import threading
import time

import addax
import numpy as np
import pytest
from addax import layers

COUNT = 101  # 4 batches of 25, and one


class EachBatch(addax.callbacks.Callback):
    """Wants every batch, so that Python runs each step by itself."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("end", batch, logs["loss"]))


def build(metrics=("accuracy",), **kwargs):
    addax.utils.set_random_seed(3)
    model = addax.Sequential(
        [
            addax.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=list(metrics), **kwargs)
    return model


def arrays(dtype="float32"):
    generator = np.random.RandomState(0)
    x = generator.rand(COUNT, 4).astype(dtype)
    return x, (np.arange(COUNT) % 3).astype("int32")


def every_other(array):
    apart = np.zeros((2 * len(array), *array.shape[1:]), array.dtype)
    apart[::2] = array
    return apart[::2]


SETTINGS = {
    "plain": {},
    "in order": {"shuffle": False},
    "batches": {"shuffle": "batch"},
    "class weight": {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    "sample weight": {"sample_weight": np.linspace(0.1, 1.0, COUNT)},
    "steps": {"steps_per_epoch": 3},
    "more steps than batches": {"steps_per_epoch": 7},
    "split": {"validation_split": 0.25},
}
DATA = {
    "float32": lambda a: a,
    "float64": lambda a: a.astype("float64"),
    "float16": lambda a: a.astype("float16"),
    "rows apart": every_other,
    "backwards": lambda a: a[::-1].copy()[::-1],
    "columns first": np.asfortranarray,
    "big-endian": lambda a: a.astype(">f4"),
}


def results(data, callbacks, **settings):
    model = build()
    x, y = arrays()
    settings = {"epochs": 3, "batch_size": 25, "verbose": 0} | settings
    history = model.fit(DATA[data](x), y, callbacks=callbacks, **settings).history
    return history, model.get_weights(), model.predict(x, batch_size=25, verbose=0)


@pytest.mark.parametrize(
    "setting, data",
    [(setting, "float32") for setting in SETTINGS] + [("plain", data) for data in DATA],
)
def test_fit_gives_the_bits_of_one_call_per_batch(setting, data):
    history, weights, predicted = results(data, [EachBatch()], **SETTINGS[setting])
    again, same_weights, same_predicted = results(data, None, **SETTINGS[setting])
    assert again == history
    assert all(np.array_equal(a, b) for a, b in zip(weights, same_weights))
    assert np.array_equal(predicted, same_predicted)


def test_callbacks_that_want_each_batch_get_each():
    callback = EachBatch()
    model = build()
    model.fit(*arrays(), batch_size=25, epochs=2, verbose=0, callbacks=[callback])
    begun = [batch for kind, batch, *_ in callback.seen if kind == "begin"]
    ended = [batch for kind, batch, *_ in callback.seen if kind == "end"]
    assert begun == ended == [0, 1, 2, 3, 4] * 2


def test_steps_per_execution_groups_the_hooks():
    callback = EachBatch()
    build(steps_per_execution=2).fit(
        *arrays(), batch_size=25, steps_per_epoch=7, verbose=0, callbacks=[callback]
    )
    assert [entry[1] for entry in callback.seen if entry[0] == "begin"] == [0, 2, 4, 6]
    assert [entry[1] for entry in callback.seen if entry[0] == "end"] == [1, 3, 5, 6]


def test_evaluate_gives_the_bits_of_one_call_per_batch():
    class EachTestBatch(addax.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            pass

    model = build()
    x, y = arrays()
    for settings in ({}, {"sample_weight": np.linspace(0, 1, COUNT)}, {"steps": 2}, {"steps": 9}):
        each = model.evaluate(
            x, y, batch_size=25, verbose=0, callbacks=[EachTestBatch()], **settings
        )
        assert model.evaluate(x, y, batch_size=25, verbose=0, **settings) == each


def test_predict_joins_the_outputs_of_nested_models():
    class EachPrediction(addax.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            pass

    a, b = addax.Input((4,), name="a"), addax.Input((2,), name="b")
    both = layers.Concatenate()([a, b])
    outputs = {"sum": layers.Dense(3)(both), "parts": [layers.Dense(1)(a), layers.Dense(2)(b)]}
    model = addax.Model({"a": a, "b": b}, outputs)
    generator = np.random.RandomState(0)
    x = {"a": generator.rand(COUNT, 4), "b": generator.rand(COUNT, 2).astype("float32")}
    each = model.predict(x, batch_size=10, verbose=0, callbacks=[EachPrediction()])
    joined = model.predict(x, batch_size=10, verbose=0)
    assert sorted(joined) == sorted(each)
    assert np.array_equal(joined["sum"], each["sum"])
    assert all(np.array_equal(p, q) for p, q in zip(joined["parts"], each["parts"]))
    joined["sum"][0] = 0  # the caller's own
    assert not np.array_equal(model.predict(x, batch_size=10, verbose=0)["sum"], joined["sum"])


def test_predict_keeps_results_without_a_row_for_each_sample():
    class Whole(addax.Model):
        def call(self, x):
            return addax.ops.sum(x, axis=0)

    x = np.ones((10, 3), "float32")
    assert Whole().predict(x, batch_size=5, verbose=0).tolist() == [5.0] * 6


def test_an_interrupt_ends_a_long_epoch_soon():
    model = addax.Sequential([addax.Input((64,)), layers.Dense(256), layers.Dense(64)])
    model.compile("sgd", "mse")
    x = np.zeros((100_000, 64), "float32")
    model.fit(x[:64], x[:64], verbose=0)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        begin = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, x, batch_size=2, epochs=1000, verbose=0)
        assert time.perf_counter() - begin < 10
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert np.isfinite(model.evaluate(x[:64], x[:64], verbose=0))


def test_another_thread_can_stop_the_training():
    model = build()
    x, y = np.zeros((200_000, 4), "float32"), np.zeros(200_000, "int32")
    timer = threading.Timer(0.2, setattr, (model, "stop_training", True))
    timer.start()
    history = model.fit(x, y, batch_size=1, epochs=1000, verbose=0)
    timer.join()
    assert len(history.epoch) < 1000


def test_progress_bar_shows_all_steps(capsys):
    build().fit(*arrays(), batch_size=25, epochs=2, verbose=1)
    shown = capsys.readouterr().out
    assert shown.count("5/5") == 2
    assert "accuracy: " in shown and "loss: " in shown


def test_an_error_in_the_data_comes_out_and_the_model_stays_usable():
    model = addax.Sequential([addax.Input((3,), dtype="int32"), layers.Embedding(5, 2)])
    model.compile("sgd", "mse")
    x = np.zeros((60, 3), "int32")
    y = np.zeros((60, 3, 2), "float32")
    x[47, 1] = 7
    with pytest.raises(IndexError, match="7"):
        model.fit(x, y, batch_size=10, shuffle=False, verbose=0)
    x[47, 1] = 1
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])
