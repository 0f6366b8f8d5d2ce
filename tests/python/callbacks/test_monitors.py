import addax
import numpy as np
import pytest
from addax.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau


def test_early_stopping_waits_for_its_patience(fit, capsys):
    history = fit(EarlyStopping(monitor="loss", min_delta=10, patience=2, verbose=1), epochs=10)
    assert history.epoch == [0, 1, 2]
    assert capsys.readouterr().out == "Epoch 3: early stopping\n"


def test_early_stopping_restores_the_best_weights(make_model, fit, capsys):
    weights = []

    class Keep(addax.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(self.model.get_weights())

    model = make_model()
    stop = EarlyStopping(
        monitor="loss", min_delta=10, patience=1, verbose=1, restore_best_weights=True
    )
    fit(Keep(), stop, model=model, epochs=10)
    assert capsys.readouterr().out == (
        "Epoch 2: early stopping\nRestoring model weights from the end of the best epoch: 1.\n"
    )
    for got, best in zip(model.get_weights(), weights[0]):
        np.testing.assert_array_equal(got, best)
    assert stop.best_epoch == 0 and stop.stopped_epoch == 1


def test_early_stopping_starts_late_if_told(fit):
    stop = EarlyStopping(monitor="loss", min_delta=10, start_from_epoch=3)
    assert fit(stop, epochs=8).epoch == [0, 1, 2, 3, 4]


def test_improvement_goes_on(fit):
    assert len(fit(EarlyStopping(monitor="val_mae"), epochs=4).epoch) == 4
    assert len(fit(EarlyStopping(monitor="loss", baseline=0.0, patience=2), epochs=6).epoch) == 6


def test_direction_is_found_from_the_metric():
    x = np.zeros((4, 2), "float32")
    y = np.zeros(4)
    model = addax.Sequential([addax.Input((2,)), addax.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "mae"])
    for name, mode in (
        ("accuracy", "max"),
        ("val_accuracy", "max"),
        ("mae", "min"),
        ("loss", "min"),
    ):
        callback = EarlyStopping(monitor=name)
        callback.set_model(model)
        model.evaluate(x, y, verbose=0)
        assert callback._direction() == mode


def test_unknown_direction_is_an_error(fit):
    with pytest.raises(
        ValueError, match="EarlyStopping callback received monitor=zz, but Keras isn't"
    ):
        fit(EarlyStopping(monitor="zz"))
    with pytest.warns(UserWarning, match="EarlyStopping mode 'zz' is unknown, fallback to auto"):
        EarlyStopping(mode="zz")


def test_missing_result_is_warned_of(fit):
    with pytest.warns(
        UserWarning,
        match="Early stopping conditioned on metric `zz` which is not available. "
        "Available metrics are: loss,mae,val_loss,val_mae",
    ):
        fit(EarlyStopping(monitor="zz", mode="min"))
    with pytest.warns(UserWarning, match="Learning rate reduction is conditioned on metric `zz`"):
        fit(ReduceLROnPlateau(monitor="zz", mode="min"))


def test_learning_rate_is_reduced_on_a_plateau(fit, capsys):
    callback = ReduceLROnPlateau(monitor="loss", min_delta=10, patience=1, verbose=1, cooldown=1)
    history = fit(callback, epochs=4)
    rates = history.history["learning_rate"]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.0001], rel=1e-5)
    assert list(history.history)[-1] == "learning_rate"
    lines = capsys.readouterr().out.split("\n\n")
    assert lines[0] == (
        "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.0009999999776482583."
    )
    with pytest.raises(ValueError, match=r"does not support a factor >= 1\.0\. Received factor=2"):
        ReduceLROnPlateau(factor=2)


def test_learning_rate_has_a_floor(fit):
    callback = ReduceLROnPlateau(monitor="loss", min_delta=10, patience=1, min_lr=0.005)
    rates = fit(callback, epochs=5).history["learning_rate"]
    assert rates[-1] == pytest.approx(0.005, rel=1e-6)


class Saves:
    """Stands for the files that a model writes."""

    def __init__(self, monkeypatch):
        self.paths = []
        monkeypatch.setattr(addax.Model, "save", self._note("model"), raising=False)
        monkeypatch.setattr(addax.Model, "save_weights", self._note("weights"), raising=False)

    def _note(self, kind):
        return lambda model, path, overwrite=True, **kwargs: self.paths.append((kind, path))


@pytest.fixture
def saves(monkeypatch):
    return Saves(monkeypatch)


def test_checkpoint_is_named_after_the_epoch_and_its_results(fit, saves, capsys):
    history = fit(ModelCheckpoint("a-{epoch:02d}-{val_loss:.2f}.keras", verbose=1), epochs=2)
    names = [f"a-{i + 1:02d}-{v:.2f}.keras" for i, v in enumerate(history.history["val_loss"])]
    assert saves.paths == [("model", name) for name in names]
    assert capsys.readouterr().out == "".join(
        f"\nEpoch {i}: saving model to {name}\n\nEpoch {i}: finished saving model to {name}\n"
        for i, name in enumerate(names, 1)
    )


def test_only_the_best_checkpoint_is_kept(fit, saves, capsys):
    callback = ModelCheckpoint(
        "b.keras", monitor="loss", save_best_only=True, verbose=1, initial_value_threshold=0.0
    )
    fit(callback)
    assert saves.paths == []
    assert capsys.readouterr().out == "\nEpoch 1: loss did not improve from 0.00000\n"
    history = fit(ModelCheckpoint("b.keras", save_best_only=True, verbose=1))
    value = history.history["val_loss"][0]
    assert f"val_loss improved from None to {value:.5f}, saving model to b.keras" in (
        capsys.readouterr().out
    )
    with pytest.warns(UserWarning, match="Can save best model only with zz available"):
        fit(ModelCheckpoint("b.keras", save_best_only=True, monitor="zz", mode="min"))


def test_checkpoints_by_batches(fit, saves):
    fit(ModelCheckpoint("d-{epoch}-{batch}.keras", save_freq=2), epochs=2, batch_size=16)
    assert [path for _, path in saves.paths] == ["d-1-2.keras", "d-2-1.keras", "d-2-3.keras"]


def test_checkpoint_of_weights_alone(fit, saves):
    fit(ModelCheckpoint("c.weights.h5", save_weights_only=True))
    assert saves.paths == [("weights", "c.weights.h5")]
    with pytest.raises(ValueError, match=r"must end in `.weights.h5`"):
        ModelCheckpoint("c.keras", save_weights_only=True)


@pytest.mark.parametrize("path", ["m", "m.safetensors"])
def test_a_checkpoint_is_whatever_save_writes(fit, tmp_path, path):
    fit(ModelCheckpoint(tmp_path / path), epochs=1)
    addax.models.load_model(tmp_path / path)


def test_checkpoint_names_are_checked(fit, saves, tmp_path):
    for path in ("m", "folder/m-{val_loss:.2f}", "m.h5", "m.keras"):
        ModelCheckpoint(path)
    with pytest.raises(ValueError, match=r"must end in `.keras`"):
        ModelCheckpoint("m.pickle")
    with pytest.raises(ValueError, match="Unrecognized save_freq: x"):
        ModelCheckpoint("m.keras", save_freq="x")
    with pytest.raises(KeyError, match="Failed to format this callback filepath"):
        fit(ModelCheckpoint("a-{zz}.keras"))
    with pytest.raises(OSError, match="Please specify a non-directory filepath"):
        (tmp_path / "m.keras").mkdir()
        fit(ModelCheckpoint(tmp_path / "m.keras"))
