import addax
import numpy as np
import pytest
from addax.callbacks import (
    BackupAndRestore,
    CSVLogger,
    LearningRateScheduler,
    SwapEMAWeights,
    TerminateOnNaN,
)

X = np.random.RandomState(0).rand(64, 3).astype("float32")
Y = X[:, 0]


def test_schedule_sets_the_learning_rate(fit, capsys):
    history = fit(LearningRateScheduler(lambda epoch, rate: rate * 0.5, verbose=1), epochs=2)
    assert history.history["learning_rate"] == [0.004999999888241291, 0.0024999999441206455]
    assert capsys.readouterr().out == (
        "\nEpoch 1: LearningRateScheduler setting learning rate to 0.004999999888241291.\n"
        "\nEpoch 2: LearningRateScheduler setting learning rate to 0.0024999999441206455.\n"
    )
    history = fit(LearningRateScheduler(lambda epoch: 0.5))
    assert history.history["learning_rate"] == [0.5]
    with pytest.raises(ValueError, match="The output of the `schedule` function should be a float"):
        fit(LearningRateScheduler(lambda epoch: "a"))


def test_error_inside_a_schedule_comes_out_as_itself(fit):
    def schedule(epoch, rate):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        fit(LearningRateScheduler(schedule))


def test_new_learning_rate_reaches_the_recorded_step(make_model, fit):
    model = make_model()
    fit(model=model)
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    fit(model=model)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_csv_file_has_a_row_per_epoch(fit, tmp_path):
    path = tmp_path / "log.csv"
    history = fit(CSVLogger(path), epochs=2).history
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,loss,mae,val_loss,val_mae"
    assert lines[1] == ",".join(["0", *(str(history[name][0]) for name in history)])
    assert len(lines) == 3
    fit(CSVLogger(path, separator=";", append=True))
    lines = path.read_text().splitlines()
    assert len(lines) == 4 and lines[3].startswith("0;")


def test_csv_columns_are_in_alphabetical_order(fit, tmp_path):
    path = tmp_path / "log.csv"
    fit(LearningRateScheduler(lambda epoch, rate: rate), CSVLogger(path))
    assert path.read_text().splitlines()[0] == "epoch,learning_rate,loss,mae,val_loss,val_mae"


def test_training_ends_when_the_loss_is_no_number(make_model, capsys):
    history = make_model().fit(
        X * np.nan, Y, epochs=3, batch_size=64, verbose=0, callbacks=[TerminateOnNaN()]
    )
    assert history.epoch == [0]
    assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 0"):
        make_model().fit(X * np.nan, Y, verbose=0, callbacks=[TerminateOnNaN(raise_error=True)])


class Boom(addax.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("boom")


def with_dropout():
    addax.utils.set_random_seed(1)
    model = addax.Sequential(
        [addax.Input((3,)), addax.layers.Dense(4), addax.layers.Dropout(0.5), addax.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model


def test_interrupted_training_goes_on_bit_for_bit(tmp_path):
    folder = tmp_path / "backup"
    whole = with_dropout()
    whole.fit(X, Y, batch_size=8, epochs=4, verbose=0)
    interrupted = with_dropout()
    with pytest.raises(RuntimeError, match="boom"):
        interrupted.fit(
            X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[BackupAndRestore(folder), Boom()]
        )
    assert [p.name for p in folder.iterdir()] == ["latest.npz"]
    resumed = with_dropout()
    addax.utils.set_random_seed(99)
    history = resumed.fit(
        X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[BackupAndRestore(folder)]
    )
    assert history.epoch == [2, 3]
    assert not folder.exists()
    for a, b in zip(whole.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_backup_by_batches_repeats_the_epoch(tmp_path):
    class Stop(addax.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations >= 12:
                raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        with_dropout().fit(
            X,
            Y,
            batch_size=8,
            epochs=4,
            verbose=0,
            callbacks=[BackupAndRestore(tmp_path, save_freq=3), Stop()],
        )
    history = with_dropout().fit(
        X, Y, epochs=4, verbose=0, callbacks=[BackupAndRestore(tmp_path, delete_checkpoint=False)]
    )
    assert history.epoch == [1, 2, 3]
    assert (tmp_path / "latest.npz").exists()


def test_backup_checks_its_arguments(tmp_path, fit):
    with pytest.raises(ValueError, match="Empty `backup_dir` argument passed"):
        BackupAndRestore("")
    with pytest.raises(ValueError, match="Invalid value for argument `save_freq`"):
        BackupAndRestore("a", save_freq="batch")
    unbuilt = addax.Sequential([addax.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match="you model must be built before you call `fit"):
        fit(BackupAndRestore(tmp_path), model=unbuilt)


def test_backup_of_another_model_is_refused(tmp_path, fit):
    with pytest.raises(RuntimeError):
        fit(BackupAndRestore(tmp_path), Boom(), epochs=4)
    with pytest.raises(ValueError, match="It belongs to another model"):
        fit(BackupAndRestore(tmp_path), model=with_dropout())


def test_averages_are_in_the_model_while_it_is_evaluated(make_model):
    optimizer = addax.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    model = make_model(optimizer)
    seen, trained = [], []

    class Look(addax.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights()[0].copy())

        def on_epoch_end(self, epoch, logs=None):
            trained.append(self.model.get_weights()[0].copy())

    model.fit(
        X,
        Y,
        batch_size=64,
        epochs=3,
        validation_data=(X, Y),
        verbose=0,
        callbacks=[SwapEMAWeights(), Look()],
    )
    average = trained[0]
    for evaluated, weights in zip(seen, trained):
        average = 0.9 * average + 0.1 * weights
        np.testing.assert_allclose(evaluated, average, rtol=1e-5)
    plain = make_model()
    with pytest.raises(ValueError, match="SwapEMAWeights must be used when `use_ema=True`"):
        plain.evaluate(X, Y, verbose=0, callbacks=[SwapEMAWeights()])
