"""Models with something that TensorFlow.js does not know or computes otherwise: shape of a sample,
the chain of layers, and what the warning on saving says of it.
"""

from __future__ import annotations

UNKNOWN = {
    "unit_normalization": ([(4,)], "UnitNormalization(name='n')", "layer 'n' (UnitNormalization)"),
    "subtract": ([(4,), (4,)], "Subtract(name='n')", "layer 'n' (Subtract)"),
    "lambda": ([(4,)], "Lambda(abs_, name='n')", "layer 'n' (Lambda)"),
    "reset_after": ([(5, 3)], "GRU(2, name='n')", "`reset_after=True` of layer 'n' (GRU)"),
    "reset_after_of_a_cell": (
        [(5, 3)],
        "RNN([LSTMCell(2), GRUCell(2)], name='n')",
        "`reset_after=True` of layer GRUCell in 'n'",
    ),
    "reset_after_within": (
        [(5, 3)],
        "Bidirectional(GRU(2), name='n')",
        "`reset_after=True` of layer GRU in 'n'",
    ),
    "way_back": (
        [(5, 3)],
        "Bidirectional(LSTM(2), backward_layer=LSTM(2, go_backwards=True, activation='relu'), "
        "name='n')",
        "`backward_layer` of layer 'n' (Bidirectional)",
    ),
    "distributed": (
        [(5, 3)],
        "TimeDistributed(UnitNormalization(), name='n')",
        "layer UnitNormalization in 'n'",
    ),
    "elu": ([(4,)], "ELU(0.5, name='n')", "`alpha=0.5` of layer 'n' (ELU)"),
    "relu_slope": ([(4,)], "ReLU(negative_slope=0.1, name='n')", "`negative_slope=0.1`"),
    "relu_threshold": ([(4,)], "ReLU(threshold=0.5, name='n')", "`threshold=0.5`"),
    "causal": ([(5, 2)], "Conv1D(2, 3, padding='causal', name='n')", "`padding=causal`"),
    "groups": ([(5, 5, 4)], "Conv2D(2, 3, groups=2, name='n')", "`groups=2`"),
    "output_padding": (
        [(4, 4, 1)],
        "Conv2DTranspose(2, 3, strides=2, output_padding=1, name='n')",
        "`output_padding=[1, 1]`",
    ),
    "transpose_dilated": (
        [(4, 4, 1)],
        "Conv2DTranspose(2, 3, dilation_rate=2, name='n')",
        "`dilation_rate=[2, 2]`",
    ),
    "keepdims": ([(4, 4, 1)], "GlobalAveragePooling2D(keepdims=True, name='n')", "`keepdims=True`"),
    "bilinear": ([(3, 3, 1)], "UpSampling2D(2, interpolation='bilinear')", "bilinear"),
    "bicubic": ([(3, 3, 1)], "UpSampling2D(2, interpolation='bicubic')", "bicubic"),
    "resizing": ([(4, 4, 1)], "Resizing(3, 3, name='n')", "layer 'n' (Resizing)"),
    "axis_of_batch_normalization": (
        [(3, 4)],
        "BatchNormalization(axis=1, name='n')",
        "`axis=1` of layer 'n'",
    ),
    "activation": ([(4,)], "Dense(2, activation='exponential')", "`activation=exponential`"),
    "activation_layer": ([(4,)], "Activation('leaky_relu')", "`activation=leaky_relu`"),
    "hard_sigmoid": ([(4,)], "Dense(2, activation='hard_sigmoid')", "`activation='hard_sigmoid'`"),
    "regularizer": (
        [(4,)],
        "Dense(2, kernel_regularizer='orthogonal_regularizer')",
        "`kernel_regularizer=OrthogonalRegularizer`",
    ),
    "dtype": ([(4,)], "Dense(2, dtype='float64', name='n')", "`dtype='float64'` of layer 'n'"),
    "name": ([(4,)], "Dense(2, name='my layer')", "the name of layer 'my layer' (Dense)"),
}
