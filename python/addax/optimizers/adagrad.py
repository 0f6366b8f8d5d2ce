"""Adagrad."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.initializers import Constant
from addax.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Rates that fall with the sum of squared gradients (Duchi et al., 2011).

    `a += g²;  w -= rate * g / sqrt(a + epsilon)`

    Args:
        learning_rate: See `Optimizer`.
        initial_accumulator_value: First value of the sums.
        epsilon: Added under the root.
        weight_decay, clipnorm, …, name: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **kwargs,
        )
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulators = self.add_optimizer_variables(
            variables, "accumulator", Constant(self.initial_accumulator_value)
        )

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        slot = self._accumulators[self._get_variable_index(variable)]
        total = self.assign_add(slot, ops.square(gradient))
        self.assign_sub(variable, rate * gradient / ops.sqrt(total + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        }
