"""Trains the small models that the C++ examples run, in a few seconds and without downloads.

    pip install ".[example]"  # from the root of the checkout
    python examples/cpp/make_models.py [folder, "models" if left out]

What stands in the folder afterwards:

| file | what |
| --- | --- |
| `digits/` | a convolutional classifier of handwritten digits of 8 × 8 pixels |
| `images.f32`, `labels.i32` | 256 digits that it has not seen, and what they are |
| `amplifier/` | a recurrent layer that distorts a signal as an overdriven amplifier does |
"""

from __future__ import annotations

import sys
from pathlib import Path

import addax as keras
import numpy as np
from addax import layers
from sklearn.datasets import load_digits


def make_digits(folder: Path) -> None:
    """A classifier of the digits that scikit-learn ships, and those kept back from training."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order] / 16.0).astype("float32")[..., None]
    labels = digits.target[order].astype("int32")
    model = keras.Sequential(
        [
            keras.Input(shape=(8, 8, 1), name="image"),
            layers.Conv2D(12, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(24, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    # The metric makes `evaluate` in C++ give it, too.
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images[256:], labels[256:], batch_size=32, epochs=15, verbose=0)
    _, accuracy = model.evaluate(images[:256], labels[:256], verbose=0)
    print(f"digits: test accuracy {accuracy:.3f}")
    model.save(folder / "digits")
    images[:256].tofile(folder / "images.f32")
    labels[:256].tofile(folder / "labels.i32")


def amplify(signal: np.ndarray) -> np.ndarray:
    """What the recurrent model learns: `state += 0.3 (x - state)`, `y = tanh(4 state)`."""
    state = np.zeros(len(signal), "float32")
    out = np.empty_like(signal)
    for t in range(signal.shape[1]):
        state += np.float32(0.3) * (signal[:, t] - state)
        out[:, t] = np.tanh(4 * state)
    return out


def make_amplifier(folder: Path) -> None:
    """A GRU taught from sums of a few sine waves."""
    rng = np.random.default_rng(1)
    t = np.arange(256, dtype="float32")
    waves = [
        sum(
            rng.uniform(0.05, 0.4) * np.sin(rng.uniform(0.02, 0.8) * t + rng.uniform(0, 6.3))
            for _ in range(3)
        )
        for _ in range(256)
    ]
    x = np.stack(waves).astype("float32")
    y = amplify(x)
    model = keras.Sequential(
        [
            # Time is left open: the stream takes it in blocks.
            keras.Input(shape=(None, 1), name="signal"),
            layers.GRU(16, return_sequences=True),
            layers.Dense(1),
        ],
        name="amplifier",
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    history = model.fit(x[..., None], y[..., None], batch_size=16, epochs=12, verbose=0)
    print(f"amplifier: mean squared error {history.history['loss'][-1]:.5f}")
    model.save(folder / "amplifier")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    make_digits(folder)
    make_amplifier(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
