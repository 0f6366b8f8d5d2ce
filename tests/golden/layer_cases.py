"""The layers whose results are compared with Keras's: what to build and what to feed.

Inputs and weights come from a formula, so that only Keras's outputs need to be kept.
"""

import json

import numpy as np
from interop_models import numbers

# Name → (constructor below `layers`, shapes of the call's tensors, options of the call).
# A list of shapes is a list of tensors.
CASES = {
    "dense": ("Dense(3, activation='tanh')", [(2, 4)], {}),
    "dense_sequence": ("Dense(3, use_bias=False)", [(2, 3, 4)], {}),
    "einsum_dense": ("EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de')", [(2, 3, 4)], {}),
    "einsum_dense_ellipsis": (
        "EinsumDense('...x,xy->...y', 3, bias_axes='y', activation='relu')",
        [(2, 3, 4)],
        {},
    ),
    "conv1d_causal": ("Conv1D(2, 3, padding='causal', dilation_rate=2)", [(2, 7, 3)], {}),
    "conv1d_same_even": ("Conv1D(2, 4, padding='same')", [(1, 6, 2)], {}),
    "conv2d_valid": ("Conv2D(3, (3, 2), activation='relu')", [(2, 5, 4, 2)], {}),
    "conv2d_same_stride": ("Conv2D(2, 3, strides=2, padding='same')", [(1, 6, 5, 2)], {}),
    "conv2d_same_stride_even": ("Conv2D(2, 2, strides=3, padding='same')", [(1, 7, 8, 1)], {}),
    "conv2d_dilated": ("Conv2D(2, 3, dilation_rate=2, padding='same')", [(1, 6, 6, 1)], {}),
    "conv2d_groups": ("Conv2D(4, 3, groups=2)", [(1, 4, 4, 4)], {}),
    "conv3d": ("Conv3D(2, 2, strides=(1, 2, 1), padding='same')", [(1, 3, 3, 2, 2)], {}),
    "conv3d_dilated": ("Conv3D(1, 2, dilation_rate=(1, 2, 1), groups=1)", [(1, 2, 4, 3, 2)], {}),
    "conv3d_groups": ("Conv3D(4, (1, 2, 2), groups=2, use_bias=False)", [(1, 2, 3, 3, 2)], {}),
    "conv1d_transpose": ("Conv1DTranspose(2, 3, strides=2)", [(1, 4, 2)], {}),
    "conv2d_transpose_valid": ("Conv2DTranspose(2, 3, strides=2)", [(1, 3, 2, 2)], {}),
    "conv2d_transpose_same": (
        "Conv2DTranspose(2, 3, strides=2, padding='same')",
        [(1, 3, 4, 2)],
        {},
    ),
    "conv2d_transpose_small_kernel": ("Conv2DTranspose(1, 2, strides=3)", [(1, 3, 2, 1)], {}),
    "conv2d_transpose_output_padding": (
        "Conv2DTranspose(2, 3, strides=2, padding='same', output_padding=1)",
        [(1, 3, 3, 1)],
        {},
    ),
    "conv2d_transpose_output_padding_valid": (
        "Conv2DTranspose(2, 4, strides=3, output_padding=(1, 2))",
        [(1, 2, 3, 1)],
        {},
    ),
    "conv2d_transpose_dilated": (
        "Conv2DTranspose(1, 3, dilation_rate=2, padding='same')",
        [(1, 4, 4, 1)],
        {},
    ),
    "conv3d_transpose": ("Conv3DTranspose(2, 3, strides=(1, 2, 2))", [(1, 2, 2, 3, 2)], {}),
    "conv3d_transpose_same": (
        "Conv3DTranspose(1, 2, strides=(2, 1, 3), padding='same')",
        [(1, 2, 3, 2, 1)],
        {},
    ),
    "depthwise_conv1d": ("DepthwiseConv1D(3, depth_multiplier=2)", [(1, 5, 2)], {}),
    "depthwise_conv2d": (
        "DepthwiseConv2D(3, strides=2, padding='same', depth_multiplier=2)",
        [(1, 5, 6, 2)],
        {},
    ),
    "separable_conv1d": ("SeparableConv1D(3, 3, padding='same')", [(1, 5, 2)], {}),
    "separable_conv2d": (
        "SeparableConv2D(3, 3, strides=2, padding='same', depth_multiplier=2)",
        [(1, 5, 4, 2)],
        {},
    ),
    "separable_conv1d_dilated": ("SeparableConv1D(2, 2, dilation_rate=2)", [(1, 6, 2)], {}),
    "max_pooling_same": ("MaxPooling2D(3, strides=2, padding='same')", [(1, 5, 6, 2)], {}),
    "max_pooling1d": ("MaxPooling1D(2)", [(1, 5, 2)], {}),
    "average_pooling_same": ("AveragePooling2D(3, strides=2, padding='same')", [(1, 5, 6, 1)], {}),
    "average_pooling1d_same": ("AveragePooling1D(4, strides=3, padding='same')", [(1, 7, 2)], {}),
    "average_pooling3d": ("AveragePooling3D(2)", [(1, 4, 4, 2, 1)], {}),
    "max_pooling3d_same": (
        "MaxPooling3D(2, strides=(1, 2, 3), padding='same')",
        [(1, 3, 4, 5, 2)],
        {},
    ),
    "average_pooling3d_same": (
        "AveragePooling3D((2, 3, 1), strides=2, padding='same')",
        [(1, 3, 4, 5, 1)],
        {},
    ),
    "adaptive_average_pooling1d": ("AdaptiveAveragePooling1D(3)", [(2, 7, 2)], {}),
    "adaptive_average_pooling2d": ("AdaptiveAveragePooling2D((2, 3))", [(1, 5, 7, 2)], {}),
    "adaptive_average_pooling3d": ("AdaptiveAveragePooling3D(2)", [(1, 3, 4, 5, 1)], {}),
    "adaptive_max_pooling1d": ("AdaptiveMaxPooling1D(4)", [(2, 3, 2)], {}),
    "adaptive_max_pooling2d": ("AdaptiveMaxPooling2D((3, 2))", [(1, 5, 4, 2)], {}),
    "adaptive_max_pooling3d": ("AdaptiveMaxPooling3D((1, 2, 3))", [(1, 3, 4, 5, 1)], {}),
    "global_average_pooling1d": (
        "GlobalAveragePooling1D()",
        [(2, 4, 3)],
        {"mask": [[1, 1, 0, 0], [1, 0, 1, 1]]},
    ),
    "global_max_pooling2d": ("GlobalMaxPooling2D(keepdims=True)", [(2, 2, 3, 2)], {}),
    "global_max_pooling1d": ("GlobalMaxPooling1D()", [(2, 4, 3)], {}),
    "global_average_pooling2d": ("GlobalAveragePooling2D()", [(2, 2, 3, 2)], {}),
    "global_average_pooling3d": ("GlobalAveragePooling3D()", [(2, 2, 3, 2, 2)], {}),
    "global_max_pooling3d": ("GlobalMaxPooling3D(keepdims=True)", [(1, 2, 3, 2, 2)], {}),
    "up_sampling1d": ("UpSampling1D(3)", [(1, 2, 3)], {}),
    "up_sampling3d": ("UpSampling3D((2, 1, 3))", [(1, 2, 2, 1, 2)], {}),
    "up_sampling2d": ("UpSampling2D((2, 3))", [(1, 2, 2, 2)], {}),
    "up_sampling2d_bilinear": (
        "UpSampling2D((2, 3), interpolation='bilinear')",
        [(1, 3, 2, 1)],
        {},
    ),
    "zero_padding1d": ("ZeroPadding1D((1, 2))", [(1, 3, 2)], {}),
    "zero_padding3d": ("ZeroPadding3D(((1, 0), (0, 2), (1, 1)))", [(1, 2, 1, 2, 1)], {}),
    "zero_padding2d": ("ZeroPadding2D(((1, 0), (2, 1)))", [(1, 2, 2, 1)], {}),
    "cropping1d": ("Cropping1D((1, 2))", [(1, 5, 2)], {}),
    "cropping3d": ("Cropping3D(((1, 0), (0, 2), (1, 1)))", [(1, 2, 3, 4, 1)], {}),
    "cropping2d": ("Cropping2D(((1, 0), (1, 2)))", [(1, 3, 4, 2)], {}),
    "flatten_channels_first": ("Flatten(data_format='channels_first')", [(2, 2, 3)], {}),
    "permute": ("Permute((2, 3, 1))", [(1, 2, 3, 2)], {}),
    "repeat_vector": ("RepeatVector(2)", [(2, 3)], {}),
    "batch_normalization_inference": ("BatchNormalization()", [(4, 3)], {}),
    "batch_normalization_training": (
        "BatchNormalization(momentum=0.9)",
        [(4, 2, 3)],
        {"training": True},
    ),
    "batch_normalization_axis": ("BatchNormalization(axis=1)", [(2, 3, 4)], {"training": True}),
    "batch_normalization_mask": (
        "BatchNormalization()",
        [(2, 3, 2)],
        {"training": True, "mask": [[1, 1, 0], [1, 0, 0]]},
    ),
    "layer_normalization": ("LayerNormalization()", [(2, 3, 4)], {}),
    "layer_normalization_axes": ("LayerNormalization(axis=[1, 2])", [(2, 3, 4)], {}),
    "layer_normalization_first": ("LayerNormalization(axis=1)", [(2, 3, 4)], {}),
    "group_normalization": ("GroupNormalization(groups=2)", [(2, 3, 4)], {}),
    "group_normalization_axis": ("GroupNormalization(groups=2, axis=1)", [(2, 4, 3)], {}),
    "rms_normalization": ("RMSNormalization()", [(2, 3, 4)], {}),
    "unit_normalization": ("UnitNormalization()", [(2, 3)], {}),
    "embedding": ("Embedding(5, 3)", [], {"ids": [[0, 4], [2, 2]]}),
    "reversible_embedding": ("ReversibleEmbedding(5, 3)", [], {"ids": [[0, 4], [2, 2]]}),
    "reversible_embedding_back": (
        "ReversibleEmbedding(5, 3, logit_soft_cap=0.8)",
        [(2, 4, 3)],
        {"reverse": True},
    ),
    "reversible_embedding_own_way_back": (
        "ReversibleEmbedding(5, 3, tie_weights=False)",
        [(2, 3)],
        {"reverse": True},
    ),
    "prelu": ("PReLU(shared_axes=[1])", [(2, 3, 2)], {}),
    "relu": ("ReLU(max_value=0.7, negative_slope=0.1, threshold=0.2)", [(3, 5)], {}),
    "leaky_relu": ("LeakyReLU()", [(3, 5)], {}),
    "elu": ("ELU(0.5)", [(3, 5)], {}),
    "softmax_mask": ("Softmax()", [(2, 3)], {"mask": [[1, 1, 0], [0, 0, 0]]}),
    "softmax_axes": ("Softmax(axis=(1, 2))", [(2, 3, 2)], {}),
    "simple_rnn": ("SimpleRNN(3, return_sequences=True)", [(2, 4, 2)], {}),
    "simple_rnn_backwards": (
        "SimpleRNN(3, return_sequences=True, go_backwards=True)",
        [(2, 4, 2)],
        {},
    ),
    "simple_rnn_mask": (
        "SimpleRNN(3, return_sequences=True)",
        [(2, 4, 2)],
        {"mask": [[1, 1, 0, 1], [1, 0, 0, 0]]},
    ),
    "simple_rnn_mask_zero_output": (
        "RNN(layers.SimpleRNNCell(3), return_sequences=True, zero_output_for_mask=True)",
        [(2, 4, 2)],
        {"mask": [[1, 1, 0, 1], [1, 0, 0, 0]]},
    ),
    "lstm": ("LSTM(3)", [(2, 4, 2)], {}),
    "lstm_states": ("LSTM(3, return_sequences=True, return_state=True)", [(2, 4, 2)], {}),
    "lstm_mask": ("LSTM(3)", [(2, 4, 2)], {"mask": [[1, 1, 0, 1], [1, 0, 0, 0]]}),
    "lstm_unrolled": ("LSTM(3, unroll=True, go_backwards=True)", [(2, 4, 2)], {}),
    "gru_reset_after": ("GRU(3, return_sequences=True)", [(2, 4, 2)], {}),
    "gru_reset_before": ("GRU(3, reset_after=False, return_state=True)", [(2, 4, 2)], {}),
    "gru_no_bias": ("GRU(3, use_bias=False)", [(2, 4, 2)], {}),
    "stacked_cells": (
        "RNN([layers.LSTMCell(2), layers.GRUCell(3)], return_sequences=True)",
        [(2, 4, 2)],
        {},
    ),
    "conv_lstm1d": ("ConvLSTM1D(2, 3, return_sequences=True)", [(2, 3, 5, 2)], {}),
    "conv_lstm2d": ("ConvLSTM2D(2, (3, 2))", [(2, 3, 4, 5, 2)], {}),
    "conv_lstm2d_same_stride": (
        "ConvLSTM2D(2, 3, strides=2, padding='same', return_state=True, go_backwards=True)",
        [(1, 3, 5, 4, 1)],
        {},
    ),
    "conv_lstm2d_dilated": (
        "ConvLSTM2D(1, 2, dilation_rate=2, use_bias=False, recurrent_activation='hard_sigmoid')",
        [(1, 2, 5, 4, 1)],
        {},
    ),
    "conv_lstm2d_channels_first": (
        "ConvLSTM2D(2, 3, data_format='channels_first', return_sequences=True)",
        [(1, 2, 2, 4, 5)],
        {},
    ),
    "conv_lstm3d": ("ConvLSTM3D(1, 2)", [(1, 2, 3, 2, 3, 2)], {}),
    "bidirectional_conv_lstm2d": (
        "Bidirectional(layers.ConvLSTM2D(2, 2, return_sequences=True))",
        [(1, 3, 3, 2, 1)],
        {},
    ),
    "stacked_cells_states": (
        "RNN(layers.StackedRNNCells([layers.SimpleRNNCell(2), layers.LSTMCell(3)]), "
        "return_state=True)",
        [(2, 3, 2)],
        {},
    ),
    "bidirectional_concat": (
        "Bidirectional(layers.GRU(2, return_sequences=True))",
        [(2, 3, 2)],
        {},
    ),
    "bidirectional_sum": ("Bidirectional(layers.LSTM(2), merge_mode='sum')", [(2, 3, 2)], {}),
    "bidirectional_states": (
        "Bidirectional(layers.LSTM(2, return_state=True), merge_mode='ave')",
        [(2, 3, 2)],
        {},
    ),
    "time_distributed": ("TimeDistributed(layers.Dense(2))", [(2, 3, 2)], {}),
    "add_ranks": ("Add()", [[(2, 3, 4), (2, 4)]], {}),
    "average": ("Average()", [[(2, 3), (2, 3), (2, 3)]], {}),
    "maximum": ("Maximum()", [[(2, 3), (2, 3)]], {}),
    "minimum": ("Minimum()", [[(2, 3), (2, 3)]], {}),
    "multiply": ("Multiply()", [[(2, 3), (2, 3), (2, 3)]], {}),
    "subtract": ("Subtract()", [[(2, 3), (2, 3)]], {}),
    "concatenate": ("Concatenate(axis=1)", [[(2, 1, 3), (2, 2, 3)]], {}),
    "dot": ("Dot(axes=(2, 1))", [[(2, 3, 4), (2, 4, 2)]], {}),
    "dot_normalized": ("Dot(axes=1, normalize=True)", [[(2, 3), (2, 3)]], {}),
    "attention": ("Attention(use_scale=True)", [[(2, 3, 4), (2, 5, 4)]], {}),
    "attention_concat": (
        "Attention(score_mode='concat', use_scale=True)",
        [[(2, 3, 4), (2, 5, 4)]],
        {"return_attention_scores": True},
    ),
    "attention_causal": (
        "Attention()",
        [[(2, 3, 4), (2, 3, 4), (2, 3, 4)]],
        {"use_causal_mask": True, "return_attention_scores": True},
    ),
    "additive_attention": ("AdditiveAttention()", [[(2, 3, 4), (2, 5, 4)]], {}),
    "multi_head_attention": (
        "MultiHeadAttention(2, 3, value_dim=2)",
        [(2, 3, 4), (2, 5, 4)],
        {"return_attention_scores": True},
    ),
    "multi_head_attention_causal": (
        "MultiHeadAttention(2, 3, output_shape=5)",
        [(2, 3, 4), (2, 3, 4)],
        {"use_causal_mask": True},
    ),
    "multi_head_attention_mask": (
        "MultiHeadAttention(1, 2)",
        [(1, 2, 3), (1, 3, 3)],
        {"attention_mask": [[[1, 0, 1], [0, 1, 1]]], "return_attention_scores": True},
    ),
    "multi_head_attention_axes": (
        "MultiHeadAttention(2, 2, attention_axes=(2,))",
        [(1, 2, 3, 4), (1, 2, 3, 4)],
        {"return_attention_scores": True},
    ),
    "multi_head_attention_gate": (
        "MultiHeadAttention(2, 2, use_gate=True, sliding_window=2)",
        [(1, 4, 3), (1, 4, 3)],
        {},
    ),
    "grouped_query_attention": (
        "GroupQueryAttention(2, 4, 2)",
        [(1, 3, 4), (1, 5, 4)],
        {"return_attention_scores": True},
    ),
    "category_encoding": ("CategoryEncoding(5)", [], {"ids": [[0, 4, 4], [2, 7, 1]]}),
    "category_encoding_one_hot": (
        "CategoryEncoding(4, output_mode='one_hot')",
        [],
        {"ids": [[[0, 3], [2, 1]]]},
    ),
    "category_encoding_one_hot_column": (
        "CategoryEncoding(4, output_mode='one_hot')",
        [],
        {"ids": [[0], [3]]},
    ),
    "category_encoding_count": (
        "CategoryEncoding(5, output_mode='count')",
        [],
        {"ids": [[0, 4, 4], [2, 7, 1]]},
    ),
    "center_crop": ("CenterCrop(2, 3)", [(1, 5, 4, 2)], {}),
    "center_crop_of_a_small_image": ("CenterCrop(4, 6)", [(1, 3, 7, 2)], {}),
    "discretization": (
        "Discretization([-0.5, 0.0, 0.25], output_mode='one_hot')",
        [(2, 3, 2)],
        {},
    ),
    "discretization_count": ("Discretization([-0.5, 0.5], output_mode='count')", [(2, 6)], {}),
    "resizing": ("Resizing(4, 3)", [(1, 3, 5, 2)], {}),
    "resizing_nearest": ("Resizing(5, 2, interpolation='nearest')", [(1, 3, 4, 1)], {}),
    "resizing_bicubic": ("Resizing(5, 7, interpolation='bicubic')", [(1, 4, 5, 1)], {}),
    "resizing_lanczos": (
        "Resizing(3, 4, interpolation='lanczos3', antialias=True)",
        [(1, 7, 6, 1)],
        {},
    ),
    "resizing_antialias": ("Resizing(2, 3, antialias=True)", [(1, 7, 6, 1)], {}),
    "resizing_crop": ("Resizing(4, 4, crop_to_aspect_ratio=True)", [(1, 3, 6, 1)], {}),
    "resizing_pad": (
        "Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=0.5)",
        [(1, 3, 6, 1)],
        {},
    ),
    "pipeline": ("Pipeline([layers.Rescaling(2.0), layers.Resizing(2, 3)])", [(1, 4, 5, 1)], {}),
    "rescaling": ("Rescaling(1 / 255, offset=-1.0)", [(2, 3)], {}),
    "normalization": ("Normalization(mean=[1.0, 2.0], variance=[4.0, 0.25])", [(3, 2)], {}),
    "normalization_invert": (
        "Normalization(mean=1.0, variance=4.0, axis=None, invert=True)",
        [(3, 2)],
        {},
    ),
    "spectral_normalization": (
        "SpectralNormalization(layers.Dense(3))",
        [(2, 4)],
        {"training": True},
    ),
}

