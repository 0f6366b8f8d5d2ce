"""Learning rates that depend on the step, written in `ops`: a train program computes them."""

from __future__ import annotations

import math
from typing import Any

from addax import ops
from addax.backend.config import floatx


class LearningRateSchedule:
    """Maps a step (a number or an integer tensor) to a learning rate: `schedule(step) -> tensor`.

    A subclass implements `__call__` and `get_config`.
    """

    def __call__(self, step):
        raise NotImplementedError(
            f"Learning rate schedule '{self.__class__.__name__}' must override "
            "`__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as a JSON-able dict."""
        raise NotImplementedError(
            f"Learning rate schedule '{self.__class__.__name__}' must override `get_config()` in "
            "order to be serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        return cls(**config)


def _float(x):
    return ops.cast(ops.convert_to_tensor(x), floatx())


def _require_positive(value, name: str) -> None:
    if value <= 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")


class ExponentialDecay(LearningRateSchedule):
    """`initial * decay_rate ^ (step / decay_steps)`.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps after which the rate has been multiplied by `decay_rate`.
        decay_rate: See above.
        staircase: Whether the exponent is rounded down.
        name: Name of the schedule.

    Raises:
        ValueError: If `decay_steps` is not positive.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="ExponentialDecay",
    ):
        _require_positive(decay_steps, "decay_steps")
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        exponent = _float(step) / self.decay_steps
        if self.staircase:
            exponent = ops.floor(exponent)
        return self.initial_learning_rate * ops.power(_float(self.decay_rate), exponent)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[0]` up to and including `boundaries[0]`, then `values[1]` up to `boundaries[1]`, …

    Args:
        boundaries: Increasing steps.
        values: Rates, one more than boundaries.
        name: Name of the schedule.

    Raises:
        ValueError: If the lengths do not fit.
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, and "
                f"values={values} of length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step):
        step = ops.convert_to_tensor(step)
        rate = _float(self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(ops.greater(step, boundary), _float(value), rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ^ power + end`, and `end` afterwards.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Step at which the end is reached.
        end_learning_rate: Rate at the end.
        power: See above.
        cycle: Whether, past the end, `decay_steps` grows to its next multiple, so that the rate
            jumps up again.
        name: Name of the schedule.

    Raises:
        ValueError: If `decay_steps` is not positive.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        _require_positive(decay_steps, "decay_steps")
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step):
        step = _float(step)
        if self.cycle:
            cycles = ops.maximum(ops.ceil(step / self.decay_steps), 1.0)
            progress = step / (self.decay_steps * cycles)
        else:
            progress = ops.minimum(step, float(self.decay_steps)) / self.decay_steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ops.power(1.0 - progress, self.power) + self.end_learning_rate

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class InverseTimeDecay(LearningRateSchedule):
    """`initial / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: See above.
        decay_rate: See above.
        staircase: Whether `step / decay_steps` is rounded down.
        name: Name of the schedule.

    Raises:
        ValueError: If `decay_steps` is not positive.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="InverseTimeDecay",
    ):
        _require_positive(decay_steps, "decay_steps")
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        progress = _float(step) / self.decay_steps
        if self.staircase:
            progress = ops.floor(progress)
        return self.initial_learning_rate / (1.0 + self.decay_rate * progress)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


def _cosine(progress):
    """Falls from 1 at progress 0 to 0 at progress 1."""
    return 0.5 * (1.0 + ops.cos(math.pi * progress))


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate down to `alpha` times it (Loshchilov & Hutter, 2017).

    With a warm-up the rate first rises linearly to `warmup_target`, which then takes the place of
    the initial rate.

    Args:
        initial_learning_rate: Rate at step 0.
        decay_steps: Steps of the decay, after the warm-up.
        alpha: Least rate as a part of the rate at the start of the decay.
        name: Name of the schedule.
        warmup_target: Rate at the end of the warm-up, or `None` for no warm-up.
        warmup_steps: Steps of the warm-up.

    Raises:
        ValueError: If `decay_steps` is not positive.
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        _require_positive(decay_steps, "decay_steps")
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = _float(step)
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, step)
        rise = self.warmup_target - self.initial_learning_rate
        warming = self.initial_learning_rate + rise * (step / max(self.warmup_steps, 1))
        decayed = self._decayed(self.warmup_target, step - float(self.warmup_steps))
        return ops.where(ops.less(step, float(self.warmup_steps)), warming, decayed)

    def _decayed(self, start, step):
        progress = ops.minimum(step, float(self.decay_steps)) / self.decay_steps
        return start * ((1.0 - self.alpha) * _cosine(progress) + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decays one after the other (SGDR: Loshchilov & Hutter, 2017, arXiv:1608.03983).

    Args:
        initial_learning_rate: Rate at step 0.
        first_decay_steps: Steps of the first decay.
        t_mul: How much longer each decay is than the one before.
        m_mul: Factor of the rate from one restart to the next.
        alpha: Least rate as a part of the initial rate.
        name: Name of the schedule.

    Raises:
        ValueError: If `first_decay_steps` is not positive.
    """

    def __init__(
        self,
        initial_learning_rate,
        first_decay_steps,
        t_mul=2.0,
        m_mul=1.0,
        alpha=0.0,
        name="SGDRDecay",
    ):
        _require_positive(first_decay_steps, "first_decay_steps")
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step):
        progress = _float(step) / self.first_decay_steps
        if self.t_mul == 1.0:
            restarts = ops.floor(progress)
            progress = progress - restarts
        else:
            # The n-th decay starts at (1 - t_mul^n) / (1 - t_mul) first decays; solved for n.
            ended = ops.log(1.0 - progress * (1.0 - self.t_mul)) / math.log(self.t_mul)
            restarts = ops.floor(ended)
            length = ops.power(_float(self.t_mul), restarts)
            progress = (progress - (1.0 - length) / (1.0 - self.t_mul)) / length
        height = ops.power(_float(self.m_mul), restarts)
        cosine = height * _cosine(progress)
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }
