"""Normalization of each sample by itself."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import refuse_options
from addax.layers.layer import Layer
from addax.layers.normalization.axes import (
    axes_argument,
    known_sizes,
    normalize_axes,
    wide_dtype,
)
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)


class LayerNormalization(Layer):
    """Normalizes each sample over its last axes to mean 0 and variance 1, then scales and shifts.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`  (Ba et al., 2016,
    arXiv:1607.06450, eq. 4)

    Args:
        axis: Axis or axes to normalize, counted from the end if negative.
        epsilon: Added to the variance.
        center, scale: Whether there is a beta, a gamma.
        beta_initializer, gamma_initializer: How they begin.
        beta_regularizer, gamma_regularizer: Penalties on them.
        beta_constraint, gamma_constraint: Projections applied after each update.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., features)`, floating point.

    Returns:
        Tensor of the inputs' shape and dtype.

    Raises:
        ValueError: If an axis is not an axis of the inputs, or its length is unknown.
    """

    def __init__(
        self,
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
        # A former option, still in configs; RMSNormalization took its place.
        refuse_options("LayerNormalization", rms_scaling=kwargs.pop("rms_scaling", False))
        super().__init__(**kwargs)
        self.axis = axes_argument(
            axis,
            "Expected an int or a list/tuple of ints for the argument 'axis', but received: "
            f"{axis!r}",
        )
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        set_weight_options(
            self,
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
        )
        self.supports_masking = True
        # The statistics want the inputs' own precision; the result is cast to the compute dtype.
        self.autocast = False

    def build(self, input_shape):
        self._axes = normalize_axes(self.axis, len(input_shape), self.name)
        shape = known_sizes(input_shape, self._axes, self.name)
        self.gamma = add_optioned_weight(self, "gamma", shape) if self.scale else None
        self.beta = add_optioned_weight(self, "beta", shape) if self.center else None
        self.built = True

    def call(self, inputs):
        x = ops.cast(inputs, wide_dtype(inputs.dtype))
        outputs = ops.layer_normalization(x, self.gamma, self.beta, self._axes, self.epsilon)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        normalize_axes(self.axis, len(input_shape), self.name)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": False,
            **weight_options_config(self, "beta", "gamma", activity_regularizer=False),
        }
