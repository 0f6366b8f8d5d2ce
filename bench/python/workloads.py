"""What is compared: whole workloads, each one definition for every library.

A workload knows its network (ordinary Keras code, `models.py`), its data and loss, how it is
trained, at which batch sizes it answers, and which part of the fastest peer's time is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import models
import numpy as np


@dataclass(frozen=True)
class Workload:
    """One row of the comparison.

    Attributes:
        build: From the module that stands for Keras to the model.
        shape: Of one sample.
        words: Inputs are word numbers below this, if it is not 0.
        classes: Targets are class numbers below this; 0: the inputs are the targets.
        batch: Of training; 0 if the workload is not trained.
        steps: Of an epoch, which a round runs at least once.
        goals: "train", "b1", "b32" → wanted part of the fastest peer's time.
        drops: Whether training drops activations at random.
        ways: Whether `predict` and `predict_on_batch` are rows of their own.
    """

    name: str
    title: str
    build: Callable[[Any], Any]
    shape: tuple[int, ...]
    batch: int = 0
    steps: int = 0
    words: int = 0
    classes: int = 10
    goals: dict[str, float] = field(default_factory=dict)
    drops: bool = False
    ways: bool = False

    @property
    def loss(self) -> str:
        return "sparse_categorical_crossentropy" if self.classes else "binary_crossentropy"

    def inputs(self, count: int, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        if self.words:
            return generator.integers(0, self.words, (count, *self.shape), dtype=np.int32)
        return generator.random((count, *self.shape), dtype=np.float32)

    def training_data(self, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        count = self.batch * (steps or self.steps)
        x = self.inputs(count)
        if not self.classes:
            return x, x
        return x, np.random.default_rng(1).integers(0, self.classes, count, dtype=np.int32)


def _goals(train: float | None, b1: float, b32: float) -> dict[str, float]:
    return {"b1": b1, "b32": b32} | ({"train": train} if train else {})


_ALL = (
    Workload(
        "tiny_mlp",
        "MLP 4-16-16-3, batch 32",
        lambda keras: models.mlp(keras, 4, 16, 16, 3),
        shape=(4,),
        batch=32,
        steps=1000,
        classes=3,
        goals=_goals(0.3, 1.0, 0.8),
        ways=True,
    ),
    Workload(
        "mlp",
        "MLP 784-512-512-10, batch 128",
        lambda keras: models.mlp(keras, 784, 512, 512, 10),
        shape=(784,),
        batch=128,
        steps=50,
        goals=_goals(0.7, 0.95, 0.95),
    ),
    Workload(
        "mnist_cnn",
        "MNIST convnet, batch 128",
        models.mnist_cnn,
        shape=(28, 28, 1),
        batch=128,
        steps=12,
        drops=True,
        goals=_goals(0.5, 0.8, 0.95),
    ),
    Workload(
        "guide_cnn",
        "Sequential guide's stack, 250x250x3, batch 8",
        models.guide_cnn,
        shape=(250, 250, 3),
        batch=8,
        steps=4,
        goals=_goals(0.65, 0.95, 0.95),
    ),
    Workload(
        "resnet20",
        "ResNet-20, 32x32, batch 128",
        models.resnet20,
        shape=(32, 32, 3),
        batch=128,
        steps=2,
        goals=_goals(0.7, 0.95, 0.95),
    ),
    Workload(
        "mobilenet_v2",
        "MobileNetV2, 96x96, batch 16",
        lambda keras: models.mobilenet_v2(keras, 96),
        shape=(96, 96, 3),
        classes=1000,
        batch=16,
        steps=3,
        goals=_goals(0.6, 0.85, 0.85),
    ),
    Workload(
        "lstm",
        "LSTM 128 on 64x100x64",
        lambda keras: models.recurrent(keras, "LSTM"),
        shape=(100, 64),
        batch=64,
        steps=6,
        goals=_goals(0.55, 0.6, 0.8),
    ),
    Workload(
        "gru",
        "GRU 128 on 64x100x64",
        lambda keras: models.recurrent(keras, "GRU"),
        shape=(100, 64),
        batch=64,
        steps=6,
        goals=_goals(0.45, 0.6, 0.5),
    ),
    Workload(
        "transformer",
        "Transformer block, 128 tokens of 256, batch 32",
        models.transformer,
        shape=(128, 256),
        batch=32,
        steps=2,
        goals=_goals(0.65, 0.85, 0.85),
    ),
    Workload(
        "text",
        "Embedding 20,000x64, 200 words, mean, batch 64",
        models.text_classifier,
        shape=(200,),
        words=20_000,
        classes=2,
        batch=64,
        steps=60,
        goals=_goals(0.4, 0.6, 0.4),
    ),
    Workload(
        "autoencoder",
        "Convolutional autoencoder, 28x28, batch 128",
        models.autoencoder,
        shape=(28, 28, 1),
        classes=0,
        batch=128,
        steps=6,
        goals=_goals(0.5, 0.6, 0.6),
    ),
    Workload(
        "tabular",
        "MLP 20-64-64-1",
        lambda keras: models.mlp(keras, 20, 64, 64, 1),
        shape=(20,),
        goals=_goals(None, 1.0, 0.8),
        ways=True,
    ),
    Workload(
        "resnet50",
        "ResNet-50, 224x224",
        models.resnet50,
        shape=(224, 224, 3),
        goals=_goals(None, 0.95, 0.95),
    ),
    Workload(
        "mobilenet_v2_224",
        "MobileNetV2, 224x224",
        lambda keras: models.mobilenet_v2(keras, 224),
        shape=(224, 224, 3),
        goals=_goals(None, 0.95, 0.95),
    ),
    Workload(
        "xception",
        "Xception, 299x299",
        models.xception,
        shape=(299, 299, 3),
        goals=_goals(None, 0.95, 0.95),
    ),
)

WORKLOADS = {workload.name: workload for workload in _ALL}
