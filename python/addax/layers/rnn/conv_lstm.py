"""Recurrent layers over sequences of signals, images and volumes."""

from __future__ import annotations

from addax.layers.rnn.cell_layer import CellLayer, cell_option
from addax.layers.rnn.conv_lstm_cell import (
    ConvLSTM1DCell,
    ConvLSTM2DCell,
    ConvLSTM3DCell,
    ConvLSTMCell,
)


class ConvLSTM(CellLayer):
    """Runs a `ConvLSTMCell` over sequences `(batch, time, *spatial, channels)`.

    Subclasses set `cell_class`.

    Args:
        filters: Number of channels of the states and the output, a positive integer.
        kernel_size: Size of the windows on inputs and states, one int or one per spatial axis.
        strides: Distance between the windows on the inputs.
        padding: "valid" or "same", for the inputs; on the states it is always "same".
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: Distance between the elements of a window on the inputs.
        activation to bias_constraint, dropout, recurrent_dropout, seed: Those of `LSTMCell`.
        activity_regularizer: Penalty on the outputs.
        return_sequences, return_state, go_backwards, stateful: Those of `RNN`.

    Call arguments and result are those of `RNN`, with `(*new_spatial, filters)` for `units`; the
    states are `[h, c]`.

    Raises:
        ValueError: As `ConvLSTMCell`.
    """

    cell_class: type[ConvLSTMCell]

    filters = cell_option("filters")
    kernel_size = cell_option("kernel_size")
    strides = cell_option("strides")
    padding = cell_option("padding")
    data_format = cell_option("data_format")
    dilation_rate = cell_option("dilation_rate")
    activation = cell_option("activation")
    recurrent_activation = cell_option("recurrent_activation")
    unit_forget_bias = cell_option("unit_forget_bias")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        cell = self.cell_class(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            implementation=kwargs.pop("implementation", None),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="conv_lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )


class ConvLSTM1D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    cell_class = ConvLSTM1DCell
    input_ndim = 4


class ConvLSTM2D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    cell_class = ConvLSTM2DCell
    input_ndim = 5


class ConvLSTM3D(ConvLSTM):
    __doc__ = ConvLSTM.__doc__
    cell_class = ConvLSTM3DCell
    input_ndim = 6
