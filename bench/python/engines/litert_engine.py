"""LiteRT (TensorFlow Lite) with XNNPACK: the file with frozen weights; set, invoke, get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from engines import base


class Inference(base.Inference):
    def calls(self) -> dict[str, Callable[[], Any]]:
        return {f"b{batch}": self._call(batch, x) for batch, x in self.inputs.items()}

    def _call(self, batch: int, x: Any) -> Callable[[], Any]:
        interpreter = Interpreter(
            model_path=str(self.exported(f"b{batch}.tflite", "litert")), num_threads=self.threads
        )
        interpreter.allocate_tensors()
        given = interpreter.get_input_details()[0]["index"]
        result = interpreter.get_output_details()[0]["index"]
        set_tensor, invoke = interpreter.set_tensor, interpreter.invoke
        get_tensor = interpreter.get_tensor

        def call() -> Any:
            set_tensor(given, x)
            invoke()
            return get_tensor(result)

        return call
