"""A model folder for tests to damage, and what may come of it."""

from __future__ import annotations

import json

import addax as keras
import numpy as np
import pytest
from addax import _core, layers

# What a malformed file may raise.
CLEAN = (ValueError, TypeError, OSError)


def make_model():
    a = keras.Input((6,), name="a")
    x = layers.Dense(8, activation="relu", name="first")(a)
    x = layers.Reshape((4, 2), name="reshape")(x)
    x = layers.Conv1D(3, 2, name="conv")(x)
    x = layers.LSTM(3, name="lstm")(x)
    inner = keras.Sequential(
        [keras.Input((3,)), layers.BatchNormalization(name="norm"), layers.Dropout(0.3)],
        name="inner",
    )
    x = layers.Concatenate(name="both")([inner(x), x])
    model = keras.Model(a, layers.Dense(2, name="out")(x), name="net")
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 6)), np.zeros((4, 2)), verbose=0)
    return model


def read(folder):
    return json.loads((folder / "model.json").read_text())


def write(folder, document):
    (folder / "model.json").write_text(json.dumps(document))


def weights_file(folder):
    return next(p for p in folder.iterdir() if p.suffix == ".bin")


def refused(folder, match=None, kinds=CLEAN):
    with pytest.raises(kinds, match=match) as caught:
        keras.saving.load_model(folder)
    assert len(str(caught.value)) > 10, "the message says nothing"
    return caught.value


def run_all(folder):
    """Loads the file in every way there is; returns whether it was accepted."""
    accepted = True
    try:
        model = keras.saving.load_model(folder)
        model.predict(np.ones((2, 6), "float32"), verbose=0)
    except CLEAN:
        accepted = False
    try:
        _, _, programs = _core.read_model(str(folder), with_programs=True)
        for program in programs.values():
            try:
                count = len(program.input_names)
                inputs = [np.ones((2, 6), "float32"), np.ones((2, 2), "float32")][:count]
                _core.Executable(program).run(inputs)
            except (*CLEAN, IndexError, MemoryError, RuntimeError):
                pass
    except CLEAN:
        accepted = False
    return accepted
