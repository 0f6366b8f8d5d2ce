"""LSTM cells whose products are convolutions (Shi et al., 2015, arXiv:1506.04214)."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import (
    integer_tuple,
    positive_integer,
    standardize_data_format,
    standardize_padding,
)
from addax.layers.convolutional.shapes import conv_output_shape, split_shape
from addax.layers.rnn import streaming
from addax.layers.rnn.lstm import LSTMCell
from addax.layers.weight_options import add_optioned_weight


class ConvLSTMCell(LSTMCell):
    """One step of an LSTM over images: `LSTMCell` with convolutions in the place of products.

    Subclasses set `rank`, the number of spatial axes. The states are images too, of the size
    that the inputs' convolution gives; their own convolution keeps it.

    Args:
        filters: Number of channels of the states and the output, a positive integer.
        kernel_size: Size of both windows, one int or one per spatial axis.
        strides: Distance between the windows on the inputs.
        padding: "valid" or "same", for the inputs.
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: Distance between the elements of a window on the inputs.
        lstm_options: The arguments of `LSTMCell` from `activation` on, by name.

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)`; all but the batch is known.
        states: List `[h, c]` of tensors of shape `(batch, *new_spatial, filters)`.
        training: Whether to drop.

    Returns:
        The output `h` and the list `[h, c]`.

    Raises:
        ValueError: If an argument is none of the above, a spatial size or the number of channels is
            not known, or the window does not fit into the inputs.
    """

    rank: int

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        **lstm_options,
    ):
        filters = positive_integer(
            filters,
            "Received an invalid value for argument `filters`, expected a positive integer, "
            f"got {filters}.",
        )
        super().__init__(filters, **lstm_options)
        self.filters = filters
        self.kernel_size = integer_tuple(kernel_size, self.rank, "kernel_size")
        self.strides = integer_tuple(strides, self.rank, "strides")
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = integer_tuple(dilation_rate, self.rank, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Specifying `strides > 1` is not compatible with `dilation_rate > 1`. Please "
                "provide `strides=1` or `dilation_rate=1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def build(self, input_shape):
        _, spatial, channels = split_shape(input_shape, self.data_format)
        if None in spatial:
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension. "
                f"Received invalid input shape: input_shape={tuple(input_shape)}"
            )
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. Full input shape "
                f"received: input_shape={tuple(input_shape)}"
            )
        self._input_shape = tuple(input_shape[1:])
        self.output_size = self.compute_output_shape(input_shape)[0][1:]
        width = self.filters * self.gates
        shape = (*self.kernel_size, channels, width)
        self.kernel = add_optioned_weight(self, "kernel", shape)
        shape = (*self.kernel_size, self.filters, width)
        self.recurrent_kernel = add_optioned_weight(
            self, "recurrent_kernel", shape, options="recurrent"
        )
        self.bias = self.build_bias(width) if self.use_bias else None
        self.built = True

    @property
    def _channel_axis(self) -> int:
        """The channels' axis, counted from the end."""
        return -1 if self.data_format == "channels_last" else -1 - self.rank

    # Keras drops anew for each gate, so a pattern has the channels four times: those of i, f, g, o.

    def _input_pattern(self, batch_size, training):
        return self._pattern(
            self._four_times(batch_size, self._input_shape), self.dropout, training
        )

    def _state_pattern(self, batch_size, training):
        shape = self._four_times(batch_size, self.output_size)
        return self._pattern(shape, self.recurrent_dropout, training)

    def _four_times(self, batch_size, shape) -> tuple:
        shape = [batch_size, *shape]
        shape[self._channel_axis] *= self.gates
        return tuple(shape)

    def _dropped(self, x, dropped):
        """The inputs of the four gates side by side: the convolution takes them as four groups."""
        return ops.concatenate([x] * self.gates, axis=self._channel_axis) * dropped

    def begin(self, batch_size, training):
        project, step = super().begin(batch_size, training)
        if streaming.current() is None:
            return project, step
        # A sequence comes in pieces, of a step as a rule: whatever is done, is done step by step.
        return lambda inputs: inputs, lambda inputs, states: step(project(inputs), states)

    def _project(self, inputs, dropped):
        if dropped is not None:
            inputs = self._dropped(inputs, dropped)
        leading = ops.shape(inputs)[: -1 - self.rank]
        # The steps of a sequence go through the convolution as one batch.
        steps = len(leading) > 1
        x = inputs
        if steps:
            time, batch = leading
            x = ops.reshape(inputs, (time * batch, *inputs.shape[2:]))
        y = ops.conv(
            x,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return self.add_input_bias(ops.reshape(y, (*leading, *y.shape[1:])) if steps else y)

    def add_input_bias(self, projected):
        if self.bias is None:
            return projected
        shape = [1] * (self.rank + 1)
        shape[self._channel_axis] = self.filters * self.gates
        return projected + ops.reshape(self.bias, shape)

    def recurrent_product(self, h, dropped):
        h = h if dropped is None else self._dropped(h, dropped)
        return ops.conv(h, self.recurrent_kernel, padding="same", data_format=self.data_format)

    def split_gates(self, z):
        return ops.split(z, self.gates, axis=self._channel_axis)

    def has_operation(self):
        return False

    def get_initial_state(self, batch_size=None):
        shape = (batch_size, *self.output_size)
        return [ops.zeros(shape, dtype=self.compute_dtype) for _ in self.state_size]

    def compute_output_shape(self, inputs_shape, states_shape=None):
        _, _, channels = split_shape(inputs_shape, self.data_format)
        shape = conv_output_shape(
            inputs_shape,
            (*self.kernel_size, channels, self.filters),
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.filters,
        )
        return shape, [shape, shape]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["units"]
        return {
            **config,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


class ConvLSTM1DCell(ConvLSTMCell):
    __doc__ = ConvLSTMCell.__doc__
    rank = 1


class ConvLSTM2DCell(ConvLSTMCell):
    __doc__ = ConvLSTMCell.__doc__
    rank = 2


class ConvLSTM3DCell(ConvLSTMCell):
    __doc__ = ConvLSTMCell.__doc__
    rank = 3
