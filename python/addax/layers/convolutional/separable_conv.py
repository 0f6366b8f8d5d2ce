"""Depthwise convolutions followed by a mixing of the channels."""

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


class BaseSeparableConv(ConvolutionLayer):
    """Convolves each channel by itself, then mixes the channels with a 1x1 convolution.

    Args:
        filters: Number of output channels, a positive integer.
        kernel_size: Size of the window, one int or one per spatial axis.
        strides: Distance between windows.
        padding: "valid" or "same".
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: Distance between the elements of a window; not with strides > 1.
        depth_multiplier: Number of intermediate channels per input channel.
        activation: Name, function or None for the identity.
        use_bias: Whether a bias per filter is added.
        depthwise_initializer, pointwise_initializer, bias_initializer: How the weights begin.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: Penalties on them.
        activity_regularizer: Penalty on the outputs.
        depthwise_constraint, pointwise_constraint, bias_constraint: Projections applied after
            each update.

    Call arguments:
        inputs: Tensor of shape `(batch, *spatial, channels)`.

    Returns:
        Tensor of shape `(batch, *new_spatial, filters)`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        filters = strictly_positive(filters, "filters")
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
        self.filters = filters
        self.depth_multiplier = depth_multiplier
        set_weight_options(
            self,
            depthwise=(depthwise_initializer, depthwise_regularizer, depthwise_constraint),
            pointwise=(pointwise_initializer, pointwise_regularizer, pointwise_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build_kernels(self, channels):
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = add_optioned_weight(
            self, "depthwise_kernel", depthwise, options="depthwise"
        )
        self.pointwise_kernel = add_optioned_weight(
            self, "pointwise_kernel", pointwise, options="pointwise"
        )

    def convolve(self, inputs):
        return ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
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
            self.filters,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            "filters": self.filters,
            **self.window_config(),
            **self.activation_config(),
            **weight_options_config(self, "depthwise", "pointwise", "bias"),
        }


class SeparableConv1D(BaseSeparableConv):
    __doc__ = BaseSeparableConv.__doc__
    rank = 1


class SeparableConv2D(BaseSeparableConv):
    __doc__ = BaseSeparableConv.__doc__
    rank = 2
