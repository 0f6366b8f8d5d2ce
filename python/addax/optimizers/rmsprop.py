"""RMSprop."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """Gradients over the root of their mean square (Hinton, lecture 6e, 2012).

    `v = rho * v + (1 - rho) * g²;  w -= rate * g / sqrt(v + epsilon)`

    Args:
        learning_rate: See `Optimizer`.
        rho: Decay of the mean squares.
        momentum: Momentum of the steps; 0 needs no slots.
        epsilon: Added under the root.
        centered: Whether to take the variance of gradients instead of their mean square.
        weight_decay, clipnorm, …, name: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
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
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        self._momentums, self._average_gradients = [], []
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        velocity = self._velocities[index]
        spread = self.assign(velocity, self._mixed(velocity, ops.square(gradient)))
        if self.centered:
            mean = self._average_gradients[index]
            mean = self.assign(mean, self._mixed(mean, gradient))
            spread = spread - ops.square(mean)
        step = rate * gradient / ops.sqrt(spread + self.epsilon)
        if self.momentum > 0:
            momentum = self._momentums[index]
            step = self.assign(momentum, momentum * self.momentum + step)
        self.assign_sub(variable, step)

    def _mixed(self, mean, new):
        return mean * self.rho + new * (1.0 - self.rho)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
