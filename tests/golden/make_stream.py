"""Writes `tests/golden/stream`: a small recurrent model, compiled, for tests without Python.

python tests/golden/make_stream.py
"""

from pathlib import Path

import addax as keras
from addax import layers

keras.utils.set_random_seed(5)
model = keras.Sequential(
    [layers.Input((None, 2), name="x"), layers.GRU(4, return_sequences=True), layers.Dense(1)],
    name="stream",
)
model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse", metrics=["mae"])
model.save(Path(__file__).parent / "stream")
