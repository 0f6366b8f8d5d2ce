"""The activations that have parameters, as layers: ReLU and its kin, ELU, Softmax."""

from __future__ import annotations

from typing import Any

from addax import activations, ops
from addax.layers.arguments import as_integer, is_number
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)


def _is_negative(value: Any) -> bool:
    """Whether `value` is below zero; TypeError if it is no number."""
    if not is_number(value):
        raise TypeError(f"Expected a number. Received: {value!r} of type {type(value).__name__}")
    return value < 0


class ReLU(Layer):
    """`f(x) = min(x, max_value)` where `x >= threshold`, else `negative_slope * (x - threshold)`.

    Args:
        max_value: Largest output, None for no limit.
        negative_slope: Slope below the threshold.
        threshold: Below it an input is damped.
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        if max_value is not None and _is_negative(max_value):
            raise ValueError(
                "max_value of a ReLU layer cannot be a negative value. "
                f"Received: max_value={max_value}"
            )
        for name, value in (("negative_slope", negative_slope), ("threshold", threshold)):
            if value is None or _is_negative(value):
                raise ValueError(
                    f"{name} of a ReLU layer cannot be None or a negative value. "
                    f"Received: {name}={value}"
                )
        super().__init__(**kwargs)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs):
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """`f(x) = x` where `x >= 0`, else `negative_slope * x`.

    Args:
        negative_slope: Slope below zero, 0.3 by default.
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:  # Its name in Keras 2.
            negative_slope = kwargs.pop("alpha")
        if negative_slope is None or _is_negative(negative_slope):
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative "
                f"value. Expected a float. Received: negative_slope={negative_slope}"
            )
        super().__init__(**kwargs)
        self.negative_slope = negative_slope
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs):
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class ThresholdedReLU(Layer):
    """`f(x) = x` where `x > theta`, else 0: a layer of Keras 2 and TensorFlow.js.

    Keras 3 dropped it; `ReLU(threshold=theta)`, which differs at `x = theta` alone, is its heir.

    Args:
        theta: The threshold, not negative.

    Raises:
        ValueError: If it is negative or None.
        TypeError: If it is no number.
    """

    def __init__(self, theta=1.0, **kwargs):
        if theta is None or _is_negative(theta):
            raise ValueError(
                "Theta of a Thresholded ReLU layer cannot be None or negative, expected a float. "
                f"Received: theta={theta}"
            )
        super().__init__(**kwargs)
        self.theta = theta
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs):
        # Not `inputs > theta` with the branches changed over: NaN shall pass.
        return ops.where(inputs <= self.theta, 0.0, inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "theta": self.theta}


class ELU(Layer):
    """`f(x) = x` where `x > 0`, else `alpha * (exp(x) - 1)`  (Clevert et al., 2016).

    Args:
        alpha: Minus the limit at minus infinity.
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs):
        return activations.elu(inputs, alpha=self.alpha)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class PReLU(Layer):
    """`f(x) = x` where `x >= 0`, else `alpha * x` with a learned `alpha`  (He et al., 2015).

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: Of the slopes.
        shared_axes: Axes (1 is the first after the batch) along which the slope is the same.

    Call arguments:
        inputs: Tensor; the axes that are not shared have known lengths.
    """

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        set_weight_options(self, alpha=(alpha_initializer, alpha_regularizer, alpha_constraint))
        if shared_axes is None or isinstance(shared_axes, list | tuple):
            self.shared_axes = None if shared_axes is None else list(shared_axes)
        else:
            self.shared_axes = [shared_axes]

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis <= len(shape):
                raise ValueError(
                    f"`shared_axes` of a PReLU layer must be axes of its inputs, 1 to "
                    f"{len(shape)}. Received: shared_axes={self.shared_axes}, "
                    f"input_shape={input_shape}"
                )
            shape[axis - 1] = 1
        self.alpha = add_optioned_weight(self, "alpha", tuple(shape))
        kept = {i + 1: n for i, n in enumerate(shape) if i + 1 not in (self.shared_axes or ())}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=kept)
        self.built = True

    def call(self, inputs):
        return activations.relu(inputs) - self.alpha * activations.relu(-inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **weight_options_config(self, "alpha", activity_regularizer=False),
            "shared_axes": self.shared_axes,
        }


# Added to masked logits: as good as minus infinity, but finite, also in float16.
_MASKED = {"float16": -3e4}


class Softmax(Layer):
    """`f(x) = exp(x) / sum(exp(x))`, the sum along an axis or several.

    Args:
        axis: Axis or axes of the sum.

    Call arguments:
        inputs: Tensor of logits.
        mask: Optional boolean tensor of the inputs' shape; where it is False the result is 0.
    """

    def __init__(self, axis=-1, **kwargs):
        entries = axis if isinstance(axis, list | tuple) else [axis]
        if not entries or any(as_integer(entry) is None for entry in entries):
            raise ValueError(f"`axis` must be an integer or integers. Received: axis={axis}")
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs, mask=None):
        if mask is not None:
            hidden = ops.cast(ops.logical_not(mask), inputs.dtype)
            inputs = inputs + hidden * _MASKED.get(inputs.dtype, -1e9)
        if isinstance(self.axis, list | tuple):
            if len(self.axis) > 1:
                shift = ops.logsumexp(inputs, axis=tuple(self.axis), keepdims=True)
                return self._hide(ops.exp(inputs - shift), mask)
            return self._hide(activations.softmax(inputs, axis=self.axis[0]), mask)
        return self._hide(activations.softmax(inputs, axis=self.axis), mask)

    @staticmethod
    def _hide(outputs, mask):
        """Zeros at masked places, also where a whole row is masked and the shift is no help."""
        return outputs if mask is None else outputs * ops.cast(mask, outputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
