"""Whether all libraries compute the same: outputs and losses from the same weights and data.

A race between different networks would say nothing. The outputs of every library must be those of
Addax, relative to the largest of them; so must the losses of a few steps on one batch.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import race
from processes import Worker, WorkerError
from workloads import Workload

_OUTPUT_TOLERANCE = 1e-3
_LOSS_TOLERANCE = 1e-2
_STEPS = 3


def check(workload: Workload, settings: race.Settings) -> list[str]:
    """Prints the differences; returns those that are too large."""
    wrong = _check(workload, "infer", settings, _outputs, _OUTPUT_TOLERANCE)
    # Which activations are dropped differs from library to library.
    if workload.batch and not workload.drops:
        wrong += _check(workload, "train", settings, _losses, _LOSS_TOLERANCE)
    return wrong


def _check(
    workload: Workload, mode: str, settings: race.Settings, ask: Any, tolerance: float
) -> list[str]:
    empty: dict[str, str] = {}
    options = {"exact": True} if mode == "infer" else {"run": False}
    workers = race.start(workload, mode, 1, settings, empty, **options)
    found: dict[str, list[np.ndarray]] = {}
    for worker in workers:
        try:
            found[worker.library] = ask(worker)
        except WorkerError as error:
            empty[worker.library] = str(error)
        finally:
            worker.close()
    wrong = []
    for library, values in found.items():
        for name, ours, theirs in zip(("b1", "b32"), found["addax"], values):
            what = f"{workload.name} {name if mode == 'infer' else 'losses'}: {library}"
            difference = float(np.abs(ours - theirs).max() / np.abs(ours).max())
            shown = "" if mode == "infer" else f", {theirs[0]:.4f} to {theirs[-1]:.4f}"
            print(f"{what} differs by {difference:.1e}{shown}", flush=True)
            if not difference <= tolerance:
                wrong.append(f"{what} differs by {difference:.1e}")
    for library, reason in empty.items():
        print(f"{workload.name} {mode}: {library} not compared: {reason}", flush=True)
    return wrong


def _outputs(worker: Worker) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "output.npy")
        found = []
        for batch in race.BATCHES:
            worker.call("save_output", row=f"b{batch}", path=path)
            found.append(np.load(path))
        return found


def _losses(worker: Worker) -> list[np.ndarray]:
    return [np.array(worker.call("losses", epochs=_STEPS))]
