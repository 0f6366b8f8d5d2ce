"""Adadelta."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


class Adadelta(Optimizer):
    """Steps in proportion to earlier steps over gradients (Zeiler, 2012, arXiv:1212.5701, alg. 1).

    `a = rho * a + (1 - rho) * g²;  d = -g * sqrt(s + epsilon) / sqrt(a + epsilon)`
    `s = rho * s + (1 - rho) * d²;  w += rate * d`

    Args:
        learning_rate: See `Optimizer`; the paper has 1.
        rho: Decay of both means.
        epsilon: Added under the roots.
        weight_decay, clipnorm, …, name: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.95,
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
        self.rho = rho
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        squares, steps = self._accumulated_grads[index], self._accumulated_delta_vars[index]
        squares = self.assign(squares, self._mixed(squares, ops.square(gradient)))
        delta = gradient * ops.sqrt(steps + self.epsilon) / ops.sqrt(squares + self.epsilon)
        self.assign(steps, self._mixed(steps, ops.square(delta)))
        self.assign_sub(variable, rate * delta)

    def _mixed(self, mean, new):
        return mean * self.rho + new * (1.0 - self.rho)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}
