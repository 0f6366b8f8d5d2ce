"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from addax import activations, ops
from addax.layers.arguments import positive_integer, refuse_options
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)


class Dense(Layer):
    """Multiplies the last axis by a matrix: `activation(inputs @ kernel + bias)`.

    Args:
        units: Length of the outputs' last axis, a positive integer.
        activation: Name, function or None for the identity.
        use_bias: Whether a bias is added.
        kernel_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, bias_regularizer: Penalties on the weights.
        activity_regularizer: Penalty on the outputs.
        kernel_constraint, bias_constraint: Projections applied after each update.

    Call arguments:
        inputs: Tensor of shape `(batch, ..., features)`, floating point.

    Returns:
        Tensor of shape `(batch, ..., units)`.
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        units = positive_integer(
            units,
            "Received an invalid value for `units`, expected a positive integer. "
            f"Received: units={units}",
        )
        refuse_options(
            "Dense",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        set_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        self.kernel = add_optioned_weight(self, "kernel", (features, self.units))
        self.bias = add_optioned_weight(self, "bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    def call(self, inputs):
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **weight_options_config(self, "kernel", "bias", activity_regularizer=False),
            "quantization_config": None,
        }
