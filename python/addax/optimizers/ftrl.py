"""Follow the regularized leader."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.initializers import Constant
from addax.optimizers.optimizer import Optimizer


class Ftrl(Optimizer):
    """FTRL-Proximal, for large sparse linear models (McMahan et al., 2013, algorithm 1).

    With `p = -learning_rate_power` (1/2 in the paper):
    `n' = n + g²;  z += g + 2 * shrinkage * w - (n'^p - n^p) / rate * w`
    `w = (clip(z, -l1, l1) - z) / (n'^p / rate + 2 * l2)`

    Args:
        learning_rate: See `Optimizer`.
        learning_rate_power: At most 0; 0 gives a fixed rate.
        initial_accumulator_value: First value of n, at least 0.
        l1_regularization_strength: l1, at least 0.
        l2_regularization_strength: l2, at least 0.
        l2_shrinkage_regularization_strength: shrinkage, at least 0; it does not touch weights whose
            gradient is 0.
        beta: Added to the root of n in the rate of the paper: `beta / (2 * rate)` more of l2.
        weight_decay, clipnorm, …, name: See `Optimizer`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
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
        if learning_rate_power > 0.0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. Received: "
                f"learning_rate_power={learning_rate_power}."
            )
        for argument, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0.0:
                raise ValueError(
                    f"`{argument}` needs to be positive or zero. Received: {argument}={value}."
                )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables,
            ["accumulator", "linear"],
            [Constant(self.initial_accumulator_value), "zeros"],
        )

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        n, z = self._accumulators[index], self._linears[index]
        n_new = n + ops.square(gradient)
        power, power_new = self._powered(n), self._powered(n_new)
        shrunk = gradient + variable * (2.0 * self.l2_shrinkage_regularization_strength)
        z = self.assign_add(z, shrunk - (power_new - power) / rate * variable)
        l2 = self.l2_regularization_strength + self.beta / (2.0 * rate)
        l1 = self.l1_regularization_strength
        self.assign(variable, (ops.clip(z, -l1, l1) - z) / (power_new / rate + 2.0 * l2))
        self.assign(n, n_new)

    def _powered(self, n):
        if self.learning_rate_power == -0.5:
            return ops.sqrt(n)
        return ops.power(n, -self.learning_rate_power)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
