"""Transposed convolutions: the data gradient of a convolution, used to enlarge."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import integer_tuple, strictly_positive
from addax.layers.convolutional.base import ConvolutionLayer
from addax.layers.convolutional.shapes import join_shape, split_shape, transposed_size
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)


class BaseConvTranspose(ConvolutionLayer):
    """Spreads each input element over a window: `activation(conv_transpose(inputs) + bias)`.

    Args:
        filters: Number of output channels, a positive integer.
        kernel_size: Size of the window, one int or one per spatial axis.
        strides: Distance between windows in the output.
        padding: "valid" or "same".
        output_padding: Elements added at the end of each spatial axis, less than the strides;
            None for the size that Keras chooses (`size * strides` for "same").
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: Distance between the elements of a window; not with strides > 1.
        activation: Name, function or None for the identity.
        use_bias: Whether a bias per filter is added.
        kernel_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, bias_regularizer: Penalties on the weights.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint, bias_constraint: Projections applied after each update.

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
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        filters = strictly_positive(filters, "filters")
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
        self.output_padding = self._checked_output_padding(output_padding)
        set_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def _checked_output_padding(self, output_padding):
        if output_padding is None:
            return None
        added = integer_tuple(output_padding, self.rank, "output_padding", allow_zero=True)
        for axis, (extra, stride) in enumerate(zip(added, self.strides, strict=True)):
            if extra >= stride:
                raise ValueError(
                    "`output_padding` must be strictly less than `strides` for all dimensions. "
                    f"At dimension {axis}, `output_padding` is {extra} but `strides` is "
                    f"{stride}. Received: output_padding={added}, strides={self.strides}"
                )
        return added

    def build_kernels(self, channels):
        shape = (*self.kernel_size, self.filters, channels)
        self.kernel = add_optioned_weight(self, "kernel", shape)

    def convolve(self, inputs):
        return ops.conv_transpose(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def compute_output_shape(self, input_shape):
        batch, sizes, _ = split_shape(input_shape, self.data_format)
        added = self.output_padding or (None,) * self.rank
        windows = zip(sizes, self.kernel_size, self.strides, added, self.dilation_rate, strict=True)
        spatial = [transposed_size(n, k, s, self.padding, p, d) for n, k, s, p, d in windows]
        return join_shape(batch, spatial, self.filters, self.data_format)

    def get_config(self) -> dict[str, Any]:
        windows = self.window_config()
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": windows.pop("kernel_size"),
            "strides": windows.pop("strides"),
            "padding": windows.pop("padding"),
            "output_padding": self.output_padding,
            **windows,
            **self.activation_config(),
            **weight_options_config(self, "kernel", "bias"),
        }


class Conv1DTranspose(BaseConvTranspose):
    __doc__ = BaseConvTranspose.__doc__
    rank = 1


class Conv2DTranspose(BaseConvTranspose):
    __doc__ = BaseConvTranspose.__doc__
    rank = 2


class Conv3DTranspose(BaseConvTranspose):
    __doc__ = BaseConvTranspose.__doc__
    rank = 3
