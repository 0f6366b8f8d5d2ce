"""Adam with the infinity norm."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


class Adamax(Optimizer):
    """Adam with the greatest of decayed gradients in place of the root mean square.

    `u = max(beta_2 * u, |g|);  w -= rate / (1 - beta_1^t) * m / (u + epsilon)`
    (Kingma & Ba, 2014, arXiv:1412.6980, section 7.1)

    Args:
        learning_rate: See `Optimizer`.
        beta_1: Part of the mean of gradients that stays at each step.
        beta_2: Decay of the greatest gradient.
        epsilon: Added to the norm.
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
        self._m, self._u = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        rate = self._shared_value(
            ("rate", dtype), lambda: self._bias_corrected(learning_rate, dtype)
        )
        gradient = ops.cast(gradient, dtype)
        index = self._get_variable_index(variable)
        m, u = self._m[index], self._u[index]
        m = self.assign_add(m, (gradient - m) * (1.0 - self.beta_1))
        u = self.assign(u, ops.maximum(u * self.beta_2, ops.abs(gradient)))
        self.assign_sub(variable, m * rate / (u + self.epsilon))

    def _bias_corrected(self, learning_rate, dtype: str):
        left = ops.power(ops.cast(self.beta_1, dtype), self._local_step(dtype))
        return ops.cast(learning_rate, dtype) / (1.0 - left)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
