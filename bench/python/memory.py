"""Resident memory over many train steps of a tiny model, by `train_on_batch` and by `fit`.

python bench/python/memory.py
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path
from typing import Any

from report import print_table

_BATCH = 16


def measure(steps: int = 20_000) -> dict[str, Any]:
    """Kilobytes after a tenth of the steps, which fill the caches, and their growth in the rest.

    Raises:
        OSError: On a system without /proc.
    """
    import addax as keras
    import numpy as np

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    generator = np.random.default_rng(0)
    x = generator.random((steps // 10 * _BATCH, 8), dtype=np.float32)
    y = x.sum(axis=1, keepdims=True)

    def on_batches() -> None:
        for start in range(0, len(x), _BATCH):
            model.train_on_batch(x[start : start + _BATCH], y[start : start + _BATCH])

    def in_fit() -> None:
        model.fit(x, y, batch_size=_BATCH, epochs=1, verbose=0)

    found = {}
    for name, tenth in (("train_on_batch", on_batches), ("fit", in_fit)):
        seen = []
        for _ in range(10):
            tenth()
            gc.collect()
            seen.append(_resident())
        found[name] = {"resident": seen[0], "growth": max(seen) - seen[0], "seen": seen}
    return {"steps": steps, "by": found}


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise OSError("This system does not tell the resident memory of a process.")


def show(found: dict[str, Any]) -> None:
    print_table(
        f"Resident memory over {found['steps']} steps of a tiny model",
        ["steps by", "after a tenth", "largest growth after it"],
        [
            [name, f"{one['resident'] / 1024:.1f} MB", f"{one['growth'] / 1024:.2f} MB"]
            for name, one in found["by"].items()
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000)
    show(measure(parser.parse_args().steps))


if __name__ == "__main__":
    main()
