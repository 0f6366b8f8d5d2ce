"""Adafactor."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


def _root_mean_square(x):
    return ops.sqrt(ops.mean(ops.square(x)))


class Adafactor(Optimizer):
    """Adam with the mean squares of a matrix kept per row and per column only.

    Shazeer & Stern, 2018, arXiv:1804.04235, algorithms 4 and 5.

    Args:
        learning_rate: See `Optimizer`.
        beta_2_decay: Exponent c of `1 - t^c`, the part of the mean squares that stays.
        epsilon_1: Added to squared gradients.
        epsilon_2: Least scale of a variable.
        clip_threshold: Greatest root mean square of an update.
        relative_step: Whether the rate falls with the root of the step.
        weight_decay, clipnorm, …, name: See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, variables):
        if self.built:
            return
        variables = list(variables)
        super().build(variables)
        self._rows, self._columns, self._squares = [], [], []
        for v in variables:
            matrix = len(v.shape) >= 2
            rows = v.shape[:-1] if matrix else ()
            columns = (*v.shape[:-2], v.shape[-1]) if matrix else ()
            self._rows.append(self.add_variable(rows, dtype=v.dtype, name=v.name))
            self._columns.append(self.add_variable(columns, dtype=v.dtype, name=v.name))
            self._squares.append(self.add_variable_from_reference(v, "velocity"))

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        rate = ops.cast(learning_rate, dtype)
        gradient = ops.cast(gradient, dtype)
        step = self._local_step(dtype)
        index = self._get_variable_index(variable)
        slot = self._squares[index]
        relative = ops.minimum(rate, ops.rsqrt(step))
        scale = ops.maximum(_root_mean_square(variable), self.epsilon_2) * relative
        kept = 1.0 - ops.power(step, self.beta_2_decay)
        squares = ops.square(gradient) + self.epsilon_1
        if len(variable.shape) >= 2:
            rows, columns = self._rows[index], self._columns[index]
            rows = self.assign(rows, rows * kept + ops.mean(squares, axis=-1) * (1.0 - kept))
            columns = self.assign(
                columns, columns * kept + ops.mean(squares, axis=-2) * (1.0 - kept)
            )
            rows = rows / ops.mean(rows, axis=-1, keepdims=True)
            product = ops.expand_dims(rows, -1) * ops.expand_dims(columns, -2)
            squares = self.assign(slot, product)
        else:
            squares = self.assign(slot, slot * kept + squares * (1.0 - kept))
        update = gradient / ops.sqrt(squares)
        update = update / ops.maximum(_root_mean_square(update) / self.clip_threshold, 1.0)
        self.assign_sub(variable, scale * update)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }
