"""Accuracy of the MNIST convnet after five epochs (three seeds), and the time of its epochs beside
Keras's.

    python bench/python/mnist_accuracy.py --data mnist.npz --peer-python peers/bin/python
"""

from __future__ import annotations

import argparse
import sys
from statistics import mean, median
from typing import Any

import numpy as np
from libraries import installed, place
from processes import Worker, available_cores, take_turns
from report import print_table, ratio
from timing import Clock
from workloads import WORKLOADS


def measure(
    data: str | None,
    peers: dict[str, str],
    seeds: int = 3,
    epochs: int = 5,
    peer_epochs: int = 0,
    samples: int = 0,
) -> dict[str, Any]:
    """The first seed runs beside the peers, epoch by epoch; the others alone.

    Args:
        data: Path of `mnist.npz`, the Keras cache if `None`.
        peers: Name → interpreter.
        samples: Size of the part of the training data that is used, all if 0.
        peer_epochs: Epochs that the peers run beside Addax, all if 0. Losses and accuracies
            are only given for those that ran all.
    """
    addax = {"addax": sys.executable}
    found: dict[str, Any] = {}
    for seed in range(1, seeds + 1):
        beside = peers if seed == 1 and peer_epochs in (0, epochs) else {}
        runs = _race({**addax, **beside}, epochs, data=data, seed=seed, samples=samples)
        for name, rounds in runs.items():
            found.setdefault(name, {"epochs": [], "test_accuracy": [], "test_loss": []})
            found[name]["epochs"] += rounds
            found[name]["test_accuracy"].append(rounds[-1]["test_accuracy"])
            found[name]["test_loss"].append(rounds[-1]["test_loss"])
    if peers and peer_epochs not in (0, epochs):
        runs = _race({**addax, **peers}, peer_epochs, data=data, seed=1, samples=samples)
        for name, rounds in runs.items():
            found.setdefault(name, {"epochs": [], "test_accuracy": [], "test_loss": []})
            found[name]["epochs"] += rounds
    return found


def _race(pythons: dict[str, str], epochs: int, **options: Any) -> dict[str, list]:
    threads = len(available_cores())
    workers: list[Worker] = []
    try:
        for name, python in pythons.items():
            workers.append(Worker(place(name, python, threads)))
            workers[-1].make("mnist_accuracy:Convnet", library=name, **options)
            workers[-1].made()
        found = take_turns(workers, epochs, lambda worker: worker.call("epoch"))
        for worker in workers:
            found[worker.library][-1].update(worker.call("evaluate"))
    finally:
        for worker in workers:
            worker.close()
    return found


class Convnet:
    """The convnet of Keras's first example, in the process of a library."""

    def __init__(self, library: str, data: str | None, seed: int, samples: int) -> None:
        from engines.keras_engine import compiled, module_of

        keras = module_of(library, len(available_cores()))
        (x, y), (x_test, y_test) = _load(keras, data)
        count = samples or len(x)
        self.x, self.y = _images(x[:count]), y[:count].astype("int32")
        self.test = _images(x_test), y_test.astype("int32")
        keras.utils.set_random_seed(seed)
        workload = WORKLOADS["mnist_cnn"]
        self.model = compiled(keras, workload, workload.build(keras), metrics=["accuracy"])

    def epoch(self) -> dict[str, float]:
        """One epoch; the first pays for the tracing, as it does for a user."""
        clock = Clock()
        self.model.fit(self.x, self.y, batch_size=128, epochs=1, verbose=0)
        return clock.read()

    def evaluate(self) -> dict[str, float]:
        loss, accuracy = self.model.evaluate(*self.test, batch_size=128, verbose=0)
        return {"test_loss": float(loss), "test_accuracy": float(accuracy)}


def _load(keras: Any, path: str | None) -> Any:
    """MNIST from an `.npz` at `path`, else from the Keras cache (downloaded if it is not there)."""
    if path is None:
        return keras.datasets.mnist.load_data()
    with np.load(path) as data:
        return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])


def _images(x: np.ndarray) -> np.ndarray:
    return x[..., None].astype("float32") / 255


def rows(found: dict[str, Any]) -> list[list[str]]:
    table = []
    ours = {kind: _median(found["addax"], kind) for kind in ("wall", "cpu")}
    for name, one in found.items():
        seeds = len(one["test_accuracy"])
        table.append(
            [
                name,
                str(seeds) if seeds else "-",
                f"{100 * mean(one['test_accuracy']):.2f} %" if seeds else "-",
                f"{mean(one['test_loss']):.4f}" if seeds else "-",
                f"{_median(one, 'wall'):.1f} s",
                f"{_median(one, 'cpu'):.1f} s",
                ratio(ours["wall"], _median(one, "wall")),
                ratio(ours["cpu"], _median(one, "cpu")),
            ]
        )
    return table


def show(found: dict[str, Any]) -> None:
    print_table(
        "MNIST convnet, batch 128: test set after the last epoch, mean of seeds; epoch (median)",
        ["library", "seeds", "accuracy", "loss", "wall", "cpu", "addax/it, wall", "cpu"],
        rows(found),
    )


def _median(one: dict[str, Any], kind: str) -> float:
    return median(epoch[kind] for epoch in one["epochs"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="path of mnist.npz; the Keras cache if not given")
    parser.add_argument("--peer-python", help="interpreter with Keras; none runs if not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--peer-epochs", type=int, default=0, help="fewer epochs for the peers")
    parser.add_argument("--samples", type=int, default=0, help="train on so many digits only")
    options = parser.parse_args()
    peers = {}
    if options.peer_python:
        found, _ = installed([options.peer_python])
        peers = {name: python for name, python in found.items() if name.startswith("keras-")}
    show(
        measure(
            options.data,
            peers,
            options.seeds,
            options.epochs,
            options.peer_epochs,
            options.samples,
        )
    )


if __name__ == "__main__":
    main()
