"""Warnings of saving and loading name the line of the user's code that they are about."""

import addax as keras
import pytest
from addax import layers
from saved_models import data, small_model


def assert_named_here(caught):
    assert caught
    assert {w.filename for w in caught} == {__file__}


@pytest.mark.parametrize("name", ["m", "m.safetensors", "m.weights.h5", "m.keras", "m.h5"])
def test_of_weights_that_are_skipped(tmp_path, name):
    if name != "m" and "safetensors" not in name:
        pytest.importorskip("h5py")
    model, other = small_model(), small_model(kernel_initializer="zeros")
    other = keras.Sequential([*other.layers[:3], layers.Dense(7)])
    other.build((None, 6))
    (model.save if name in ("m.keras", "m.h5") else model.save_weights)(tmp_path / name)
    with pytest.warns(UserWarning) as caught:
        other.load_weights(tmp_path / name, skip_mismatch=True)
    assert_named_here(caught)


@pytest.mark.parametrize("load", ["weights", "model"])
def test_of_an_optimizer_that_does_not_fit(tmp_path, load):
    pytest.importorskip("h5py")
    x, y = data()
    model = small_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    if load == "weights":
        model.save_weights(tmp_path / "m.weights.h5")
        model.compile("sgd", "sparse_categorical_crossentropy")
        with pytest.warns(UserWarning, match="Skipping variable loading") as caught:
            model.load_weights(tmp_path / "m.weights.h5")
    else:
        import h5py

        model.save(tmp_path / "m.h5")
        with h5py.File(tmp_path / "m.h5", "a") as h5:
            state = h5["optimizer_weights"]
            state.attrs["weight_names"] = state.attrs["weight_names"][:-3]
        with pytest.warns(UserWarning, match="Skipping variable loading") as caught:
            keras.saving.load_model(tmp_path / "m.h5")
    assert_named_here(caught)


def test_of_what_browsers_do_not_know_and_what_cannot_be_recorded(tmp_path):
    class Own(keras.Model):
        def train_step(self, data):
            raise RuntimeError("only in my own loop")

    inputs = keras.Input((3,))
    model = Own(inputs, layers.UnitNormalization()(inputs))
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning) as caught:
        model.save(tmp_path / "model")
    said = " ".join(str(w.message) for w in caught)
    assert "TensorFlow.js does not know" in said and "no program 'train'" in said
    assert_named_here(caught)


def test_of_a_lambda(tmp_path):
    pytest.importorskip("h5py")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation=lambda x: x)])
    with pytest.warns(UserWarning, match="`lambda`") as caught:
        model.save(tmp_path / "m.keras")
    assert_named_here(caught)
