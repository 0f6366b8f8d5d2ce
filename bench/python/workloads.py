"""What is timed: the same Keras code for every library.

A workload is a class made with the module that stands for Keras and with options; `round()` runs it
once more and returns what it measured. Only standard Keras names are used.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np


class MnistConvnet:
    """The convnet of Keras's first example: a round is one epoch over MNIST, batch 128."""

    def __init__(
        self, keras: Any, data: str | None = None, seed: int = 1, samples: int = 0
    ) -> None:
        self.keras = keras
        (x, y), (x_test, y_test) = load_mnist(keras, data)
        count = samples or len(x)
        self.x, self.y = images(x[:count]), y[:count].astype("int32")
        self.test = images(x_test), y_test.astype("int32")
        keras.utils.set_random_seed(seed)
        layers = keras.layers
        self.model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(10, activation="softmax"),
            ]
        )
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def warm_up(self) -> None:
        """Nothing: the first epoch pays for the tracing, as it does for a user."""

    def round(self) -> dict[str, float]:
        clock = Clock()
        self.model.fit(self.x, self.y, batch_size=128, epochs=1, verbose=0)
        return clock.read()

    def finish(self) -> dict[str, float]:
        loss, accuracy = self.model.evaluate(*self.test, batch_size=128, verbose=0)
        return {"test_loss": float(loss), "test_accuracy": float(accuracy)}


class FitMlp:
    """`fit` of 784-128-10 on random numbers, batch 32: a round is one epoch of `steps` steps."""

    def __init__(self, keras: Any, steps: int = 300) -> None:
        self.steps = steps
        generator = np.random.default_rng(0)
        self.x = generator.random((steps * 32, 784), dtype=np.float32)
        self.y = generator.integers(0, 10, steps * 32).astype("int32")
        keras.utils.set_random_seed(1)
        self.model = keras.Sequential(
            [
                keras.Input((784,)),
                keras.layers.Dense(128, activation="relu"),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        self.model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def warm_up(self) -> None:
        self.model.fit(self.x, self.y, batch_size=32, epochs=1, verbose=0)

    def round(self) -> dict[str, float]:
        clock = Clock()
        self.model.fit(self.x, self.y, batch_size=32, epochs=1, verbose=0)
        return {name: value / self.steps for name, value in clock.read().items()}

    def finish(self) -> dict[str, float]:
        return {}


class PredictRow:
    """One row through 32-64-64-1, over and over: each way to ask for it, `seconds` per round."""

    def __init__(self, keras: Any, seconds: float = 0.3) -> None:
        self.seconds = seconds
        self.x = np.random.default_rng(0).random((1, 32), dtype=np.float32)
        self.model = model = keras.Sequential(
            [
                keras.Input((32,)),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(1),
            ]
        )
        self.ways = {
            "predict": lambda x: model.predict(x, verbose=0),
            "predict_on_batch": model.predict_on_batch,
        }

    def warm_up(self) -> None:
        for way in self.ways.values():
            for _ in range(5):
                way(self.x)

    def round(self) -> dict[str, float]:
        found = {}
        for name, way in self.ways.items():
            times = []
            end = time.perf_counter() + self.seconds / len(self.ways)
            while not times or time.perf_counter() < end:
                start = time.perf_counter_ns()
                way(self.x)
                times.append((time.perf_counter_ns() - start) * 1e-9)
            found[f"{name}_median"] = float(np.median(times))
            found[f"{name}_p99"] = float(np.quantile(times, 0.99))
        return found

    def finish(self) -> dict[str, float]:
        return {}


WORKLOADS = {"mnist": MnistConvnet, "fit": FitMlp, "predict": PredictRow}


class Clock:
    """Seconds since it was made: `wall`, and `cpu` of all threads of this process."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {"wall": wall, "cpu": cpu}


def load_mnist(keras: Any, path: str | None) -> Any:
    """MNIST from an `.npz` at `path`, else from the Keras cache (downloaded if it is not there)."""
    if path is None:
        return keras.datasets.mnist.load_data()
    with np.load(path) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def images(x: np.ndarray) -> np.ndarray:
    return x[..., None].astype("float32") / 255
