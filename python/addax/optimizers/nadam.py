"""Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.config import floatx
from addax.optimizers.optimizer import Optimizer


class Nadam(Optimizer):
    """Adam whose mean of gradients looks one step ahead (Dozat, 2016, algorithm 2).

    With `u_t = beta_1 * (1 - 0.96^t / 2)` and `U_t` the product of `u_1 … u_t`:
    `mean = u_{t+1} * m / (1 - U_{t+1}) + (1 - u_t) * g / (1 - U_t)`
    `w -= rate * mean / (sqrt(v / (1 - beta_2^t)) + epsilon)`

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
        variables = list(variables)
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        self._u_product = self.add_variable(
            shape=(),
            initializer="ones",
            dtype=variables[0].dtype if variables else floatx(),
            name="u_product",
        )

    def _update(self, grads, variables):
        # The product of all u so far, advanced once per step.
        dtype = self._u_product.dtype
        self.assign(self._u_product, self._u_product * self._u(self._local_step(dtype)))
        super()._update(grads, variables)

    def _u(self, step):
        decay = ops.cast(0.96, step.dtype)
        return self.beta_1 * (1.0 - 0.5 * ops.power(decay, step))

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        rate, ahead, now, root = self._shared_value(
            ("factors", dtype), lambda: self._factors(learning_rate, dtype)
        )
        gradient = ops.cast(gradient, dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        m = self.assign_add(m, (gradient - m) * (1.0 - self.beta_1))
        v = self.assign_add(v, (ops.square(gradient) - v) * (1.0 - self.beta_2))
        mean = m * ahead + gradient * now
        self.assign_sub(variable, mean * rate / (ops.sqrt(v * root) + self.epsilon))

    def _factors(self, learning_rate, dtype: str):
        step = self._local_step(dtype)
        u, u_next = self._u(step), self._u(step + 1.0)
        product = ops.cast(self._u_product, dtype)
        left = ops.power(ops.cast(self.beta_2, dtype), step)
        return (
            ops.cast(learning_rate, dtype),
            u_next / (1.0 - product * u_next),
            (1.0 - u) / (1.0 - product),
            1.0 / (1.0 - left),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
