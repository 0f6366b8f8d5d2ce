"""The least time that a workload can take on this machine: its arithmetic at the measured peak of
multiply-adds, or its unavoidable bytes at the measured rates of reading, whichever is longer.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from workloads import Workload

# Adam reads a weight, its gradient and two moments and writes all but the gradient back.
_ADAM_BYTES = 28


@dataclass(frozen=True)
class Limits:
    """Of a number of threads together: operations per second, and (bytes, bytes per second) of L2,
    L3 and memory."""

    flops: float
    levels: tuple[tuple[float, float], ...]

    def seconds(self, flops: float, size: float) -> float:
        """The longer of arithmetic and reading; what fits a cache is taken to be there."""
        reading = 0.0
        for capacity, rate in self.levels:
            part = min(size, capacity)
            reading += part / rate
            size -= part
        return max(flops / self.flops, reading)


def measure_limits(threads: int) -> Limits | None:
    """Compiles and runs `limits.cpp`; `None` without a C++ compiler."""
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        return None
    source = Path(__file__).with_name("limits.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "limits"
        options = ["-O3", "-march=native", "-ffp-contract=fast", "-std=c++17", "-pthread"]
        subprocess.run([compiler, *options, str(source), "-o", str(program)], check=True)
        shown = subprocess.run(
            [str(program), str(threads)], capture_output=True, text=True, check=True
        )
    found = json.loads(shown.stdout)
    l2, l3, memory = found["read"].values()
    second, third = _cache_size(2, 1 << 20) * threads, _cache_size(3, 1 << 25)
    return Limits(found["flops"], ((second, l2), (max(0, third - second), l3), (1e30, memory)))


def _cache_size(level: int, default: int) -> int:
    path = Path(f"/sys/devices/system/cpu/cpu0/cache/index{level}/size")
    match = re.fullmatch(r"(\d+)K\s*", path.read_text()) if path.exists() else None
    return int(match[1]) * 1024 if match else default


def floor(workload: Workload, mode: str, batch: int, limits: Limits) -> float:
    """Seconds of a train step or of a call."""
    import addax

    model = workload.build(addax)
    inputs = 4 * batch * prod(workload.shape)
    flops, weights = 0.0, 0.0
    for layer in model.layers:
        forward, first = _flops(layer)
        if mode == "train":
            # Gradients of the data and of the weights; the first layer's data need none.
            reads_input = layer.input is model.inputs[0]
            flops += 3 * forward - (first if reads_input else 0)
            weights += _ADAM_BYTES * layer.count_params()
        else:
            flops += forward
            weights += _bytes_read(layer, batch)
    return limits.seconds(batch * flops, inputs + weights)


def _flops(layer: Any) -> tuple[float, float]:
    """Of one sample, forward; and the part whose data gradient would be that of the input."""
    kind = type(layer).__name__
    if kind == "Dense":
        flops = 2 * prod(layer.kernel.shape) * prod(layer.output.shape[1:-1])
    elif kind == "Conv2D":
        flops = 2 * prod(layer.kernel.shape) * prod(layer.output.shape[1:3])
    elif kind == "Conv2DTranspose":
        flops = 2 * prod(layer.kernel.shape) * prod(layer.input.shape[1:3])
    elif kind in ("DepthwiseConv2D", "SeparableConv2D"):
        taps = sum(prod(w.shape) for w in layer.weights if len(w.shape) == 4)
        flops = 2 * taps * prod(layer.output.shape[1:3])
    elif kind in ("LSTM", "GRU"):
        kernel, recurrent, _ = layer.weights
        steps = layer.input.shape[1]
        first = 2 * steps * prod(kernel.shape)
        return first + 2 * steps * prod(recurrent.shape), first
    elif kind == "MultiHeadAttention":
        tokens, width = layer.output.shape[1:]
        products = sum(prod(w.shape) for w in layer.weights if len(w.shape) == 3)
        flops = 2 * tokens * products + 4 * tokens * tokens * width
    else:
        return 0.0, 0.0
    return flops, flops


def _bytes_read(layer: Any, batch: int) -> float:
    if type(layer).__name__ == "Embedding":
        return 4 * batch * prod(layer.output.shape[1:])
    return 4 * layer.count_params()
