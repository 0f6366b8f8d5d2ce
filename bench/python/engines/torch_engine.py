"""PyTorch: eager, channels_last, the fused Adam; the network is read from Keras's configuration and
becomes a `torch.fx.GraphModule`, whose `forward` is the straight code that one would write.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from engines import base
from engines.torch_network import Network


def _network(workload: Any, folder: Path, exact: bool = False) -> Any:
    configuration = json.loads((folder / "model.json").read_text())
    with np.load(folder / "weights.npz") as saved:
        weights = [saved[name] for name in saved.files]
    network = Network(configuration, weights, exact).module
    if len(workload.shape) == 3:
        network = network.to(memory_format=torch.channels_last)
    return network


def _tensor(x: np.ndarray) -> torch.Tensor:
    """Shares the array's memory; an image becomes a channels_last tensor of shape (N, C, H, W)."""
    tensor = torch.from_numpy(x)
    return tensor.permute(0, 3, 1, 2) if tensor.dim() == 4 else tensor


class Training(base.Training):
    way = "eager, fused Adam"

    def prepare(self) -> None:
        torch.set_num_threads(self.threads)
        self.targets = torch.from_numpy(
            self.y.astype(np.int64) if self.workload.classes else self.y
        )

    def compile(self) -> None:
        self.network, self.optimizer = self._made(exact=False)

    def _made(self, exact: bool) -> tuple[Any, Any]:
        network = _network(self.workload, self.folder, exact).train()
        # Keras's epsilon, so that losses can be compared.
        return network, torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)

    def _step(self, network: Any, optimizer: Any, start: int) -> torch.Tensor:
        stop = start + self.workload.batch
        x = _tensor(self.x[start:stop])
        optimizer.zero_grad(set_to_none=True)
        if self.workload.classes:
            loss = F.cross_entropy(network(x), self.targets[start:stop])
        else:
            loss = F.binary_cross_entropy(network(x), x)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def epoch(self) -> None:
        for start in range(0, len(self.x), self.workload.batch):
            loss = self._step(self.network, self.optimizer, start)
        loss.item()

    def losses(self, epochs: int) -> list[float]:
        network, optimizer = self._made(exact=True)
        starts = range(0, len(self.x), self.workload.batch)
        return [
            float(np.mean([self._step(network, optimizer, start).item() for start in starts]))
            for _ in range(epochs)
        ]


class Inference(base.Inference):
    def calls(self) -> dict[str, Callable[[], Any]]:
        torch.set_num_threads(self.threads)
        network = _network(self.workload, self.folder, self.exact).eval()

        def answering(x: np.ndarray) -> Callable[[], Any]:
            def call() -> Any:
                with torch.inference_mode():
                    y = network(_tensor(x))
                    return (y.permute(0, 2, 3, 1) if y.dim() == 4 else y).numpy()

            return call

        return {f"b{batch}": answering(x) for batch, x in self.inputs.items()}
