"""OpenVINO: the ONNX file, latency hint, held to float32 as everybody else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openvino

from engines import base


class Inference(base.Inference):
    def calls(self) -> dict[str, Callable[[], Any]]:
        return {f"b{batch}": self._call(batch, x) for batch, x in self.inputs.items()}

    def _call(self, batch: int, x: Any) -> Callable[[], Any]:
        core = openvino.Core()
        model = core.compile_model(
            core.read_model(self.exported(f"b{batch}.onnx", "onnx")),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": self.threads,
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "LATENCY",
            },
        )
        request = model.create_infer_request()
        # `share_inputs` and `share_outputs` spare copies of arrays.
        infer = request.infer
        return lambda: infer([x], share_inputs=True, share_outputs=True)[0]
