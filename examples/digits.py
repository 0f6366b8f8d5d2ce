"""Trains a digit classifier, saves it, loads it again and checks that nothing changed.

The data are the 1,797 handwritten digits of 8 × 8 pixels that scikit-learn ships; with `--mnist`,
MNIST's 70,000 of 28 × 28, from Keras's cache folder, downloaded if they are not there. From
anywhere:

    python examples/digits.py [--mnist [mnist.npz]] [folder for the results]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import addax as keras
import matplotlib
import numpy as np
from addax import layers
from sklearn.datasets import load_digits

matplotlib.use("Agg")
import matplotlib.pyplot as plt

Data = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_small() -> Data:
    """Images `(n, 8, 8, 1)` in [0, 1] and labels `(n,)`: 1,500 to train on, the rest to test.

    Shuffled first: the digits stand in the order of their writers.
    """
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = (digits.images[order] / 16.0).astype("float32")[..., None]
    labels = digits.target[order]
    return (images[:1500], labels[:1500]), (images[1500:], labels[1500:])


def load_mnist(path: str) -> Data:
    """Images `(n, 28, 28, 1)` in [0, 1] and labels `(n,)`: 60,000 to train on, 10,000 to test."""
    train, test = keras.datasets.mnist.load_data(path)
    return tuple((x.astype("float32")[..., None] / 255, y) for x, y in (train, test))


def build(size: int) -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(shape=(size, size, 1)),
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


def main(folder: Path, mnist: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = load_mnist(mnist) if mnist else load_small()

    model = build(size=x_train.shape[1])
    model.summary()
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    epochs = 4 if mnist else 20
    history = model.fit(x_train, y_train, batch_size=32, epochs=epochs, validation_split=0.1)
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
    parser = argparse.ArgumentParser(description="Trains a digit classifier and saves it.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("digits-model"))
    parser.add_argument("--mnist", nargs="?", const="mnist.npz", metavar="FILE")
    arguments = parser.parse_args()
    main(arguments.folder, arguments.mnist)
