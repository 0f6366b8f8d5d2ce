"""Dynamic loss scaling, for training with float16."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.initializers import Constant
from addax.optimizers.optimizer import Optimizer

_INNER_ONLY = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """Scales the loss up so that small gradients stay above zero, and gradients down again.

    A step with a gradient that is not finite is left out and halves the scale;
    `dynamic_growth_steps` finite ones in a row double it.

    Args:
        inner_optimizer: The optimizer that makes the steps.
        initial_scale: First scale.
        dynamic_growth_steps: See above.
        name: Name of the optimizer.

    Raises:
        ValueError: If an argument of the inner optimizer is given here.
    """

    def __init__(
        self,
        inner_optimizer,
        initial_scale=2.0**15,
        dynamic_growth_steps=2000,
        name=None,
        **kwargs,
    ):
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer no longer supports `dynamic=False`. Instead, simply set "
                "`loss_scale_factor` directly on the `inner_optimizer`."
            )
        for argument, default in _INNER_ONLY.items():
            if kwargs.pop(argument, default) != default:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{argument}`. Instead, set "
                    f"`{argument}` on the `inner_optimizer`."
                )
        if kwargs:
            raise ValueError(
                f"LossScaleOptimizer does not support arguments: `{'`, `'.join(kwargs)}`."
            )
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None

    def build(self, variables):
        variables = list(variables)
        self.step_counter = self.add_variable((), dtype="int64", name="step_counter")
        self.dynamic_scale = self.add_variable(
            (), Constant(self.initial_scale), dtype="float32", name="dynamic_scale"
        )
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self):
        return self._variables + self.inner_optimizer.variables

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def apply(self, grads, trainable_variables=None):
        grads = list(grads)
        if not self.built:
            self.build(trainable_variables)
        given = [g for g in grads if g is not None]
        finite = ops.all(ops.stack([ops.all(ops.isfinite(g)) for g in given]))
        scale, counter = self.dynamic_scale.value, self.step_counter.value
        variables = (
            self._trainable_variables if trainable_variables is None else trainable_variables
        )
        variables = list(variables)
        unscaled = [
            g if g is None or getattr(v, "overwrite_with_gradient", False) else g / scale
            for g, v in zip(grads, variables, strict=True)
        ]
        self._when(
            finite,
            lambda: self.inner_optimizer.apply(unscaled, variables),
            [*variables, *self.inner_optimizer.variables],
        )
        grows = ops.logical_and(finite, ops.equal(counter, self.dynamic_growth_steps - 1))
        grown = ops.where(grows, scale * 2.0, scale)
        self.dynamic_scale.assign(ops.where(finite, grown, scale * 0.5))
        counts = ops.logical_and(finite, ops.logical_not(grows))
        self.step_counter.assign(ops.where(counts, counter + 1, ops.zeros_like(counter)))

    def scale_loss(self, loss):
        """Returns the loss times the current scale."""
        return loss * (self.dynamic_scale if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        from addax.saving.serialization import serialize_keras_object

        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None) -> LossScaleOptimizer:
        from addax.saving.serialization import deserialize_keras_object

        config = dict(config)
        inner = deserialize_keras_object(
            config.pop("inner_optimizer"), custom_objects=custom_objects
        )
        return cls(inner, **config)
