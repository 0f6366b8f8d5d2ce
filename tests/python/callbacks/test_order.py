import addax
import numpy as np
import pytest
from addax.callbacks import Callback, CallbackList, History, ProgbarLogger

HOOKS = [
    f"on_{what}_{when}"
    for what in ("train", "test", "predict", "epoch", "train_batch", "test_batch", "predict_batch")
    for when in ("begin", "end")
]


def recorder():
    calls = []

    def hook(name):
        return lambda self, *args, **kwargs: calls.append((name, *args, *kwargs.values()))

    return type("Recorder", (Callback,), {name: hook(name) for name in HOOKS})(), calls


def test_hooks_of_fit_come_in_the_order_of_keras(make_model):
    callback, calls = recorder()
    x = np.zeros((8, 3), "float32")
    make_model().fit(
        x, x[:, 0], batch_size=2, validation_split=0.5, verbose=0, callbacks=[callback]
    )
    assert [call[0] for call in calls] == [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]
    by_name = {call[0]: call[1:] for call in calls}
    assert by_name["on_train_begin"] == ({},)
    assert by_name["on_epoch_begin"] == (0, {})
    assert by_name["on_train_batch_begin"] == (1, {})
    assert by_name["on_train_batch_end"][0] == 1
    assert list(by_name["on_train_batch_end"][1]) == ["loss", "mae"]
    assert all(type(v) is float for v in by_name["on_train_batch_end"][1].values())
    assert list(by_name["on_test_end"][0]) == ["loss", "mae"]
    names = ["loss", "mae", "val_loss", "val_mae"]
    assert list(by_name["on_epoch_end"][1]) == names
    assert list(by_name["on_train_end"][0]) == names


def test_hooks_of_evaluate_and_predict(make_model):
    callback, calls = recorder()
    model = make_model()
    x = np.zeros((3, 3), "float32")
    model.evaluate(x, x[:, 0], verbose=0, callbacks=[callback])
    model.predict(x, verbose=0, callbacks=[callback])
    assert [call[0] for call in calls] == [
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
        "on_predict_begin",
        "on_predict_batch_begin",
        "on_predict_batch_end",
        "on_predict_end",
    ]
    np.testing.assert_array_equal(calls[6][2]["outputs"], model.predict(x, verbose=0))


def test_steps_per_execution_groups_batch_hooks(make_model):
    callback, calls = recorder()
    x = np.zeros((6, 3), "float32")
    model = make_model(steps_per_execution=4)
    model.fit(x, x[:, 0], batch_size=1, verbose=0, callbacks=[callback])
    batches = [call[:2] for call in calls if "batch" in call[0]]
    assert batches == [
        ("on_train_batch_begin", 0),
        ("on_train_batch_end", 3),
        ("on_train_batch_begin", 4),
        ("on_train_batch_end", 5),
    ]


def test_callbacks_know_the_model_and_the_settings(make_model, fit):
    callback = Callback()
    model = make_model()
    fit(callback, model=model, epochs=3)
    assert callback.model is model
    assert callback.params == {"verbose": 0, "epochs": 3, "steps": 2}


def test_old_batch_hooks_are_called(fit):
    seen = []

    class Old(Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append((batch, logs["loss"]))

    fit(Old())
    assert [batch for batch, _ in seen] == [0, 1]


def test_stop_training_ends_the_epoch_after_its_validation(fit):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    history = fit(Stop(), epochs=5, batch_size=4)
    assert history.epoch == [0] and "val_loss" in history.history


def test_history_given_by_the_user_is_the_one_returned(fit):
    history = History()
    assert fit(history) is history


def test_a_single_callback_and_a_list_of_callbacks_are_accepted(make_model):
    model = make_model()
    x = np.zeros((4, 3), "float32")
    history = History()
    assert model.fit(x, x[:, 0], verbose=0, callbacks=history) is history
    callbacks = CallbackList([History()], model=model, epochs=1, steps=1, verbose=0)
    model.fit(x, x[:, 0], verbose=0, callbacks=callbacks)
    assert model.history.epoch == [0]


def test_callback_list_adds_history_and_bar(make_model):
    callbacks = CallbackList(add_history=True, add_progbar=True, model=make_model())
    kinds = [type(c) for c in callbacks.callbacks]
    assert kinds == [ProgbarLogger, History]
    assert not callbacks.has_batch_hook("on_train_batch_begin")
    assert callbacks.has_batch_hook("on_train_batch_end")


def test_batches_without_hooks_compute_no_results(fit, monkeypatch):
    from addax.trainers.step_function import StepResult

    looked = []
    original = StepResult.__call__
    monkeypatch.setattr(StepResult, "__call__", lambda self: looked.append(1) or original(self))
    fit(epochs=2, batch_size=4, validation_split=0)
    assert len(looked) == 2  # once per epoch


def test_lambda_callback_calls_its_functions(fit):
    seen = []
    fit(
        addax.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(("epoch", epoch, "loss" in logs)),
            on_train_batch_begin=lambda batch, logs: seen.append(("batch", batch)),
            on_test_begin=lambda logs: seen.append(("test", logs)),
        )
    )
    assert seen == [("batch", 0), ("batch", 1), ("test", {}), ("epoch", 0, True)]


def test_every_public_callback_exists():
    for name in addax.callbacks.__all__:
        assert isinstance(getattr(addax.callbacks, name), type)


@pytest.mark.parametrize("verbose", ["auto", 1, 2, True])
def test_every_verbosity_prints_each_epoch_once(fit, capsys, verbose):
    fit(epochs=2, verbose=verbose)
    text = capsys.readouterr().out
    assert text.count("Epoch 1/2\n") == 1 and text.count("Epoch 2/2\n") == 1
    assert text.count("val_loss") == 2
