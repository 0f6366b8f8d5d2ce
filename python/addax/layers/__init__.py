"""Layers, under Keras's names. A layer's module is loaded when the layer is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from addax.layers.layer import Layer

# Module (below this package) → the public names in it. `A=B` gives B the further name A.
_MODULES = {
    "activations.activation": "Activation",
    "activations.advanced": "ELU LeakyReLU PReLU ReLU Softmax ThresholdedReLU",
    "attention.attention": "AdditiveAttention Attention",
    "attention.grouped_query_attention": "GroupQueryAttention",
    "attention.multi_head_attention": "MultiHeadAttention",
    "convolutional.conv": (
        "Conv1D Conv2D Conv3D Convolution1D=Conv1D Convolution2D=Conv2D Convolution3D=Conv3D"
    ),
    "convolutional.conv_transpose": (
        "Conv1DTranspose Conv2DTranspose Conv3DTranspose Convolution1DTranspose=Conv1DTranspose "
        "Convolution2DTranspose=Conv2DTranspose Convolution3DTranspose=Conv3DTranspose"
    ),
    "convolutional.depthwise_conv": "DepthwiseConv1D DepthwiseConv2D",
    "convolutional.separable_conv": (
        "SeparableConv1D SeparableConv2D SeparableConvolution1D=SeparableConv1D "
        "SeparableConvolution2D=SeparableConv2D"
    ),
    "core.dense": "Dense",
    "core.einsum_dense": "EinsumDense",
    "core.embedding": "Embedding",
    "core.identity": "Identity",
    "core.input_layer": "Input InputLayer",
    "core.lambda_layer": "Lambda",
    "core.masking": "Masking",
    "core.reversible_embedding": "ReversibleEmbedding",
    "core.wrapper": "Wrapper",
    "input_spec": "InputSpec",
    "layer": "Layer",
    "merging.concatenate": "Concatenate concatenate",
    "merging.dot": "Dot dot",
    "merging.elementwise": (
        "Add Average Maximum Minimum Multiply Subtract add average maximum minimum multiply "
        "subtract"
    ),
    "normalization.batch_normalization": "BatchNormalization",
    "normalization.group_normalization": "GroupNormalization",
    "normalization.layer_normalization": "LayerNormalization",
    "normalization.rms_normalization": "RMSNormalization",
    "normalization.spectral_normalization": "SpectralNormalization",
    "normalization.unit_normalization": "UnitNormalization",
    "pooling.adaptive_pooling": (
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D "
        "AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D"
    ),
    "pooling.global_pooling": (
        "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D "
        "GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D "
        "GlobalAvgPool1D=GlobalAveragePooling1D GlobalAvgPool2D=GlobalAveragePooling2D "
        "GlobalAvgPool3D=GlobalAveragePooling3D GlobalMaxPool1D=GlobalMaxPooling1D "
        "GlobalMaxPool2D=GlobalMaxPooling2D GlobalMaxPool3D=GlobalMaxPooling3D"
    ),
    "pooling.pooling": (
        "AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D "
        "MaxPooling3D AvgPool1D=AveragePooling1D AvgPool2D=AveragePooling2D "
        "AvgPool3D=AveragePooling3D MaxPool1D=MaxPooling1D MaxPool2D=MaxPooling2D "
        "MaxPool3D=MaxPooling3D"
    ),
    "preprocessing.category_encoding": "CategoryEncoding",
    "preprocessing.center_crop": "CenterCrop",
    "preprocessing.discretization": "Discretization",
    "preprocessing.integer_lookup": "IntegerLookup",
    "preprocessing.normalization": "Normalization",
    "preprocessing.pipeline": "Pipeline",
    "preprocessing.rescaling": "Rescaling",
    "preprocessing.resizing": "Resizing",
    "regularization.activity_regularization": "ActivityRegularization",
    "regularization.dropout": "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D",
    "regularization.noise": "AlphaDropout GaussianDropout GaussianNoise",
    "reshaping.cropping": "Cropping1D Cropping2D Cropping3D",
    "reshaping.flatten": "Flatten",
    "reshaping.permute": "Permute",
    "reshaping.repeat_vector": "RepeatVector",
    "reshaping.reshape": "Reshape",
    "reshaping.up_sampling": "UpSampling1D UpSampling2D UpSampling3D",
    "reshaping.zero_padding": "ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    "rnn.bidirectional": "Bidirectional",
    "rnn.conv_lstm": "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
    "rnn.conv_lstm_cell": "ConvLSTM1DCell ConvLSTM2DCell ConvLSTM3DCell",
    "rnn.gru": "GRU GRUCell",
    "rnn.lstm": "LSTM LSTMCell",
    "rnn.rnn": "RNN",
    "rnn.simple_rnn": "SimpleRNN SimpleRNNCell",
    "rnn.stacked_rnn_cells": "StackedRNNCells",
    "rnn.time_distributed": "TimeDistributed",
}


def _read_table() -> dict[str, tuple[str, str]]:
    """Public name → (module, name there)."""
    table = {}
    for module, names in _MODULES.items():
        for entry in names.split():
            public, _, own = entry.partition("=")
            table[public] = (module, own or public)
    return table


_NAMES = _read_table()

__all__ = ["deserialize", "serialize", *sorted(_NAMES)]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own = _NAMES[name]
    value = getattr(import_module(f"{__name__}.{module}"), own)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def serialize(layer: Layer) -> dict[str, Any]:
    """Returns the config of a layer as a dict that JSON can hold."""
    from addax.saving.serialization import serialize_keras_object

    return serialize_keras_object(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Layer:
    """Returns the layer that `serialize` was given; ValueError if the config is no layer's."""
    from addax.layers.layer import Layer
    from addax.saving.serialization import deserialize_keras_object

    layer = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise ValueError(
            "`keras.layers.deserialize` was passed a `config` object that is not a "
            f"`keras.layers.Layer`. Received: {config}"
        )
    return layer
