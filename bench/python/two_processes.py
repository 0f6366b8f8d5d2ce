"""Two processes that train at once: each may become slower by the processors that they share, and
by nothing else.

    python bench/python/two_processes.py [--seconds 2]

Prints, for a tiny and a middling model, the time of a step alone and beside a twin, and the
slowdown that sharing explains: a process that alone keeps 1.6 of 2 processors busy gets 1.0 beside
its twin, so 1.6 times the time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median

# Features, hidden layers, classes, samples in a batch.
MODELS = {
    "4-16-16-3, batch 32": (4, (16, 16), 3, 32),
    "784-512-512-10, batch 128": (784, (512, 512), 10, 128),
}
ROUNDS = 5


def train(name: str, seconds: float) -> None:
    """Waits for a line on standard input, then trains for so long and prints what a step took."""
    import addax
    import numpy as np
    from addax import layers

    features, hidden, classes, batch = MODELS[name]
    generator = np.random.default_rng(0)
    x = generator.random((batch * 64, features), dtype=np.float32)
    y = generator.integers(0, classes, batch * 64).astype("int32")
    model = addax.Sequential(
        [
            addax.Input((features,)),
            *[layers.Dense(units, activation="relu") for units in hidden],
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=batch, verbose=0)
    print("ready", flush=True)
    for _ in sys.stdin:
        begin, used = time.perf_counter(), time.process_time()
        steps = 0
        while time.perf_counter() - begin < seconds:
            model.fit(x, y, batch_size=batch, verbose=0)
            steps += 64
        wall = time.perf_counter() - begin
        cpu = time.process_time() - used
        print(json.dumps({"step": wall / steps, "cores": cpu / wall}), flush=True)


class Worker:
    def __init__(self, name: str, seconds: float) -> None:
        command = [sys.executable, __file__, "--train", name, "--seconds", str(seconds)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process.stdout.readline()

    def start(self) -> None:
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self) -> dict[str, float]:
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def compare(name: str, seconds: float) -> None:
    workers = [Worker(name, seconds) for _ in range(2)]
    alone, together, cores = [], [], []
    for _ in range(ROUNDS):
        workers[0].start()
        found = workers[0].result()
        alone.append(found["step"])
        cores.append(found["cores"])
        for worker in workers:
            worker.start()
        together += [worker.result()["step"] for worker in workers]
    for worker in workers:
        worker.close()
    available = len(os.sched_getaffinity(0))
    explained = max(1.0, 2 * median(cores) / available)
    print(
        f"{name}: alone {median(alone) * 1e6:.1f} µs a step on {median(cores):.2f} processors, "
        f"together {median(together) * 1e6:.1f} µs: {median(together) / median(alone):.2f} times "
        f"(sharing explains {explained:.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of training per round")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        train(arguments.train, arguments.seconds)
    else:
        for name in MODELS:
            compare(name, arguments.seconds)


if __name__ == "__main__":
    main()
