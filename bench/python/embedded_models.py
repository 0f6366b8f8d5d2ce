"""The models of the embedded benchmark: saved by Addax, and the same weights as ONNX files.

python embedded_models.py FOLDER            with Addax
python embedded_models.py FOLDER --onnx     with the package onnx, afterwards
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

UNITS = 16


def save(folder: Path) -> None:
    import addax as keras
    from addax import layers

    keras.utils.set_random_seed(3)
    relu = {"activation": "relu"}
    mlp = [keras.Input((32,)), layers.Dense(64, **relu), layers.Dense(64, **relu), layers.Dense(1)]
    mnist = [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, **relu),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, **relu),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    ]

    def recurrent(kind: type) -> list:
        return [keras.Input((None, 1)), kind(UNITS, return_sequences=True), layers.Dense(1)]

    stacks = {
        "mlp": mlp,
        "mnist": mnist,
        "gru": recurrent(layers.GRU),
        "lstm": recurrent(layers.LSTM),
    }
    for name, stack in stacks.items():
        model = keras.Sequential(stack, name=name)
        model.save(folder / name)
        # Zero-padded names keep their order in the archive.
        weights = {f"{i:02}": w for i, w in enumerate(model.get_weights())}
        np.savez(folder / f"{name}.npz", **weights)


def write_onnx(folder: Path) -> None:
    graphs = {"mlp": mlp_graph, "mnist": mnist_graph, "gru": gru_graph, "lstm": lstm_graph}
    for name, graph in graphs.items():
        with np.load(folder / f"{name}.npz") as archive:
            weights = [archive[key] for key in archive]
        graph(weights).save(folder / f"{name}.onnx")


class Graph:
    """An ONNX graph, written node by node; the last node's output is `y`."""

    def __init__(self, x: tuple[int, ...], y: tuple[int, ...]) -> None:
        self.nodes, self.constants = [], []
        self.inputs, self.outputs = {"x": x}, {"y": y}

    def constant(self, value: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], outputs: str | list[str] = "", **attributes) -> str:
        from onnx import helper

        names = outputs if isinstance(outputs, list) else [outputs or f"n{len(self.nodes)}"]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0]

    def save(self, path: Path) -> None:
        import onnx
        from onnx import TensorProto, helper

        def ports(shapes: dict) -> list:
            return [
                helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()
            ]

        graph = helper.make_graph(
            self.nodes, path.stem, ports(self.inputs), ports(self.outputs), self.constants
        )
        opset = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def mlp_graph(weights: list[np.ndarray]) -> Graph:
    g = Graph((1, 32), (1, 1))
    x = "x"
    for i in range(0, 6, 2):
        last = i == 4
        dense = [x, g.constant(weights[i]), g.constant(weights[i + 1])]
        x = g.add("Gemm", dense, "y" if last else "")
        x = x if last else g.add("Relu", [x])
    return g


def mnist_graph(weights: list[np.ndarray]) -> Graph:
    g = Graph((1, 28, 28, 1), (1, 10))
    x = g.add("Transpose", ["x"], perm=[0, 3, 1, 2])
    for kernel, bias in (weights[0:2], weights[2:4]):
        inputs = [x, g.constant(kernel.transpose(3, 2, 0, 1)), g.constant(bias)]
        x = g.add("Relu", [g.add("Conv", inputs, kernel_shape=[3, 3])])
        x = g.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    # The dense weights are put into the order of channels first, so that nothing is transposed.
    dense = weights[4].reshape(5, 5, 64, 10).transpose(2, 0, 1, 3).reshape(1600, 10)
    x = g.add("Gemm", [g.add("Flatten", [x]), g.constant(dense), g.constant(weights[5])])
    g.add("Softmax", [x], "y", axis=-1)
    return g


def gates(w: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """`(n, gates * units)` → `(1, gates * units, n)`, the gates in ONNX's order."""
    parts = np.split(w, len(order), axis=1)
    return np.concatenate([parts[i] for i in order], axis=1).T[None]


def recurrent_graph(kind: str, weights: list, biases: list, order: tuple, **attributes) -> Graph:
    """Batch 1, so that time first is a reshape; the state is one vector of all states."""
    kernel, recurrent, dense, dense_bias = weights
    states = 2 if kind == "LSTM" else 1
    g = Graph((1, 64, 1), (1, 64, 1))
    g.inputs["state"] = g.outputs["next"] = (states * UNITS,)
    xt = g.add("Reshape", ["x", g.constant(np.array([64, 1, 1]))])
    matrices = [g.constant(gates(w, order)) for w in (kernel, recurrent)]
    bias = np.concatenate([gates(b[None], order)[0, :, 0] for b in biases])[None]
    begin = g.add("Reshape", ["state", g.constant(np.array([states, 1, 1, UNITS]))])
    begins = [begin]
    if states == 2:
        begins = ["h0", "c0"]
        g.add("Split", [begin], begins, axis=0)
    axis = g.constant(np.array([0]))
    begins = [g.add("Squeeze", [b, axis]) for b in begins]
    ends = ["h1", "c1"][:states]
    inputs = [xt, *matrices, g.constant(bias), "", *begins]
    g.add(kind, inputs, ["ys", *ends], hidden_size=UNITS, **attributes)
    rows = g.add("Reshape", ["ys", g.constant(np.array([64, UNITS]))])
    y = g.add("Gemm", [rows, g.constant(dense), g.constant(dense_bias)])
    g.add("Reshape", [y, g.constant(np.array([1, 64, 1]))], "y")
    joined = g.add("Concat", ends, axis=0) if states == 2 else ends[0]
    g.add("Reshape", [joined, g.constant(np.array([states * UNITS]))], "next")
    return g


def gru_graph(weights: list[np.ndarray]) -> Graph:
    kernel, recurrent, bias, dense, dense_bias = weights
    rest = [kernel, recurrent, dense, dense_bias]
    return recurrent_graph("GRU", rest, list(bias), (0, 1, 2), linear_before_reset=1)


def lstm_graph(weights: list[np.ndarray]) -> Graph:
    kernel, recurrent, bias, dense, dense_bias = weights
    rest = [kernel, recurrent, dense, dense_bias]
    return recurrent_graph("LSTM", rest, [bias, np.zeros_like(bias)], (0, 3, 1, 2))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_onnx(target) if "--onnx" in sys.argv else save(target)
