"""What all convolution layers share: their windows, their bias and their activation."""

from __future__ import annotations

from typing import Any

from addax import activations, ops
from addax.layers.arguments import (
    integer_tuple,
    standardize_data_format,
    standardize_padding,
)
from addax.layers.convolutional.shapes import split_shape
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer
from addax.layers.weight_options import add_optioned_weight


class ConvolutionLayer(Layer):
    """Base of the convolutions over `rank` spatial axes.

    Subclasses set `rank`, create their kernels in `build_kernels(channels)` and apply them in
    `convolve(inputs)`.
    """

    rank: int
    allow_causal = False

    def __init__(
        self,
        kernel_size,
        strides,
        padding,
        data_format,
        dilation_rate,
        activation,
        use_bias,
        activity_regularizer,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.kernel_size = integer_tuple(kernel_size, self.rank, "kernel_size")
        self.strides = integer_tuple(strides, self.rank, "strides")
        self.dilation_rate = integer_tuple(dilation_rate, self.rank, "dilation_rate")
        self.padding = standardize_padding(padding, self.allow_causal)
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def build(self, input_shape):
        _, _, channels = split_shape(input_shape, self.data_format)
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. "
                f"Received: input_shape={tuple(input_shape)} for layer '{self.name}'"
            )
        channel_axis = -1 if self.data_format == "channels_last" else 1
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={channel_axis: channels})
        self.compute_output_shape(input_shape)
        self.build_kernels(channels)
        self.bias = add_optioned_weight(self, "bias", (self.filters,)) if self.use_bias else None
        self.built = True

    def build_kernels(self, channels: int) -> None:
        raise AssertionError(f"{type(self).__name__} must create its kernels")

    def convolve(self, inputs):
        raise AssertionError(f"{type(self).__name__} must apply its kernels")

    def call(self, inputs):
        outputs = self.convolve(inputs)
        if self.bias is not None:
            outputs = outputs + self._broadcast(self.bias)
        return self.activation(outputs)

    def _broadcast(self, bias):
        """The bias in a shape that lines up with the channels."""
        if self.data_format == "channels_last":
            return bias
        return ops.reshape(bias, (1, self.filters) + (1,) * self.rank)

    def window_config(self) -> dict[str, Any]:
        return {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def activation_config(self) -> dict[str, Any]:
        return {
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
        }
