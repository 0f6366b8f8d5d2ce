"""What every library does with a workload: train it, or answer with it.

A subclass for each library says how, in the way that the library's documentation recommends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from timing import Timer, peak_memory
from workloads import WORKLOADS


class Training(ABC):
    """Trains a workload; the data lie in NumPy arrays.

    Subclasses give `prepare`, `compile`, `epoch` and `losses`.

    Args:
        folder: Where the workload's weights and exported models lie (`export.py`).
        run: Whether to compile and run an epoch at once, as a measurement needs.
    """

    way = ""  # how, where a library has several ways

    def __init__(
        self, library: str, workload: str, threads: int, folder: str, run: bool = True
    ) -> None:
        self.library = library
        self.threads = threads
        self.folder = Path(folder)
        self.workload = WORKLOADS[workload]
        self.x, self.y = self.workload.training_data(None if run else 1)
        self.prepare()
        if run:
            self.compile()
            self.epoch()

    def settle(self) -> None:
        """Called when no other process runs: chooses the quickest way."""
        self._timer = Timer(self.epoch, self.workload.steps, calls=1)

    @abstractmethod
    def prepare(self) -> None:
        """Sets up the library."""

    @abstractmethod
    def compile(self) -> None:
        """Builds the model, and compiles what is compiled."""

    @abstractmethod
    def epoch(self) -> None:
        """Runs all steps once and waits for them."""

    @abstractmethod
    def losses(self, epochs: int) -> list[float]:
        """Mean losses of epochs over the data in order, from the saved weights."""

    def measure(self, seconds: float) -> dict[str, float]:
        """Times of a step."""
        return self._timer.measure(seconds)

    def the_way(self) -> str:
        return self.way

    def memory(self) -> int:
        """Peak resident memory in bytes."""
        return peak_memory()


class Inference(ABC):
    """Answers with a workload, each row of the table its own function of no arguments.

    Subclasses give `calls`, which returns the functions: "b1" and "b32" by the quickest way that
    the library has, and perhaps others.

    Args:
        folder: Where the workload's weights and exported models lie (`export.py`).
        batches: Sizes of the batches.
        exact: Whether results must agree, where a library's own way differs in the padding.
    """

    def __init__(
        self,
        library: str,
        workload: str,
        threads: int,
        folder: str,
        batches: list[int],
        exact: bool = False,
    ) -> None:
        self.library = library
        self.threads = threads
        self.exact = exact
        self.folder = Path(folder)
        self.workload = WORKLOADS[workload]
        self.inputs = {batch: self.workload.inputs(batch, seed=batch) for batch in batches}
        self._calls = self.calls()

    def settle(self) -> None:
        """Called when no other process runs: warms up."""
        self._timers = {row: Timer(call) for row, call in self._calls.items()}

    @abstractmethod
    def calls(self) -> dict[str, Callable[[], Any]]:
        """The functions, by row."""

    def rows(self) -> list[str]:
        return list(self._calls)

    def measure(self, row: str, seconds: float) -> dict[str, float]:
        """Times of a call."""
        return self._timers[row].measure(seconds)

    def save_output(self, row: str, path: str) -> None:
        np.save(path, np.asarray(self._calls[row]()))

    def exported(self, name: str, kind: str) -> Path:
        """A file of the kind "onnx" or "litert" that `export.py` wrote.

        Raises:
            FileNotFoundError: If the model was not exported.
        """
        path = self.folder / name
        if not path.exists():
            tried = self.folder / f"{kind}.done"
            reason = tried.read_text() if tried.exists() else "keras-tensorflow exports it"
            raise FileNotFoundError(f"no {name}: {reason}")
        return path
