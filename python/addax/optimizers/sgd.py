"""Gradient descent with optional momentum."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """Gradient descent.

    Plain: `w -= rate * g`. With momentum: `m = momentum * m - rate * g; w += m`, or for Nesterov's
    (Sutskever et al., 2013) `w += momentum * m - rate * g`.

    Args:
        learning_rate: See `Optimizer`.
        momentum: In [0, 1]; 0 is plain gradient descent and needs no slots.
        nesterov: Whether the momentum is Nesterov's.
        weight_decay, clipnorm, …, name: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.0,
        nesterov=False,
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
        if not isinstance(momentum, (int, float)) or momentum < 0 or momentum > 1:
            raise ValueError("`momentum` must be a float between [0, 1].")
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
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = []
        if self.momentum != 0:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        step = ops.cast(gradient, variable.dtype) * rate
        if not self.momentums:
            self.assign_sub(variable, step)
            return
        slot = self.momentums[self._get_variable_index(variable)]
        momentum = self.assign(slot, slot * self.momentum - step)
        if self.nesterov:
            momentum = momentum * self.momentum - step
        self.assign_add(variable, momentum)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
