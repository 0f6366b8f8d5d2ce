"""Trains a digit classifier, saves it, loads it again and checks that nothing changed.

The data are the 1,797 handwritten digits of 8 × 8 pixels that scikit-learn ships. From anywhere:

    python examples/digits.py [folder for the results]
"""

from __future__ import annotations

import sys
from pathlib import Path

import addax as keras
import matplotlib
import numpy as np
from addax import layers
from sklearn.datasets import load_digits

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def load() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images `(n, 8, 8, 1)` in [0, 1] and labels `(n,)`: 1,500 to train on, the rest to test.

    Shuffled first: the digits stand in the order of their writers.
    """
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order] / 16.0).astype("float32")[..., None]
    labels = digits.target[order]
    return (images[:1500], labels[:1500]), (images[1500:], labels[1500:])


def build() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(shape=(8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10),
        ],
        name="digits",
    )


def plot(history: dict[str, list[float]], path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy")):
        epochs = range(1, len(history[name]) + 1)
        axis.plot(epochs, history[name], label="training")
        axis.plot(epochs, history[f"val_{name}"], label="validation")
        axis.set(title=name, xlabel="epoch")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = load()

    model = build()
    model.summary()
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(x_train, y_train, batch_size=32, epochs=20, validation_split=0.1)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

    model.save(folder / "model")
    reloaded = keras.models.load_model(folder / "model")
    before = model.predict(x_test, verbose=0)
    after = reloaded.predict(x_test, verbose=0)
    if not np.array_equal(before, after):
        raise SystemExit("the reloaded model predicts otherwise")
    print(f"saved to {folder / 'model'}, reloaded: predictions are identical")

    plot(history.history, folder / "training.png")
    print(f"training curves in {folder / 'training.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "digits-model"))
