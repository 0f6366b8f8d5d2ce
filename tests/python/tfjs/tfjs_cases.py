"""The models that cross the border between Addax and TensorFlow.js, written in both.

A case is a chain of layers in the words of each side, or a model of graphs.py and graphs.js.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BATCH = 3


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        shapes: Of one sample, for each input.
        tfjs, addax: The chain of layers as arguments of a call; empty for a model of graphs.py.
        ids: If above 0, inputs are whole numbers below it.
        differs: Why TensorFlow.js gives other numbers, where it is known to.
        refused: What TensorFlow.js says to the file of Addax, where it is known to refuse it.
    """

    shapes: list[tuple]
    tfjs: str = ""
    addax: str = ""
    ids: int = 0
    differs: str = ""
    refused: str = ""

    def inputs(self) -> list[np.ndarray]:
        generator = np.random.default_rng(len(self.shapes[0]))
        sizes = [(BATCH, *shape) for shape in self.shapes]
        if self.ids:
            return [generator.integers(0, self.ids, size).astype("float32") for size in sizes]
        return [generator.normal(size=size).astype("float32") for size in sizes]

    def description(self, name: str) -> dict:
        """The model for client.js."""
        if not self.tfjs:
            return {"graph": name}
        return {"layers": self.tfjs, "shapes": self.shapes}

    def model(self, name: str):
        """The model of Addax, with weights that are not those of a beginning."""
        import addax as keras
        import graphs

        keras.utils.set_random_seed(1)
        if not self.addax:
            model = getattr(graphs, name)()
        else:
            chain = eval(f"[{self.addax}]", vars(keras.layers))
            if len(self.shapes) == 1:
                model = keras.Sequential([keras.Input(self.shapes[0]), *chain])
            else:
                x = inputs = [keras.Input(shape) for shape in self.shapes]
                for layer in chain:
                    x = layer(x)
                model = keras.Model(inputs, x)
        generator = np.random.default_rng(5)
        for v in model.weights:
            values = generator.uniform(-0.5, 0.5, v.shape)
            v.assign(values + 1 if "variance" in v.path else values)
        return model


CASES = {
    "dense": Case(
        [(4,)],
        "dense({units: 5, activation: 'tanh'}), dense({units: 2, useBias: false})",
        "Dense(5, activation='tanh'), Dense(2, use_bias=False)",
    ),
    "conv2d": Case(
        [(8, 7, 3)],
        "conv2d({filters: 4, kernelSize: 3, activation: 'relu'}), "
        "conv2d({filters: 2, kernelSize: [2, 3], strides: 2, padding: 'same'})",
        "Conv2D(4, 3, activation='relu'), Conv2D(2, (2, 3), strides=2, padding='same')",
    ),
    "conv1d": Case(
        [(9, 2)],
        "conv1d({filters: 3, kernelSize: 3, dilationRate: 2}), "
        "conv1d({filters: 2, kernelSize: 2, strides: 2, padding: 'same'})",
        "Conv1D(3, 3, dilation_rate=2), Conv1D(2, 2, strides=2, padding='same')",
    ),
    "depthwise_conv2d": Case(
        [(6, 6, 2)],
        "depthwiseConv2d({kernelSize: 3, depthMultiplier: 2, padding: 'same'})",
        "DepthwiseConv2D(3, depth_multiplier=2, padding='same')",
    ),
    "separable_conv2d": Case(
        [(6, 6, 2)],
        "separableConv2d({filters: 3, kernelSize: 3, depthMultiplier: 2})",
        "SeparableConv2D(3, 3, depth_multiplier=2)",
    ),
    "batch_normalization": Case(
        [(5, 3)],
        "batchNormalization({epsilon: 0.01}), dense({units: 2})",
        "BatchNormalization(epsilon=0.01), Dense(2)",
    ),
    "lstm": Case([(5, 3)], "lstm({units: 4})", "LSTM(4)"),
    "gru": Case([(5, 3)], "gru({units: 4})", "GRU(4, reset_after=False)"),
    "embedding": Case(
        [(4,)],
        "embedding({inputDim: 6, outputDim: 3}), flatten(), dense({units: 2})",
        "Embedding(6, 3), Flatten(), Dense(2)",
        ids=6,
    ),
    "max_pooling2d": Case(
        [(6, 5, 2)],
        "maxPooling2d({poolSize: 2, strides: 1}), maxPooling2d({poolSize: 3, padding: 'same'})",
        "MaxPooling2D(2, 1), MaxPooling2D(3, padding='same')",
    ),
    # Graphs.
    "branches": Case([(4,)]),
    "shared_layer": Case([(4,), (4,)]),
    "many_outputs": Case([(5,)]),
    "nested": Case([(4,), (4,)]),
    "sequential_of_models": Case([(4,)]),
    "initial_state": Case([(5, 3), (4,), (4,)]),
    "encoder_decoder": Case([(5, 3), (4, 2)]),
    "frozen": Case([(3,)]),
    "odd_names": Case([(4,)]),
    "residual": Case([(8, 8, 3)]),
}