# Constructors whose configs are compared.
CONFIGS = [
    "Activation('relu')",
    "ActivityRegularization(0.1)",
    "AdaptiveAveragePooling1D(3)",
    "AdaptiveMaxPooling2D((2, 3))",
    "Add()",
    "AdditiveAttention()",
    "AlphaDropout(0.5)",
    "Attention(score_mode='concat')",
    "AveragePooling1D(2)",
    "AveragePooling2D(2, padding='same')",
    "BatchNormalization()",
    "Bidirectional(layers.LSTM(3, name='lstm'))",
    "CategoryEncoding(4, output_mode='count')",
    "CenterCrop(2, 3)",
    "Concatenate()",
    "Conv1D(2, 3)",
    "Conv1DTranspose(2, 3)",
    "Conv2D(2, 3, strides=2, kernel_regularizer='l2', activation='relu')",
    "Conv2DTranspose(2, 3, strides=2, output_padding=1)",
    "Conv3D(2, 3)",
    "Conv3DTranspose(2, 3)",
    "ConvLSTM1D(2, 3)",
    "ConvLSTM2D(2, 3, dropout=0.1, return_sequences=True)",
    "Cropping1D()",
    "Cropping2D(1)",
    "Cropping3D()",
    "Dense(2, kernel_constraint='max_norm', activity_regularizer='l1')",
    "DepthwiseConv1D(3)",
    "DepthwiseConv2D(3)",
    "Discretization([0.0, 1.0])",
    "Discretization(num_bins=3)",
    "Dot(1)",
    "Dropout(0.5, noise_shape=(None, 1), seed=3)",
    "ELU()",
    "EinsumDense('ab,bc->ac', 4)",
    "Embedding(3, 4, mask_zero=True)",
    "Flatten()",
    "GRU(3)",
    "GRUCell(3)",
    "GaussianDropout(0.5)",
    "GaussianNoise(0.5)",
    "GlobalAveragePooling1D()",
    "GlobalAveragePooling3D()",
    "GlobalMaxPooling2D(keepdims=True)",
    "GroupNormalization()",
    "GroupQueryAttention(4, 4, 2)",
    "Identity()",
    "LSTM(3, dropout=0.1)",
    "LSTMCell(3)",
    "LayerNormalization()",
    "LeakyReLU()",
    "Masking()",
    "MaxPooling2D()",
    "MultiHeadAttention(2, 3)",
    "Normalization()",
    "PReLU()",
    "Permute((2, 1))",
    "Pipeline([layers.Rescaling(2.0, name='a'), layers.Dropout(0.5, name='b')])",
    "RMSNormalization()",
    "RNN(layers.SimpleRNNCell(3, name='cell'))",
    "ReLU()",
    "RepeatVector(3)",
    "ReversibleEmbedding(5, 3, tie_weights=False, mask_zero=True)",
    "Rescaling(0.1)",
    "Reshape((2, -1))",
    "Resizing(2, 3, interpolation='nearest')",
    "SeparableConv1D(2, 3)",
    "SeparableConv2D(2, 3)",
    "SimpleRNNCell(3)",
    "Softmax()",
    "SpatialDropout1D(0.5)",
    "SpatialDropout2D(0.5)",
    "SpatialDropout3D(0.5)",
    "SpectralNormalization(layers.Dense(3, name='dense'))",
    "StackedRNNCells([layers.LSTMCell(3, name='cell')])",
    "TimeDistributed(layers.Dense(3, name='dense'))",
    "UnitNormalization()",
    "UpSampling1D()",
    "UpSampling2D()",
    "UpSampling3D()",
    "ZeroPadding1D()",
    "ZeroPadding2D((1, 2))",
    "ZeroPadding3D()",
]


