"""Layers, under Keras's names. A layer's module is loaded when the layer is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# Module (below this package) → the public names in it. `A=B` gives B the further name A.
_MODULES = {
    "activations.activation": "Activation",
    "activations.advanced": "ELU LeakyReLU PReLU ReLU Softmax",
    "attention.attention": "AdditiveAttention Attention",
    "attention.grouped_query_attention": "GroupQueryAttention=GroupedQueryAttention",
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
    "preprocessing.normalization": "Normalization",
    "preprocessing.rescaling": "Rescaling",
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


if TYPE_CHECKING:
    from addax.layers.activations.activation import Activation as Activation
    from addax.layers.activations.advanced import ELU as ELU
    from addax.layers.activations.advanced import LeakyReLU as LeakyReLU
    from addax.layers.activations.advanced import PReLU as PReLU
    from addax.layers.activations.advanced import ReLU as ReLU
    from addax.layers.activations.advanced import Softmax as Softmax
    from addax.layers.attention.attention import AdditiveAttention as AdditiveAttention
    from addax.layers.attention.attention import Attention as Attention
    from addax.layers.attention.grouped_query_attention import (
        GroupedQueryAttention as GroupQueryAttention,
    )
    from addax.layers.attention.multi_head_attention import MultiHeadAttention as MultiHeadAttention
    from addax.layers.convolutional.conv import Conv1D as Conv1D
    from addax.layers.convolutional.conv import Conv2D as Conv2D
    from addax.layers.convolutional.conv import Conv3D as Conv3D
    from addax.layers.convolutional.conv import Conv1D as Convolution1D
    from addax.layers.convolutional.conv import Conv2D as Convolution2D
    from addax.layers.convolutional.conv import Conv3D as Convolution3D
    from addax.layers.convolutional.conv_transpose import Conv1DTranspose as Conv1DTranspose
    from addax.layers.convolutional.conv_transpose import Conv2DTranspose as Conv2DTranspose
    from addax.layers.convolutional.conv_transpose import Conv3DTranspose as Conv3DTranspose
    from addax.layers.convolutional.conv_transpose import Conv1DTranspose as Convolution1DTranspose
    from addax.layers.convolutional.conv_transpose import Conv2DTranspose as Convolution2DTranspose
    from addax.layers.convolutional.conv_transpose import Conv3DTranspose as Convolution3DTranspose
    from addax.layers.convolutional.depthwise_conv import DepthwiseConv1D as DepthwiseConv1D
    from addax.layers.convolutional.depthwise_conv import DepthwiseConv2D as DepthwiseConv2D
    from addax.layers.convolutional.separable_conv import SeparableConv1D as SeparableConv1D
    from addax.layers.convolutional.separable_conv import SeparableConv2D as SeparableConv2D
    from addax.layers.convolutional.separable_conv import SeparableConv1D as SeparableConvolution1D
    from addax.layers.convolutional.separable_conv import SeparableConv2D as SeparableConvolution2D
    from addax.layers.core.dense import Dense as Dense
    from addax.layers.core.einsum_dense import EinsumDense as EinsumDense
    from addax.layers.core.embedding import Embedding as Embedding
    from addax.layers.core.identity import Identity as Identity
    from addax.layers.core.input_layer import Input as Input
    from addax.layers.core.input_layer import InputLayer as InputLayer
    from addax.layers.core.lambda_layer import Lambda as Lambda
    from addax.layers.core.masking import Masking as Masking
    from addax.layers.core.wrapper import Wrapper as Wrapper
    from addax.layers.input_spec import InputSpec as InputSpec
    from addax.layers.layer import Layer as Layer
    from addax.layers.merging.concatenate import Concatenate as Concatenate
    from addax.layers.merging.concatenate import concatenate as concatenate
    from addax.layers.merging.dot import Dot as Dot
    from addax.layers.merging.dot import dot as dot
    from addax.layers.merging.elementwise import Add as Add
    from addax.layers.merging.elementwise import Average as Average
    from addax.layers.merging.elementwise import Maximum as Maximum
    from addax.layers.merging.elementwise import Minimum as Minimum
    from addax.layers.merging.elementwise import Multiply as Multiply
    from addax.layers.merging.elementwise import Subtract as Subtract
    from addax.layers.merging.elementwise import add as add
    from addax.layers.merging.elementwise import average as average
    from addax.layers.merging.elementwise import maximum as maximum
    from addax.layers.merging.elementwise import minimum as minimum
    from addax.layers.merging.elementwise import multiply as multiply
    from addax.layers.merging.elementwise import subtract as subtract
    from addax.layers.normalization.batch_normalization import (
        BatchNormalization as BatchNormalization,
    )
    from addax.layers.normalization.group_normalization import (
        GroupNormalization as GroupNormalization,
    )
    from addax.layers.normalization.layer_normalization import (
        LayerNormalization as LayerNormalization,
    )
    from addax.layers.normalization.rms_normalization import RMSNormalization as RMSNormalization
    from addax.layers.normalization.spectral_normalization import (
        SpectralNormalization as SpectralNormalization,
    )
    from addax.layers.normalization.unit_normalization import UnitNormalization as UnitNormalization
    from addax.layers.pooling.global_pooling import GlobalAveragePooling1D as GlobalAveragePooling1D
    from addax.layers.pooling.global_pooling import GlobalAveragePooling2D as GlobalAveragePooling2D
    from addax.layers.pooling.global_pooling import GlobalAveragePooling3D as GlobalAveragePooling3D
    from addax.layers.pooling.global_pooling import GlobalMaxPooling1D as GlobalMaxPooling1D
    from addax.layers.pooling.global_pooling import GlobalMaxPooling2D as GlobalMaxPooling2D
    from addax.layers.pooling.global_pooling import GlobalMaxPooling3D as GlobalMaxPooling3D
    from addax.layers.pooling.global_pooling import GlobalAveragePooling1D as GlobalAvgPool1D
    from addax.layers.pooling.global_pooling import GlobalAveragePooling2D as GlobalAvgPool2D
    from addax.layers.pooling.global_pooling import GlobalAveragePooling3D as GlobalAvgPool3D
    from addax.layers.pooling.global_pooling import GlobalMaxPooling1D as GlobalMaxPool1D
    from addax.layers.pooling.global_pooling import GlobalMaxPooling2D as GlobalMaxPool2D
    from addax.layers.pooling.global_pooling import GlobalMaxPooling3D as GlobalMaxPool3D
    from addax.layers.pooling.pooling import AveragePooling1D as AveragePooling1D
    from addax.layers.pooling.pooling import AveragePooling2D as AveragePooling2D
    from addax.layers.pooling.pooling import AveragePooling3D as AveragePooling3D
    from addax.layers.pooling.pooling import MaxPooling1D as MaxPooling1D
    from addax.layers.pooling.pooling import MaxPooling2D as MaxPooling2D
    from addax.layers.pooling.pooling import MaxPooling3D as MaxPooling3D
    from addax.layers.pooling.pooling import AveragePooling1D as AvgPool1D
    from addax.layers.pooling.pooling import AveragePooling2D as AvgPool2D
    from addax.layers.pooling.pooling import AveragePooling3D as AvgPool3D
    from addax.layers.pooling.pooling import MaxPooling1D as MaxPool1D
    from addax.layers.pooling.pooling import MaxPooling2D as MaxPool2D
    from addax.layers.pooling.pooling import MaxPooling3D as MaxPool3D
    from addax.layers.preprocessing.normalization import Normalization as Normalization
    from addax.layers.preprocessing.rescaling import Rescaling as Rescaling
    from addax.layers.regularization.activity_regularization import (
        ActivityRegularization as ActivityRegularization,
    )
    from addax.layers.regularization.dropout import Dropout as Dropout
    from addax.layers.regularization.dropout import SpatialDropout1D as SpatialDropout1D
    from addax.layers.regularization.dropout import SpatialDropout2D as SpatialDropout2D
    from addax.layers.regularization.dropout import SpatialDropout3D as SpatialDropout3D
    from addax.layers.regularization.noise import AlphaDropout as AlphaDropout
    from addax.layers.regularization.noise import GaussianDropout as GaussianDropout
    from addax.layers.regularization.noise import GaussianNoise as GaussianNoise
    from addax.layers.reshaping.cropping import Cropping1D as Cropping1D
    from addax.layers.reshaping.cropping import Cropping2D as Cropping2D
    from addax.layers.reshaping.cropping import Cropping3D as Cropping3D
    from addax.layers.reshaping.flatten import Flatten as Flatten
    from addax.layers.reshaping.permute import Permute as Permute
    from addax.layers.reshaping.repeat_vector import RepeatVector as RepeatVector
    from addax.layers.reshaping.reshape import Reshape as Reshape
    from addax.layers.reshaping.up_sampling import UpSampling1D as UpSampling1D
    from addax.layers.reshaping.up_sampling import UpSampling2D as UpSampling2D
    from addax.layers.reshaping.up_sampling import UpSampling3D as UpSampling3D
    from addax.layers.reshaping.zero_padding import ZeroPadding1D as ZeroPadding1D
    from addax.layers.reshaping.zero_padding import ZeroPadding2D as ZeroPadding2D
    from addax.layers.reshaping.zero_padding import ZeroPadding3D as ZeroPadding3D
    from addax.layers.rnn.bidirectional import Bidirectional as Bidirectional
    from addax.layers.rnn.gru import GRU as GRU
    from addax.layers.rnn.gru import GRUCell as GRUCell
    from addax.layers.rnn.lstm import LSTM as LSTM
    from addax.layers.rnn.lstm import LSTMCell as LSTMCell
    from addax.layers.rnn.rnn import RNN as RNN
    from addax.layers.rnn.simple_rnn import SimpleRNN as SimpleRNN
    from addax.layers.rnn.simple_rnn import SimpleRNNCell as SimpleRNNCell
    from addax.layers.rnn.stacked_rnn_cells import StackedRNNCells as StackedRNNCells
    from addax.layers.rnn.time_distributed import TimeDistributed as TimeDistributed
