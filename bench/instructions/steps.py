"""The steps whose instructions are counted, run under callgrind by `count.py`.

    valgrind --tool=callgrind --instr-atstart=no python steps.py MARKS

MARKS is a small shared library that speaks to callgrind. Each step runs n times and then 2n times
between dumps named after it: in the difference everything cancels that is not the step.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

import addax as keras
import numpy as np

layers = keras.layers
_generator = np.random.default_rng(0)


def _random(*shape: int) -> np.ndarray:
    return _generator.random(shape, dtype=np.float32)


def _predict(x: np.ndarray, *stack: Any) -> Callable[[int], None]:
    """Calls of `predict_on_batch` on `x`."""
    model = keras.Sequential([keras.Input(x.shape[1:]), *stack])

    def run(times: int) -> None:
        for _ in range(times):
            model.predict_on_batch(x)

    return run


def _held(x: np.ndarray, *stack: Any) -> Callable[[int], None]:
    """Calls of a predictor on `x`."""
    predictor = keras.Sequential([keras.Input(x.shape[1:]), *stack]).predictor()

    def run(times: int) -> None:
        for _ in range(times):
            predictor(x)

    return run


def _fit(x: np.ndarray, classes: int, *stack: Any) -> Callable[[int], None]:
    """Steps of `fit` on batches of the size of `x`."""
    model = keras.Sequential([keras.Input(x.shape[1:]), *stack])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    y = _generator.integers(0, classes, len(x), dtype=np.int32)

    def run(times: int) -> None:
        many = np.tile(x, (times, *[1] * (x.ndim - 1)))
        model.fit(many, np.tile(y, times), batch_size=len(x), epochs=1, shuffle=False, verbose=0)

    return run


def _tiny() -> list[Any]:
    dense = layers.Dense
    return [dense(16, activation="relu"), dense(16, activation="relu"), dense(3)]


def _elementwise() -> list[Any]:
    activation = layers.Activation
    return [activation("gelu"), activation("tanh"), activation("sigmoid"), layers.Rescaling(2.0)]


def _attention() -> Any:
    """As a model inside the stack."""
    inputs = keras.Input((64, 64))
    x = layers.LayerNormalization()(inputs)
    x = layers.MultiHeadAttention(num_heads=4, key_dim=16)(x, x)
    return keras.Model(inputs, x)


# Name → (repetitions, step). Repetitions make up for what differs by chance.
STEPS: dict[str, tuple[int, Callable[[], Callable[[int], None]]]] = {
    "predict a row by a held predictor, MLP 4-16-16-3": (
        200,
        lambda: _held(_random(1, 4), *_tiny()),
    ),
    "predict a row, MLP 4-16-16-3": (200, lambda: _predict(_random(1, 4), *_tiny())),
    "fit a step, MLP 4-16-16-3, batch 32": (100, lambda: _fit(_random(32, 4), 3, *_tiny())),
    "product 128x128x128": (
        20,
        lambda: _predict(_random(128, 128), layers.Dense(128, use_bias=False)),
    ),
    "convolution 3x3, 32 to 64 channels": (
        5,
        lambda: _predict(_random(4, 13, 13, 32), layers.Conv2D(64, 3, activation="relu")),
    ),
    "fit a step, convolution 3x3, 8 to 16 channels, pool": (
        5,
        lambda: _fit(
            _random(8, 16, 16, 8),
            10,
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10),
        ),
    ),
    "depthwise convolution 3x3, 32 channels": (
        5,
        lambda: _predict(_random(4, 16, 16, 32), layers.DepthwiseConv2D(3, padding="same")),
    ),
    "LSTM 64 on 8x20x32": (5, lambda: _predict(_random(8, 20, 32), layers.LSTM(64))),
    "fit a step, LSTM 64 on 8x20x32": (
        3,
        lambda: _fit(_random(8, 20, 32), 10, layers.LSTM(64), layers.Dense(10)),
    ),
    "attention, 64 tokens of 64": (5, lambda: _predict(_random(4, 64, 64), _attention())),
    "elementwise chain on 32,768 numbers": (
        5,
        lambda: _predict(_random(32, 1024), *_elementwise()),
    ),
}


def main() -> None:
    marks = ctypes.CDLL(sys.argv[1])
    keras.utils.set_random_seed(1)
    prepared = {name: (times, make()) for name, (times, make) in STEPS.items()}
    for times, run in prepared.values():
        run(times)
        run(2 * times)
    gc.collect()
    gc.disable()
    marks.start()
    for name, (times, run) in prepared.items():
        for part, count in (("once", times), ("twice", 2 * times)):
            marks.zero()
            run(count)
            marks.dump(f"{name}|{part}|{times}".encode())


if __name__ == "__main__":
    main()