def build(constructor, layers):
    """The layer that `constructor` describes, made with the given `layers` module."""
    return eval(f"layers.{constructor}", {"layers": layers})


def arguments(shapes, options):
    """Positional and keyword arguments of the call."""
    options = dict(options)
    args = []
    if "ids" in options:
        args.append(np.array(options.pop("ids"), "int32"))
    for i, shape in enumerate(shapes):
        if isinstance(shape, list):
            args.append([numbers(s, i + j) for j, s in enumerate(shape)])
        else:
            args.append(numbers(shape, i))
    for name in ("mask", "attention_mask"):
        if name in options:
            options[name] = np.array(options[name], bool)
    return args, options


def set_numbers(layer):
    """Gives the weights numbers from the formula, positive ones where they are variances."""
    values = []
    for i, weight in enumerate(layer.weights):
        value = numbers(tuple(weight.shape), 2.0 * i + 0.5) * 0.6
        values.append(np.abs(value) + 0.5 if "variance" in weight.name else value)
    layer.set_weights(values)


def shortened(serialized):
    """A serialized layer as JSON, with the initializers and the policy that recur as names."""
    text = json.dumps(serialized, separators=(",", ":"))
    for name, config in {
        "Zeros": "",
        "Ones": "",
        "GlorotUniform": '"seed":null,"input_axes":null,"output_axes":null',
        "Orthogonal": '"seed":null,"gain":1.0',
    }.items():
        text = text.replace(
            f'{{"module":"keras.initializers","class_name":"{name}","config":{{{config}}},'
            '"registered_name":null}',
            f'"{name}"',
        )
    policy = '{"module":"keras","class_name":"DTypePolicy","config":{"name":"float32"},'
    return json.loads(text.replace(policy + '"registered_name":null}', '"float32"'))
