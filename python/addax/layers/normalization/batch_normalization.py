"""Normalization by the statistics of the batch."""

from __future__ import annotations

from typing import Any

from addax import backend, ops
from addax.layers.arguments import as_integer, refuse_options
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer
from addax.layers.normalization.axes import known_sizes, normalize_axes, wide_dtype
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)
from addax.ops.normalizing import normalize_batch


class BatchNormalization(Layer):
    """Normalizes each feature over the batch, then scales and shifts.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`  (Ioffe and Szegedy, 2015,
    arXiv:1502.03167). While training, mean and (biased) variance are those of the batch, and
    the moving ones follow: `moving = momentum * moving + (1 - momentum) * batch`. Otherwise,
    and when the layer is not trainable, the moving ones are used.

    Args:
        axis: The features' axis, which keeps its statistics apart.
        momentum: How slowly the moving statistics follow.
        epsilon: Added to the variance.
        center, scale: Whether there is a beta, a gamma.
        beta_initializer, gamma_initializer: How beta and gamma begin.
        moving_mean_initializer, moving_variance_initializer: How the statistics begin.
        beta_regularizer, gamma_regularizer: Penalties on beta and gamma.
        beta_constraint, gamma_constraint: Projections applied after each update.

    Call arguments:
        inputs: Floating tensor of any shape with a known length of `axis`.
        training: Whether to use and learn the batch's statistics.
        mask: Optional boolean tensor of the inputs' shape without the last axis; only its True
            places enter the statistics.

    Raises:
        ValueError: For `synchronized` and `renorm`, which Addax does not have.
    """

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        refuse_options("BatchNormalization", renorm=renorm, synchronized=synchronized)
        super().__init__(**kwargs)
        number = as_integer(axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis)
        if number is None:
            raise TypeError(f"`axis` must be an integer. Received: axis={axis}")
        self.axis = number
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        set_weight_options(
            self,
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
            moving_mean=(moving_mean_initializer, None, None),
            moving_variance=(moving_variance_initializer, None, None),
        )
        self.supports_masking = True

    def build(self, input_shape):
        rank = len(input_shape)
        (axis,) = normalize_axes(self.axis, rank, self.name)
        shape = known_sizes(input_shape, (axis,), self.name)
        self.gamma = add_optioned_weight(self, "gamma", shape) if self.scale else None
        self.beta = add_optioned_weight(self, "beta", shape) if self.center else None
        # The moving statistics stay in the variables' own dtype: momentum needs the bits.
        fixed = {"trainable": False, "autocast": False}
        self.moving_mean = add_optioned_weight(self, "moving_mean", shape, **fixed)
        self.moving_variance = add_optioned_weight(self, "moving_variance", shape, **fixed)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: shape[0]})
        self._reduction_axes = tuple(a for a in range(rank) if a != axis)
        self.built = True

    def call(self, inputs, training=None, mask=None):
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. Received: "
                f"mask.shape={mask.shape}, inputs.shape={inputs.shape}"
            )
        x = ops.cast(inputs, wide_dtype(inputs.dtype))
        gamma = None if self.gamma is None else ops.cast(self.gamma, x.dtype)
        beta = None if self.beta is None else ops.cast(self.beta, x.dtype)
        learns = training and self.trainable
        if learns and mask is None:
            outputs, mean, variance = normalize_batch(x, self.axis, gamma, beta, self.epsilon)
        else:
            mean, variance = self._masked_moments(x, mask) if learns else self._moving(x.dtype)
            outputs = ops.batch_normalization(
                x, mean, variance, self.axis, offset=beta, scale=gamma, epsilon=self.epsilon
            )
        if learns:
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        return ops.cast(outputs, self.compute_dtype)

    def _moving(self, dtype):
        return ops.cast(self.moving_mean, dtype), ops.cast(self.moving_variance, dtype)

    def _follow(self, moving, statistic):
        statistic = ops.cast(ops.stop_gradient(statistic), moving.dtype)
        moving.assign(moving * self.momentum + statistic * (1.0 - self.momentum))

    def _masked_moments(self, x, mask):
        # Weighted by 0 and 1; epsilon keeps a batch without a single True place finite.
        weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)
        axes = self._reduction_axes
        total = ops.sum(weights, axis=axes, keepdims=True) + backend.epsilon()
        mean = ops.sum(weights * x, axis=axes, keepdims=True) / total
        squares = weights * ops.square(x - mean)
        variance = ops.sum(squares, axis=axes, keepdims=True) / total
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)

    def compute_output_shape(self, input_shape):
        normalize_axes(self.axis, len(input_shape), self.name)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = ("beta", "gamma", "moving_mean", "moving_variance")
        options = weight_options_config(self, *names, activity_regularizer=False)
        for name in names[2:]:
            del options[f"{name}_regularizer"], options[f"{name}_constraint"]
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **options,
            "synchronized": False,
            "renorm": False,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }
