"""Adam, with AMSGrad as an option."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Steps by the running mean of gradients over the root of that of their squares.

    `m += (g - m) * (1 - beta_1);  v += (g² - v) * (1 - beta_2)`
    `w -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`

    Kingma & Ba, 2014, arXiv:1412.6980, in the form before section 2.1: epsilon is its hatted one.

    Args:
        learning_rate: See `Optimizer`.
        beta_1: Part of the mean of gradients that stays at each step.
        beta_2: Part of the mean of squares that stays at each step.
        epsilon: Added to the root.
        amsgrad: Whether to use the greatest v so far (Reddi et al., 2018).
        weight_decay, clipnorm, …, name: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
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
        self.amsgrad = amsgrad

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        rate = self._shared_value(
            ("rate", dtype), lambda: self._bias_corrected(learning_rate, dtype)
        )
        gradient = ops.cast(gradient, dtype)
        m, v = self._momentums[index], self._velocities[index]
        m = self.assign_add(m, (gradient - m) * (1.0 - self.beta_1))
        v = self.assign_add(v, (ops.square(gradient) - v) * (1.0 - self.beta_2))
        if self.amsgrad:
            greatest = self._velocity_hats[index]
            v = self.assign(greatest, ops.maximum(greatest, v))
        self.assign_sub(variable, m * rate / (ops.sqrt(v) + self.epsilon))

    def _bias_corrected(self, learning_rate, dtype: str):
        step = self._local_step(dtype)
        left_1 = ops.power(ops.cast(self.beta_1, dtype), step)
        left_2 = ops.power(ops.cast(self.beta_2, dtype), step)
        return ops.cast(learning_rate, dtype) * ops.sqrt(1.0 - left_2) / (1.0 - left_1)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
