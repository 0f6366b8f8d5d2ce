"""Normalization of each sample over groups of channels."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import as_integer
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer
from addax.layers.normalization.axes import known_sizes, normalize_axes, wide_dtype
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)
from addax.ops.normalizing import normalize_groups


class GroupNormalization(Layer):
    """Normalizes each sample over its positions and a group of its channels.

    Mean and variance as in `LayerNormalization`, but for each of `groups` groups of channels
    (Wu and He, 2018, arXiv:1803.08494); gamma and beta have one entry per channel.

    Args:
        groups: Number of groups, a divisor of the number of channels; -1 for one per channel.
        axis: The channels' axis.
        epsilon: Added to the variance.
        center, scale: Whether there is a beta, a gamma.
        beta_initializer, gamma_initializer: How they begin.
        beta_regularizer, gamma_regularizer: Penalties on them.
        beta_constraint, gamma_constraint: Projections applied after each update.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., channels)`, floating point.
    """

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        number = as_integer(groups)
        if number is None or (number <= 0 and number != -1):
            raise ValueError(
                f"`groups` must be a positive integer or -1. Received: groups={groups}"
            )
        self.supports_masking = True
        # The statistics want the inputs' own precision; the result is cast to the compute dtype.
        self.autocast = False
        self.groups = number
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        set_weight_options(
            self,
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
        )

    def build(self, input_shape):
        rank = len(input_shape)
        (axis,) = normalize_axes(self.axis, rank, self.name)
        if input_shape[axis] is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the "
                f"layer received an input with shape {tuple(input_shape)}."
            )
        (channels,) = known_sizes(input_shape, (axis,), self.name)
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels "
                f"({channels})."
            )
        if channels % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must be a multiple of the number of channels "
                f"({channels})."
            )
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: channels})
        self.gamma = add_optioned_weight(self, "gamma", (channels,)) if self.scale else None
        self.beta = add_optioned_weight(self, "beta", (channels,)) if self.center else None
        self.built = True

    def call(self, inputs):
        x = ops.cast(inputs, wide_dtype(inputs.dtype))
        x = normalize_groups(x, self.groups, self.axis, self.gamma, self.beta, self.epsilon)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        normalize_axes(self.axis, len(input_shape), self.name)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **weight_options_config(self, "beta", "gamma", activity_regularizer=False),
        }
