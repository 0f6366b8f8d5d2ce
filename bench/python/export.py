"""The same model for every library: weights written by Addax, files of other formats by Keras.

Written into a folder for each workload: `weights.npz` in the order of `model.get_weights()`,
`model.json` (Keras's configuration), and for each batch size `b1.onnx`, `b1.tflite` and so on.
`onnx.done` and `litert.done` say that a format was tried; they hold the reason if it failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from engines.keras_engine import build, module_of
from libraries import place
from processes import Worker, WorkerError
from workloads import WORKLOADS, Workload


def export(workload: Workload, pythons: dict[str, str], exports: Path) -> None:
    """Writes what the peers of `pythons` need and is not there yet. What cannot be written leaves
    its reason there."""
    folder = exports / workload.name
    if set(pythons) == {"addax"}:
        return
    arguments = {"workload": workload.name, "folder": str(folder)}
    if not (folder / "weights.npz").exists():
        _worker("addax", pythons, "export:Weights", **arguments).close()
    formats = {"onnx": ("onnxruntime", "openvino"), "litert": ("litert",)}
    wanted = [
        name
        for name, readers in formats.items()
        if any(reader in pythons for reader in readers) and not (folder / f"{name}.done").exists()
    ]
    if not wanted or "keras-tensorflow" not in pythons:
        return
    worker = _worker("keras-tensorflow", pythons, "export:Export", batches=[1, 32], **arguments)
    try:
        for name in wanted:
            reason = ""
            try:
                worker.call(name)
            except WorkerError as error:
                reason = str(error)
            (folder / f"{name}.done").write_text(reason)
    finally:
        worker.close()


def _worker(library: str, pythons: dict[str, str], name: str, **arguments: Any) -> Worker:
    worker = Worker(place(library, pythons[library], 1))
    worker.make(name, **arguments)
    worker.made()
    return worker


class Weights:
    """Runs with Addax: random weights, with biases and batch statistics that are not trivial."""

    def __init__(self, workload: str, folder: str) -> None:
        model = build(module_of("addax", 1), WORKLOADS[workload])
        generator = np.random.default_rng(2)
        weights = [
            w + generator.uniform(0, 0.1, w.shape).astype(w.dtype) if w.ndim == 1 else w
            for w in model.get_weights()
        ]
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        # Zero-padded names keep their order in the archive.
        np.savez(target / "weights.npz", **{f"{i:04}": w for i, w in enumerate(weights)})
        (target / "model.json").write_text(model.to_json())


class Export:
    """Runs with Keras on TensorFlow."""

    def __init__(self, workload: str, folder: str, batches: list[int]) -> None:
        import tensorflow

        self.folder = Path(folder)
        self.workload = WORKLOADS[workload]
        self.model = build(module_of("keras-tensorflow", 1), self.workload, self.folder)
        self.signatures = {
            batch: tensorflow.TensorSpec(
                (batch, *self.workload.shape),
                tensorflow.int32 if self.workload.words else tensorflow.float32,
                name="x",
            )
            for batch in batches
        }
        self.function = tensorflow.function(lambda x: self.model(x, training=False))

    def litert(self) -> None:
        """TFLite files. The weights are frozen into constants: XNNPACK takes no others."""
        import tensorflow
        from tensorflow.python.framework.convert_to_constants import (
            convert_variables_to_constants_v2,
        )

        for batch, signature in self.signatures.items():
            frozen = convert_variables_to_constants_v2(
                self.function.get_concrete_function(signature)
            )
            converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([frozen])
            (self.folder / f"b{batch}.tflite").write_bytes(converter.convert())

    def onnx(self) -> None:
        """ONNX files. A recurrent layer becomes ONNX's own operator, which onnxruntime and OpenVINO
        have kernels for; tf2onnx would write Keras's loop. GELU is written with `erf`: tf2onnx does
        not know TensorFlow's `erfc`, and the engines fuse this form."""
        import onnx
        import tensorflow

        def gelu(x: Any) -> Any:
            return 0.5 * x * (1.0 + tensorflow.math.erf(x / np.sqrt(2.0).astype(np.float32)))

        for layer in self.model.layers:
            if getattr(getattr(layer, "activation", None), "__name__", "") == "gelu":
                layer.activation = gelu
        function = tensorflow.function(lambda x: self.model(x, training=False))
        for batch, signature in self.signatures.items():
            if self.workload.name in ("lstm", "gru"):
                model = _recurrent_onnx(self.model.get_weights(), batch, self.workload)
            else:
                import tf2onnx

                model, _ = tf2onnx.convert.from_function(
                    function, input_signature=[signature], opset=17
                )
            onnx.save(model, self.folder / f"b{batch}.onnx")


def _recurrent_onnx(weights: list[np.ndarray], batch: int, workload: Any) -> Any:
    """LSTM or GRU, last step, then a dense layer. Keras has the gates in the order input, forget,
    cell, output (LSTM) and update, reset, candidate (GRU); ONNX input, output, forget, cell and the
    same."""
    from onnx import TensorProto, helper, numpy_helper

    kernel, recurrent, bias, dense, dense_bias = weights
    units = recurrent.shape[0]
    if workload.name == "lstm":
        order = (0, 3, 1, 2)
        attributes: dict[str, Any] = {}
        bias = np.stack([bias, np.zeros_like(bias)])
    else:
        order = (0, 1, 2)
        attributes = {"linear_before_reset": 1}

    def gates(w: np.ndarray) -> np.ndarray:
        """(n, gates * units) → (1, gates * units, n)"""
        parts = np.split(w, len(order), axis=1)
        return np.concatenate([parts[i] for i in order], axis=1).T[None]

    biases = np.concatenate([gates(b[None])[0, :, 0] for b in bias])[None]
    constants = {
        "w": gates(kernel),
        "r": gates(recurrent),
        "b": biases,
        "dense": dense,
        "dense_bias": dense_bias,
        "last": np.array([batch, units], dtype=np.int64),
    }
    steps, features = workload.shape
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
            helper.make_node(
                workload.name.upper(),
                ["xt", "w", "r", "b"],
                ["", "h"],
                hidden_size=units,
                **attributes,
            ),
            helper.make_node("Reshape", ["h", "last"], ["h2"]),
            helper.make_node("Gemm", ["h2", "dense", "dense_bias"], ["y"]),
        ],
        workload.name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, steps, features])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, workload.classes])],
        [
            numpy_helper.from_array(np.ascontiguousarray(value), name)
            for name, value in constants.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
