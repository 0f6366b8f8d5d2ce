"""Convolutions over one, two and three spatial axes."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import as_integer, strictly_positive
from addax.layers.convolutional.base import ConvolutionLayer
from addax.layers.convolutional.shapes import conv_output_shape
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)


class BaseConv(ConvolutionLayer):
    """Convolves with a kernel: `activation(conv(inputs, kernel) + bias)`.

    Deep learning's convolution, that is, a correlation: the kernel is not flipped.

    Args:
        filters: Number of output channels, a positive integer, a multiple of `groups`.
        kernel_size: Size of the window, one int or one per spatial axis.
        strides: Distance between windows.
        padding: "valid" (windows inside the input only), "same" (as many windows as steps;
            what is missing is zero, the odd one at the end), or for 1D "causal" (zeros before
            the start, so that no output sees the future).
        data_format: "channels_last" (default) or "channels_first".
        dilation_rate: Distance between the elements of a window; not with strides > 1.
        groups: The channels are split in this many groups, each with its own filters.
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

    Raises:
        ValueError: If the window does not fit into the inputs.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
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
        number = as_integer(groups)
        if number is None or number <= 0:
            raise ValueError(
                f"The number of groups must be a positive integer. Received: groups={groups}."
            )
        if filters % number:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
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
        self.groups = number
        set_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape):
        channel_axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[channel_axis]
        if channels is not None and channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels "
                f"(full input shape is {tuple(input_shape)})."
            )
        super().build(input_shape)

    def build_kernels(self, channels):
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = add_optioned_weight(self, "kernel", shape)

    def convolution_op(self, inputs, kernel):
        """The convolution alone; subclasses may replace it."""
        padding = self.padding
        if padding == "causal":
            inputs = self._pad_before(inputs)
            padding = "valid"
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def convolve(self, inputs):
        return self.convolution_op(inputs, self.kernel)

    def _pad_before(self, inputs):
        """Zeros before the start: the last window ends at the last step."""
        missing = (self.dilation_rate[0] * (self.kernel_size[0] - 1), 0)
        if self.data_format == "channels_last":
            return ops.pad(inputs, [(0, 0), missing, (0, 0)])
        return ops.pad(inputs, [(0, 0), (0, 0), missing])

    def compute_output_shape(self, input_shape):
        channel_axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[channel_axis]
        per_group = None if channels is None else channels // self.groups
        return conv_output_shape(
            input_shape,
            (*self.kernel_size, per_group, self.filters),
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.filters,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            **self.window_config(),
            "groups": self.groups,
            **self.activation_config(),
            **weight_options_config(self, "kernel", "bias"),
        }


class Conv1D(BaseConv):
    __doc__ = BaseConv.__doc__
    rank = 1
    allow_causal = True


class Conv2D(BaseConv):
    __doc__ = BaseConv.__doc__
    rank = 2


class Conv3D(BaseConv):
    __doc__ = BaseConv.__doc__
    rank = 3
