"""Addax and Keras: the same code for both."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from workloads import Workload

from engines import base


def module_of(library: str, threads: int) -> Any:
    """The module that stands for Keras, its backend's threads set."""
    if library == "keras-tensorflow":
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    elif library == "keras-torch":
        import torch

        torch.set_num_threads(threads)
    return importlib.import_module("addax" if library == "addax" else "keras")


def build(keras: Any, workload: Workload, folder: Path | None = None) -> Any:
    """The model; with the saved weights if a folder has some."""
    keras.utils.set_random_seed(1)
    model = workload.build(keras)
    if folder is not None and (folder / "weights.npz").exists():
        with np.load(folder / "weights.npz") as saved:
            model.set_weights([saved[name] for name in saved.files])
    return model


def compiled(keras: Any, workload: Workload, model: Any, **options: Any) -> Any:
    losses = keras.losses
    loss: Any = (
        losses.SparseCategoricalCrossentropy(from_logits=True)
        if workload.classes
        else losses.BinaryCrossentropy()
    )
    model.compile(optimizer=keras.optimizers.Adam(), loss=loss, **options)
    return model


# Below this, in seconds, Keras's documentation recommends several steps an execution.
_SMALL_STEP = 3e-3


class Training(base.Training):
    """`fit`. For Keras the quickest of its documented ways: `fit` or `train_on_batch`, XLA or not
    (TensorFlow), and several steps an execution for small models."""

    way = "fit"

    def prepare(self) -> None:
        self.keras = module_of(self.library, self.threads)

    def compile(self) -> None:
        self.model = self._compiled(**self._plain())

    def settle(self) -> None:
        if self.library != "addax":
            self._choose()
        super().settle()

    def epoch(self) -> None:
        self._train_on_batch() if self.way.startswith("train_on_batch") else self._fit()

    def losses(self, epochs: int) -> list[float]:
        self.model = self._compiled()
        history = self.model.fit(
            self.x,
            self.y,
            batch_size=self.workload.batch,
            epochs=epochs,
            shuffle=False,
            verbose=0,
        )
        return [float(loss) for loss in history.history["loss"]]

    def _plain(self) -> dict[str, Any]:
        """Options of `compile`. TensorFlow's own kernels beat XLA's on a CPU, but for small layers;
        XLA takes minutes to compile a large network."""
        return {"jit_compile": False} if self.library == "keras-tensorflow" else {}

    def _choose(self) -> None:
        """Tries the ways and keeps the quickest."""
        tried: list[tuple[float, str, Any]] = []

        def attempt(way: str, run: Callable[[], None], **options: Any) -> float:
            if options:
                self.model = self._compiled(**options)
                run()  # compiles
            start = time.perf_counter()
            run()
            tried.append((time.perf_counter() - start, way, self.model))
            return tried[-1][0] / self.workload.steps

        step = attempt("fit", self._fit)
        attempt("train_on_batch", self._train_on_batch)
        if step < _SMALL_STEP:
            plain = self._plain()
            attempt("fit, steps_per_execution=20", self._fit, steps_per_execution=20, **plain)
            if plain:
                attempt("fit, jit_compile", self._fit, jit_compile=True)
        _, self.way, self.model = min(tried, key=lambda one: one[0])

    def _compiled(self, **options: Any) -> Any:
        model = build(self.keras, self.workload, self.folder)
        return compiled(self.keras, self.workload, model, **options)

    def _fit(self) -> None:
        self.model.fit(self.x, self.y, batch_size=self.workload.batch, epochs=1, verbose=0)

    def _train_on_batch(self) -> None:
        size = self.workload.batch
        for start in range(0, len(self.x), size):
            self.model.train_on_batch(self.x[start : start + size], self.y[start : start + size])


class Inference(base.Inference):
    """Addax: a predictor that is held. Keras: `predict_on_batch`."""

    def calls(self) -> dict[str, Callable[[], Any]]:
        keras = module_of(self.library, self.threads)
        model = build(keras, self.workload, self.folder)
        held = model.predictor() if self.library == "addax" else model.predict_on_batch
        found: dict[str, Callable[[], Any]] = {}
        for batch, x in self.inputs.items():
            found[f"b{batch}"] = partial(held, x)
            if self.workload.ways:
                found[f"b{batch} predict_on_batch"] = partial(model.predict_on_batch, x)
                found[f"b{batch} predict"] = partial(model.predict, x, verbose=0)
        return found
