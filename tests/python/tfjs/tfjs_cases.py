"""The models that cross the border between Addax and TensorFlow.js, written in both.

A case is a chain of layers in the words of each side, or a model of graphs.py and graphs.js.
"""

from __future__ import annotations

from dataclasses import dataclass

import addax as keras
import graphs
import numpy as np
from addax import layers

BATCH = 3


# TensorFlow.js's word for an activation, and ours.
ACTIVATIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softsign": "softsign",
    "linear": "linear",
    "swish": "silu",
    "mish": "mish",
    "gelu": "gelu",
    "softmax": "softmax",
    "logSoftmax": "log_softmax",
    "softplus": "softplus",
    "elu": "elu",
}


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        shapes: Of one sample, for each input.
        tfjs, addax: The chain of layers as arguments of a call. Both empty: a model of graphs.py;
            one empty: only the other side builds it.
        ids: If above 0, inputs are whole numbers below it.
        dtype: Of the inputs.
        differs: Why TensorFlow.js gives other numbers, where it is known to.
        differs_when_written: The same, for models that Addax builds alone.
        refused: What TensorFlow.js says to the file of Addax, where it is known to refuse it.
        broken: What TensorFlow.js says to its own model, where it cannot run it.
    """

    shapes: list[tuple]
    tfjs: str = ""
    addax: str = ""
    ids: int = 0
    dtype: str = "float32"
    differs: str = ""
    differs_when_written: str = ""
    refused: str = ""
    broken: str = ""

    @property
    def is_graph(self) -> bool:
        return not self.tfjs and not self.addax

    def inputs(self) -> list[np.ndarray]:
        generator = np.random.default_rng(len(self.shapes[0]))
        sizes = [(BATCH, *shape) for shape in self.shapes]
        if self.ids:
            return [generator.integers(0, self.ids, size).astype(self.dtype) for size in sizes]
        return [generator.normal(size=size).astype("float32") for size in sizes]

    def description(self, name: str) -> dict:
        """The model for client.js."""
        return {"graph": name} if self.is_graph else {"layers": self.tfjs, "shapes": self.shapes}

    def model(self, name: str, **words):
        """The model of Addax, with weights that are not those of a beginning."""
        keras.utils.set_random_seed(1)
        model = getattr(graphs, name)() if self.is_graph else self._chain(words)
        generator = np.random.default_rng(5)
        for v in model.weights:
            values = generator.uniform(-0.5, 0.5, v.shape)
            v.assign(values + 1 if "variance" in v.path else values)
            if v.constraint is not None:  # TensorFlow.js applies it when it loads
                v.assign(v.constraint(v.value))
        return model

    def _chain(self, words):
        words = {
            "__builtins__": {},
            **{name: getattr(layers, name) for name in layers.__all__},
            **words,
        }
        words |= {name: getattr(keras, name) for name in ("constraints", "initializers")}
        chain = eval(f"[{self.addax}]", words | {"regularizers": keras.regularizers})
        if len(self.shapes) == 1:
            return keras.Sequential([keras.Input(self.shapes[0]), *chain])
        x = inputs = [keras.Input(shape) for shape in self.shapes]
        for layer in chain:
            x = layer(x)
        return keras.Model(inputs, x)


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
    "dense_sequence": Case(
        [(3, 4)],
        "dense({units: 3, kernelRegularizer: tf.regularizers.l1l2({l1: 0.01, l2: 0.1}), "
        "kernelInitializer: 'leCunUniform', biasInitializer: 'ones', activation: 'elu'}), "
        "dense({units: 2, kernelInitializer: tf.initializers.varianceScaling({scale: 1, "
        "mode: 'fanAvg', distribution: 'uniform'}), biasConstraint: 'nonNeg'})",
        "Dense(3, kernel_regularizer=regularizers.L1L2(0.01, 0.1), "
        "kernel_initializer='lecun_uniform', bias_initializer='ones', activation='elu'), "
        "Dense(2, kernel_initializer='glorot_uniform', bias_constraint='non_neg')",
    ),
    "constraints_and_initializers": Case(
        [(4,)],
        "dense({units: 3, kernelConstraint: tf.constraints.maxNorm({maxValue: 1, axis: 0}), "
        "kernelInitializer: tf.initializers.orthogonal({gain: 0.5})}), "
        "dense({units: 3, kernelConstraint: tf.constraints.unitNorm({axis: 0}), "
        "kernelInitializer: 'identity'}), dense({units: 2, kernelInitializer: 'heNormal', "
        "kernelConstraint: tf.constraints.minMaxNorm({minValue: 0.2, maxValue: 0.9, rate: 1})})",
        "Dense(3, kernel_constraint=constraints.MaxNorm(1.0), "
        "kernel_initializer=initializers.Orthogonal(0.5)), "
        "Dense(3, kernel_constraint=constraints.UnitNorm(), kernel_initializer='identity'), "
        "Dense(2, kernel_initializer='he_normal', "
        "kernel_constraint=constraints.MinMaxNorm(0.2, 0.9, 1.0))",
    ),
    "activations": Case(
        [(6,)],
        ", ".join(f"dense({{units: 6, activation: '{a}'}})" for a in ACTIVATIONS),
        ", ".join(f"Dense(6, activation='{a}')" for a in ACTIVATIONS.values()),
    ),
    "activation_layers": Case(
        [(3, 4)],
        "leakyReLU({alpha: 0.2}), elu(), prelu({sharedAxes: [1]}), reLU({maxValue: 0.8}), "
        "softmax({axis: -1}), activation({activation: 'softplus'})",
        "LeakyReLU(0.2), ELU(), PReLU(shared_axes=[1]), ReLU(max_value=0.8), Softmax(), "
        "Activation('softplus')",
    ),
    "thresholded_relu": Case([(5,)], "thresholdedReLU({theta: 0.3})", "ThresholdedReLU(0.3)"),
    "conv2d_transpose": Case(
        [(4, 3, 2)],
        "conv2dTranspose({filters: 3, kernelSize: 3, strides: 2, padding: 'same'}), "
        "conv2dTranspose({filters: 2, kernelSize: 2})",
        "Conv2DTranspose(3, 3, strides=2, padding='same'), Conv2DTranspose(2, 2)",
    ),
    "conv2d_dilated": Case(
        [(7, 7, 2)],
        "conv2d({filters: 2, kernelSize: 3, dilationRate: 2, padding: 'same'})",
        "Conv2D(2, 3, dilation_rate=2, padding='same')",
    ),
    "conv2d_even_kernels": Case(
        [(7, 8, 2)],
        "conv2d({filters: 2, kernelSize: 4, padding: 'same'}), "
        "conv2d({filters: 2, kernelSize: 2, strides: 3, padding: 'same'})",
        "Conv2D(2, 4, padding='same'), Conv2D(2, 2, strides=3, padding='same')",
    ),
    "conv3d": Case(
        [(4, 5, 4, 2)],
        "conv3d({filters: 3, kernelSize: 2}), "
        "conv3d({filters: 2, kernelSize: 3, strides: 2, padding: 'same'})",
        "Conv3D(3, 2), Conv3D(2, 3, strides=2, padding='same')",
    ),
    "conv3d_transpose": Case(
        [(2, 3, 2, 2)],
        "conv3dTranspose({filters: 3, kernelSize: 3, strides: 2, padding: 'same'})",
        "Conv3DTranspose(3, 3, strides=2, padding='same')",
    ),
    "depthwise_separable_strided": Case(
        [(7, 7, 2)],
        "depthwiseConv2d({kernelSize: 3, strides: 2, useBias: false}), "
        "separableConv2d({filters: 2, kernelSize: 2, strides: 2, padding: 'same', "
        "depthwiseInitializer: 'ones', activation: 'relu6'})",
        "DepthwiseConv2D(3, strides=2, use_bias=False), "
        "SeparableConv2D(2, 2, strides=2, padding='same', depthwise_initializer='ones', "
        "activation='relu6')",
    ),
    "cropping_and_padding2d": Case(
        [(5, 6, 2)],
        "cropping2D({cropping: [[1, 0], [1, 2]]}), zeroPadding2d({padding: [[0, 1], [2, 0]]})",
        "Cropping2D(((1, 0), (1, 2))), ZeroPadding2D(((0, 1), (2, 0)))",
    ),
    "up_sampling2d": Case([(3, 2, 2)], "upSampling2d({size: [2, 3]})", "UpSampling2D((2, 3))"),
    "up_sampling2d_bilinear": Case(
        [(3, 2, 2)],
        "upSampling2d({size: [2, 2], interpolation: 'bilinear'})",
        "UpSampling2D(2, interpolation='bilinear')",
        differs="TensorFlow.js resizes bilinearly without half-pixel centres (tfjs#1729)",
    ),
    "average_pooling2d": Case(
        [(6, 5, 2)],
        "averagePooling2d({poolSize: 2, strides: 1}), "
        "averagePooling2d({poolSize: 3, padding: 'same'})",
        "AveragePooling2D(2, 1), AveragePooling2D(3, padding='same')",
    ),
    "pooling1d": Case(
        [(9, 2)],
        "maxPooling1d({poolSize: 2, strides: 1}), averagePooling1d({poolSize: 3, padding: 'same'})",
        "MaxPooling1D(2, 1), AveragePooling1D(3, padding='same')",
    ),
    "pooling3d": Case(
        [(4, 4, 5, 2)],
        "maxPooling3d({poolSize: 2, strides: 1}), averagePooling3d({poolSize: 2})",
        "MaxPooling3D(2, 1), AveragePooling3D(2)",
    ),
    "global_pooling1d": Case(
        [(5, 3)],
        "conv1d({filters: 2, kernelSize: 2}), globalAveragePooling1d(), dense({units: 2})",
        "Conv1D(2, 2), GlobalAveragePooling1D(), Dense(2)",
    ),
    "global_max_pooling1d": Case([(5, 3)], "globalMaxPooling1d()", "GlobalMaxPooling1D()"),
    "global_pooling2d": Case(
        [(4, 5, 3)],
        "conv2d({filters: 2, kernelSize: 2}), globalAveragePooling2d({}), dense({units: 2})",
        "Conv2D(2, 2), GlobalAveragePooling2D(), Dense(2)",
    ),
    "global_max_pooling2d": Case([(4, 5, 3)], "globalMaxPooling2d({})", "GlobalMaxPooling2D()"),
    "reshaping": Case(
        [(2, 6)],
        "reshape({targetShape: [3, 4]}), permute({dims: [2, 1]}), flatten(), repeatVector({n: 2})",
        "Reshape((3, -1)), Permute((2, 1)), Flatten(), RepeatVector(2)",
    ),
    "reshape_to_a_free_size": Case(
        [(2, 6)],
        "reshape({targetShape: [3, null]})",
        "Reshape((3, -1))",
    ),
    "flatten_channels_first": Case(
        [(2, 3, 4)],
        "flatten({dataFormat: 'channelsFirst'}), dense({units: 2})",
        "Flatten(data_format='channels_first'), Dense(2)",
    ),
    "batch_normalization_plain": Case(
        [(4, 4, 2)],
        "conv2d({filters: 3, kernelSize: 2}), batchNormalization({center: false, scale: false})",
        "Conv2D(3, 2), BatchNormalization(center=False, scale=False)",
    ),
    "batch_normalization_axis": Case(
        [(3, 4)],
        "batchNormalization({axis: 1})",
        "BatchNormalization(axis=1)",
        differs="TensorFlow.js's CPU backend normalizes over the last axis alone",
    ),
    "layer_normalization": Case(
        [(3, 4)],
        "layerNormalization({epsilon: 0.01}), dense({units: 3}), layerNormalization({axis: [1]})",
        "LayerNormalization(epsilon=0.01), Dense(3), LayerNormalization(axis=[1])",
    ),
    "regularization": Case(
        [(4, 3)],
        "spatialDropout1d({rate: 0.3}), dropout({rate: 0.4}), gaussianNoise({stddev: 0.2}), "
        "gaussianDropout({rate: 0.2}), alphaDropout({rate: 0.1}), dense({units: 2})",
        "SpatialDropout1D(0.3), Dropout(0.4), GaussianNoise(0.2), GaussianDropout(0.2), "
        "AlphaDropout(0.1), Dense(2)",
    ),
    "merging": Case(
        [(4,), (4,)],
        "{apply: x => L.concatenate().apply([L.add().apply(x), L.multiply().apply(x), "
        "L.average().apply(x), L.maximum().apply(x), L.minimum().apply(x), "
        "L.dot({axes: -1}).apply(x)])}",
        "lambda x: Concatenate()([Add()(x), Multiply()(x), Average()(x), Maximum()(x), "
        "Minimum()(x), Dot(-1)(x)])",
    ),
    "concatenate_axis": Case(
        [(2, 3), (4, 3)],
        "concatenate({axis: 1}), dense({units: 2})",
        "Concatenate(axis=1), Dense(2)",
    ),
    "dot_normalized": Case(
        [(3, 4), (3, 4)],
        "dot({axes: [2, 2], normalize: true})",
        "Dot((2, 2), normalize=True)",
    ),
    "simple_rnn": Case(
        [(5, 3)],
        "simpleRNN({units: 4, returnSequences: true, activation: 'relu'}), "
        "simpleRNN({units: 2, goBackwards: true})",
        "SimpleRNN(4, return_sequences=True, activation='relu'), SimpleRNN(2, go_backwards=True)",
    ),
    "lstm_options": Case(
        [(5, 3)],
        "lstm({units: 4, returnSequences: true, recurrentActivation: 'sigmoid'}), "
        "lstm({units: 2, unitForgetBias: false, useBias: false, goBackwards: true, "
        "recurrentActivation: 'sigmoid'})",
        "LSTM(4, return_sequences=True), "
        "LSTM(2, unit_forget_bias=False, use_bias=False, go_backwards=True)",
    ),
    "gru_options": Case(
        [(5, 3)],
        "gru({units: 4, returnSequences: true, recurrentActivation: 'sigmoid'}), "
        "gru({units: 2, useBias: false, goBackwards: true, recurrentActivation: 'sigmoid'})",
        "GRU(4, return_sequences=True, reset_after=False), "
        "GRU(2, use_bias=False, go_backwards=True, reset_after=False)",
    ),
    "hard_sigmoid": Case(
        [(5, 3)],
        "lstm({units: 2, returnSequences: true}), dense({units: 3, activation: 'hardSigmoid'})",
        "LSTM(2, return_sequences=True, recurrent_activation='hard_sigmoid'), "
        "Dense(3, activation='hard_sigmoid')",
        differs_when_written="TensorFlow.js's hard_sigmoid is clip(0.2 x + 0.5, 0, 1)",
    ),
    "gelu_by_tanh": Case([(5,)], "activation({activation: 'gelu_new'})"),
    "gru_reset_after": Case(
        [(5, 3)],
        addax="GRU(2)",
        refused="reset_after",
    ),
    "rnn_of_cells": Case(
        [(5, 3)],
        "rnn({cell: [lstmCell({units: 3}), gruCell({units: 2}), simpleRNNCell({units: 2})], "
        "returnSequences: true})",
        "RNN([LSTMCell(3), GRUCell(2, reset_after=False), SimpleRNNCell(2)], "
        "return_sequences=True)",
    ),
    "rnn_of_one_cell": Case(
        [(5, 3)], "rnn({cell: gruCell({units: 2})})", "RNN(GRUCell(2, reset_after=False))"
    ),
    "stacked_rnn_cells": Case(
        [(5, 3)],
        "rnn({cell: stackedRNNCells({cells: [lstmCell({units: 3}), lstmCell({units: 2})]})})",
        "RNN(StackedRNNCells([LSTMCell(3), LSTMCell(2)]))",
    ),
    **{
        f"bidirectional_{mode}": Case(
            [(5, 3)],
            f"bidirectional({{layer: {js}, mergeMode: '{mode}'}}), flatten(), dense({{units: 2}})",
            f"Bidirectional({py}, merge_mode='{mode}'), Flatten(), Dense(2)",
        )
        for mode, js, py in (
            ("concat", "lstm({units: 2, returnSequences: true})", "LSTM(2, return_sequences=True)"),
            (
                "sum",
                "gru({units: 2, returnSequences: true})",
                "GRU(2, return_sequences=True, reset_after=False)",
            ),
            (
                "mul",
                "simpleRNN({units: 2, returnSequences: true})",
                "SimpleRNN(2, return_sequences=True)",
            ),
            ("ave", "lstm({units: 2, returnSequences: true})", "LSTM(2, return_sequences=True)"),
        )
    },
    "time_distributed": Case(
        [(3, 5, 4, 2)],
        "timeDistributed({layer: conv2d({filters: 2, kernelSize: 2})}), "
        "timeDistributed({layer: flatten()}), timeDistributed({layer: dense({units: 2})})",
        "TimeDistributed(Conv2D(2, 2)), TimeDistributed(Flatten()), TimeDistributed(Dense(2))",
    ),
    "conv_lstm2d": Case(
        [(3, 5, 4, 2)],
        "convLstm2d({filters: 3, kernelSize: 2})",
        "ConvLSTM2D(3, 2, recurrent_activation='sigmoid')",
    ),
    "conv_lstm2d_options": Case(
        [(3, 6, 5, 2)],
        "convLstm2d({filters: 3, kernelSize: [3, 2], strides: 2, padding: 'same', "
        "recurrentActivation: 'sigmoid', returnSequences: true, goBackwards: true}), "
        "convLstm2d({filters: 2, kernelSize: 2, useBias: false, activation: 'relu'})",
        "ConvLSTM2D(3, (3, 2), strides=2, padding='same', return_sequences=True, "
        "go_backwards=True), ConvLSTM2D(2, 2, use_bias=False, activation='relu')",
    ),
    "conv_lstm2d_dilated": Case(
        [(2, 6, 6, 1)],
        "convLstm2d({filters: 2, kernelSize: 2, dilationRate: 2})",
        "ConvLSTM2D(2, 2, dilation_rate=2)",
    ),
    "conv_lstm2d_channels_first": Case(
        [(2, 2, 5, 4)],
        "convLstm2d({filters: 2, kernelSize: 2, dataFormat: 'channelsFirst'})",
        "ConvLSTM2D(2, 2, data_format='channels_first')",
    ),
    "masked_lstm": Case(
        [(5,)],
        "embedding({inputDim: 4, outputDim: 3, maskZero: true}), "
        "lstm({units: 3, returnSequences: true}), lstm({units: 2})",
        "Embedding(4, 3, mask_zero=True), LSTM(3, return_sequences=True), LSTM(2)",
        ids=4,
    ),
    "masking": Case(
        [(4, 2)],
        "masking({maskValue: 1}), simpleRNN({units: 2, returnSequences: true})",
        "Masking(1.0), SimpleRNN(2, return_sequences=True)",
        ids=2,
    ),
    "rescaling": Case([(4, 4, 3)], "rescaling({scale: 2, offset: -1})", "Rescaling(2.0, -1.0)"),
    "resizing_nearest": Case(
        [(6, 4, 2)],
        "resizing({height: 3, width: 8, interpolation: 'nearest'})",
        "Resizing(3, 8, interpolation='nearest')",
        broken="rank 3 or 4, but got rank 1",
    ),
    "center_crop": Case(
        [(6, 5, 2)],
        "zeroPadding2d({padding: 1}), centerCrop({height: 3, width: 4})",
        "ZeroPadding2D(1), CenterCrop(3, 4)",
    ),
    "center_crop_at_the_input": Case(
        [(6, 5, 2)],
        "centerCrop({height: 3, width: 4})",
        "CenterCrop(3, 4)",
        broken="to have shape [null,3,4,2] but got array with shape [3,6,5,2]",
    ),
    "category_encoding": Case(
        [(4,)],
        "reshape({targetShape: [4]}), categoryEncoding({numTokens: 5, outputMode: 'multiHot'})",
        "Reshape((4,)), CategoryEncoding(5, output_mode='multi_hot')",
        ids=5,
    ),
    "category_encoding_one_hot": Case(
        [(1,)],
        "reshape({targetShape: [1]}), categoryEncoding({numTokens: 5, outputMode: 'oneHot'})",
        "Reshape((1,)), CategoryEncoding(5, output_mode='one_hot')",
        ids=5,
    ),
    "category_encoding_count": Case(
        [(4,)],
        "reshape({targetShape: [4]}), categoryEncoding({numTokens: 5, outputMode: 'count'})",
        "Reshape((4,)), CategoryEncoding(5, output_mode='count')",
        ids=5,
    ),
    # Graphs.
    "whole_numbers": Case([(4,)], ids=6, dtype="int32"),
    "same_names_within": Case([(3,)]),
    "stateful": Case([(5, 3)]),
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

# TensorFlow.js cannot load such a model that it saved itself.
ONLY_ADDAX = ("same_names_within",)
BUILT_BY_TFJS = {
    name: case
    for name, case in CASES.items()
    if (case.tfjs or case.is_graph) and name not in ONLY_ADDAX
}
BUILT_BY_ADDAX = {name: case for name, case in CASES.items() if case.addax or case.is_graph}
