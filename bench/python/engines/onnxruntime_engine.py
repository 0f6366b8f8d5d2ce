"""onnxruntime: the ONNX file, all graph optimizations, NumPy in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnxruntime

from engines import base


class Inference(base.Inference):
    def calls(self) -> dict[str, Callable[[], Any]]:
        return {f"b{batch}": self._call(batch, x) for batch, x in self.inputs.items()}

    def _call(self, batch: int, x: Any) -> Callable[[], Any]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = onnxruntime.InferenceSession(
            str(self.exported(f"b{batch}.onnx", "onnx")),
            options,
            providers=["CPUExecutionProvider"],
        )
        run, feed = session.run, {session.get_inputs()[0].name: x}
        return lambda: run(None, feed)[0]
