"""Muon: orthogonalized momentum for matrices, Adam for the rest."""

from __future__ import annotations

import re
from typing import Any

from addax import ops
from addax.optimizers.optimizer import Optimizer


class Muon(Optimizer):
    """Steps of matrices by their momentum with all singular values brought near to 1.

    `m = momentum * m + g;  w -= rate * rms_rate * sqrt(max(rows, columns)) * orthogonalized(m)`
    (Jordan et al., 2024; the scale is that of Liu et al., 2025, arXiv:2502.16982, eq. 4). Variables
    that are not matrices, embeddings and excluded layers are trained by `AdamW`.

    Args:
        learning_rate: See `Optimizer`.
        adam_beta_1, adam_beta_2, epsilon: `Adam`'s arguments, for the rest.
        adam_weight_decay: Weight decay of the rest.
        weight_decay: Weight decay of the matrices.
        clipnorm, …, name: See `Optimizer`.
        exclude_layers: Regular expressions; a variable whose path holds one is trained by Adam.
        exclude_embeddings: Whether variables with `embedding` in their path are.
        muon_a, muon_b, muon_c: Coefficients of the iteration `x = a x + (b x xᵀ + c (x xᵀ)²) x`.
        adam_lr_ratio: Rate of the rest as a part of the rate.
        momentum: Part of the momentum that stays at each step.
        ns_steps: Number of iterations.
        nesterov: Whether the momentum is Nesterov's.
        rms_rate: See above; `None` leaves the step as it is.
    """

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
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
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = exclude_layers or []
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def build(self, variables):
        if self.built:
            return
        variables = list(variables)
        super().build(variables)
        self._momentums, self._velocities = [], []
        for v in variables:
            self._momentums.append(self.add_variable_from_reference(v, "momentum"))
            adam = self._is_for_adam(v)
            self._velocities.append(
                self.add_variable_from_reference(v, "velocity") if adam else None
            )

    def _is_for_adam(self, variable) -> bool:
        if len(variable.shape) != 2:
            return True
        if self.exclude_embeddings and "embedding" in variable.path.lower():
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def _weight_decay_of(self, variable):
        if self._use_weight_decay(variable) and self._is_for_adam(variable):
            return self.adam_weight_decay
        return super()._weight_decay_of(variable)

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        slot, velocity = self._momentums[index], self._velocities[index]
        if velocity is not None:
            self._adam_step(gradient, variable, rate * self.adam_lr_ratio, slot, velocity)
            return
        momentum = self.assign(slot, slot * self.momentum + gradient)
        if self.nesterov:
            momentum = gradient + momentum * self.momentum
        scale = 1.0 if self.rms_rate is None else max(variable.shape) ** 0.5 * self.rms_rate
        self.assign_sub(variable, self._orthogonalized(momentum) * (rate * scale))

    def _adam_step(self, gradient, variable, rate, m, v):
        step = self._local_step(variable.dtype)
        left_1, left_2 = self.adam_beta_1**step, self.adam_beta_2**step
        m = self.assign_add(m, (gradient - m) * (1.0 - self.adam_beta_1))
        v = self.assign_add(v, (ops.square(gradient) - v) * (1.0 - self.adam_beta_2))
        rate = rate * ops.sqrt(1.0 - left_2) / (1.0 - left_1)
        self.assign_sub(variable, m * rate / (ops.sqrt(v) + self.epsilon))

    def _orthogonalized(self, x):
        """Brings singular values near to 1 by Newton-Schulz iterations of the fifth order."""
        tall = x.shape[0] > x.shape[1]
        if tall:
            x = ops.transpose(x)
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(self.ns_steps):
            squares = ops.matmul(x, ops.transpose(x))
            mixed = self.muon_b * squares + self.muon_c * ops.matmul(squares, squares)
            x = self.muon_a * x + ops.matmul(mixed, x)
        return ops.transpose(x) if tall else x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }
