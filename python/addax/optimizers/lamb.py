"""Lamb."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


class Lamb(Optimizer):
    """Adam whose step per variable has the variable's length (You et al., 2019, arXiv:1904.00962).

    `u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon);  w -= rate * |w| / |u| * u`

    Args:
        learning_rate: See `Optimizer`.
        beta_1: Part of the mean of gradients that stays at each step.
        beta_2: Part of the mean of squares that stays at each step.
        epsilon: Added to the root.
        weight_decay, clipnorm, …, name: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        rate = ops.cast(learning_rate, dtype)
        gradient = ops.cast(gradient, dtype)
        gone_1, gone_2 = self._shared_value(("gone", dtype), lambda: self._gone(dtype))
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        m = self.assign_add(m, (gradient - m) * (1.0 - self.beta_1))
        v = self.assign_add(v, (ops.square(gradient) - v) * (1.0 - self.beta_2))
        update = m / gone_1 / (ops.sqrt(v / gone_2) + self.epsilon)
        length = ops.sqrt(ops.sum(ops.square(variable)))
        step = ops.sqrt(ops.sum(ops.square(update)))
        both = ops.logical_and(ops.greater(length, 0.0), ops.greater(step, 0.0))
        trust = ops.where(both, ops.divide_no_nan(length, step), ops.ones_like(length))
        self.assign_sub(variable, trust * rate * update)

    def _gone(self, dtype: str):
        step = self._local_step(dtype)
        return tuple(
            1.0 - ops.power(ops.cast(beta, dtype), step) for beta in (self.beta_1, self.beta_2)
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
