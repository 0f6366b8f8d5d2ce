"""Convolutions of each channel by itself."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import strictly_positive
from addax.layers.convolutional.base import ConvolutionLayer
from addax.layers.convolutional.shapes import conv_output_shape, split_shape
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)


class BaseDepthwiseConv(ConvolutionLayer):
    """Convolves each channel with `depth_multiplier` filters of its own.

    Args:
        kernel_size: Size of the window, one int or one per spatial axis.
        strides: Distance between windows.
        padding: "valid" or "same".
        depth_multiplier: Number of outputs per input channel.
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: Distance between the elements of a window; not with strides > 1.
        activation: Name, function or None for the identity.
        use_bias: Whether a bias per output channel is added.
        depthwise_initializer, bias_initializer: How the weights begin.
        depthwise_regularizer, bias_regularizer: Penalties on the weights.
        activity_regularizer: Penalty on the outputs.
        depthwise_constraint, bias_constraint: Projections applied after each update.

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)`.

    Returns:
        Tensor of shape `(batch, *new_spatial, channels * depth_multiplier)`.
    """

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        depth_multiplier = strictly_positive(depth_multiplier, "depth_multiplier")
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            activity_regularizer,
            **kwargs,
        )
        self.depth_multiplier = depth_multiplier
        self.filters = None  # Known when the inputs' channels are.
        set_weight_options(
            self,
            depthwise=(depthwise_initializer, depthwise_regularizer, depthwise_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build_kernels(self, channels):
        self.filters = channels * self.depth_multiplier
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = add_optioned_weight(self, "kernel", shape, options="depthwise")

    def convolve(self, inputs):
        return ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape):
        _, _, channels = split_shape(input_shape, self.data_format)
        return conv_output_shape(
            input_shape,
            (*self.kernel_size, channels, self.depth_multiplier),
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            None if channels is None else channels * self.depth_multiplier,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            **self.window_config(),
            **self.activation_config(),
            **weight_options_config(self, "depthwise", "bias"),
        }


class DepthwiseConv1D(BaseDepthwiseConv):
    __doc__ = BaseDepthwiseConv.__doc__
    rank = 1


class DepthwiseConv2D(BaseDepthwiseConv):
    __doc__ = BaseDepthwiseConv.__doc__
    rank = 2
