"""The base class of optimizers: what they share around the update of one variable."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable
from typing import Any

from addax import ops
from addax.backend.names import auto_name, name_scope
from addax.backend.variable import StatelessScope, Variable
from addax.optimizers import clipping
from addax.optimizers.state import OptimizerState


class Optimizer(OptimizerState):
    """Changes variables so that a loss falls, given the gradients.

    A subclass implements `update_step(gradient, variable, learning_rate)` in `ops`, makes its slots
    in `build` with `add_optimizer_variables`, and adds its arguments to `get_config`. Nothing in it
    may branch on values of tensors: a train step is recorded once and replayed.

    Args:
        learning_rate: A number, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: Part of each variable, times the learning rate, that each step takes away.
        clipnorm: Greatest length of each gradient.
        clipvalue: Greatest absolute value of each element of a gradient.
        global_clipnorm: Greatest length of all gradients taken together.
        use_ema: Whether to keep moving averages of the variables.
        ema_momentum: Part of the average that stays at each step.
        ema_overwrite_frequency: Every so many steps the averages replace the variables; `None`
            leaves that to `finalize_variable_values`.
        loss_scale_factor: Factor of the loss (see `scale_loss`); gradients are divided by it.
        gradient_accumulation_steps: Variables change every so many steps, by the mean gradient.
        name: Name of the optimizer; by default the class name in snake_case.

    Raises:
        ValueError: If an argument is unknown, out of range, or clashes with another.
    """

    def __init__(
        self,
        learning_rate,
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
        self.__dict__["_variables"] = []
        if kwargs.pop("decay", None) is not None:
            warnings.warn(
                "Argument `decay` is no longer supported and will be ignored.", stacklevel=2
            )
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        _check_arguments(
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            gradient_accumulation_steps,
        )
        self.name = name or auto_name(self.__class__.__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.global_clipnorm = global_clipnorm
        self.clipvalue = clipvalue
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._trainable_variables: list[Variable] = []
        self._index_of: dict[int, int] = {}
        self._excluded_variables: list[Variable] = []
        self._excluded_names: re.Pattern | None = None
        self._shared: dict[Any, Any] | None = None
        self._make_first_variables(learning_rate)

    def build(self, variables) -> None:
        """Makes the slots for the variables to train. Called by the first `apply`."""
        variables = list(variables)
        self._trainable_variables = variables
        self._index_of = {id(v): i for i, v in enumerate(variables)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated_gradients = self.add_optimizer_variables(
                variables, "gradient_accumulator"
            )
        self.built = True

    def _get_variable_index(self, variable) -> int:
        return self._index_of[id(variable)]

    # A step.

    def apply_gradients(self, grads_and_vars):
        """Applies pairs of a gradient and its variable; returns the count of calls."""
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads, trainable_variables=None) -> None:
        """Makes one step.

        Args:
            grads: Gradients in the order of the variables; `None` for a variable that stays.
            trainable_variables: The variables; by default those of `build`.

        Raises:
            ValueError: If no gradient is given, lengths differ, or a variable is not known.
        """
        self._check_super_called()
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_for(grads, trainable_variables)
        with name_scope(self.name, caller=self):
            grads, variables = self._without_missing(grads, variables)
            grads, variables = self._without_overwritten(grads, variables)
            self._shared = {}
            try:
                if grads:
                    self._step(grads, variables)
            finally:
                self._shared = None
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign_add(1)

    def _variables_for(self, grads, variables):
        if variables is None:
            if not self.built:
                raise ValueError(
                    "When passing `grads` without `variables`, the optimizer must already be built "
                    "on a list of variables. Call `optimizer.build(trainable_variables)` first. "
                )
            if len(grads) != len(self._trainable_variables):
                raise ValueError(
                    "When passing `grads` as a list of gradient tensors, the gradients must match "
                    "`optimizer.variables` one-to-on. Received a list of "
                    f"{len(grads)} gradients, but the optimizer is tracking "
                    f"{len(self._trainable_variables)} trainable variables."
                )
            return self._trainable_variables
        variables = list(variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"`grads` and `trainable_variables` must have the same length. Received "
                f"{len(grads)} gradients for {len(variables)} variables."
            )
        if not self.built:
            with name_scope(self.name, caller=self):
                self.build(variables)
            self.built = True
        for v in variables:
            if id(v) not in self._index_of:
                raise ValueError(
                    f"Unknown variable: {v}. This optimizer can only be called for the variables "
                    "it was originally built with. When working with a new set of variables, you "
                    "should recreate a new optimizer instance."
                )
        return variables

    @staticmethod
    def _without_missing(grads, variables):
        pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        if len(pairs) < len(grads):
            missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. If "
                "using `model.compile()`, did you forget to provide a `loss` argument?",
                stacklevel=3,
            )
        return [g for g, _ in pairs], [v for _, v in pairs]

    @staticmethod
    def _without_overwritten(grads, variables):
        """Assigns gradients to variables that are defined by them (quantization scales)."""
        pairs = []
        for g, v in zip(grads, variables, strict=True):
            if getattr(v, "overwrite_with_gradient", False):
                v.assign(g)
            else:
                pairs.append((g, v))
        return [g for g, _ in pairs], [v for _, v in pairs]

    def _step(self, grads, variables) -> None:
        if self.loss_scale_factor is not None:
            grads = [g / self.loss_scale_factor for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._update(grads, variables)
        if self.use_ema:
            self._update_averages()

    def _update(self, grads, variables) -> None:
        grads = self._clip_gradients(grads)
        self._apply_weight_decay(variables)
        learning_rate = self.learning_rate
        for gradient, variable in zip(grads, variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def update_step(self, gradient, variable, learning_rate) -> None:
        """Changes one variable and its slots."""
        raise NotImplementedError(f"{self.__class__.__name__} must implement `update_step()`.")

    def _accumulate(self, grads, variables) -> None:
        steps: Any = self.gradient_accumulation_steps
        is_update = ops.equal(ops.mod(ops.add(self._iterations, 1), steps), 0)
        means = []
        for gradient, variable in zip(grads, variables, strict=True):
            total = self._accumulated_gradients[self._get_variable_index(variable)]
            total_now = total + gradient
            total.assign(ops.where(is_update, ops.zeros_like(total_now), total_now))
            means.append(total_now / steps)
        slots = [v for v in self._variables if not self._is_bookkeeping(v)]
        self._when(is_update, lambda: self._update(means, variables), [*variables, *slots])

    def _is_bookkeeping(self, variable) -> bool:
        kept = [self._iterations, self._learning_rate, *self._accumulated_gradients]
        return any(variable is v for v in kept)

    @staticmethod
    def _when(condition, update: Callable[[], None], variables) -> None:
        """Runs the update if the condition holds. A program runs it always, and then selects."""
        if not condition.symbolic:
            if bool(condition):
                update()
            return
        before = [v.value for v in variables]
        update()
        for variable, old in zip(variables, before, strict=True):
            variable.assign(ops.where(condition, variable.value, old))

    def _shared_value(self, key: Any, compute: Callable[[], Any]):
        """A value that all variables of one `apply` share: computed once, not per variable."""
        if self._shared is None:
            return compute()
        if key not in self._shared:
            self._shared[key] = compute()
        return self._shared[key]

    def _local_step(self, dtype: str):
        """The number of this update, from 1."""
        return self._shared_value(("step", dtype), lambda: ops.cast(self.iterations + 1, dtype))

    # Clipping, weight decay, averages.

    def _clip_gradients(self, grads):
        if self.clipnorm and self.clipnorm > 0:
            return clipping.clip_by_norm(grads, self.clipnorm)
        if self.global_clipnorm and self.global_clipnorm > 0:
            return clipping.clip_by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue and self.clipvalue > 0:
            return clipping.clip_by_value(grads, self.clipvalue)
        return grads

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """Keeps variables from weight decay. Call it before `build`.

        Args:
            var_list: Variables.
            var_names: Regular expressions; a variable whose name holds one is excluded.
        """
        if self.built:
            raise ValueError(
                "`exclude_from_weight_decay()` can only be configured before the optimizer is "
                "built."
            )
        self._excluded_variables = list(var_list or [])
        self._excluded_names = re.compile("|".join(var_names)) if var_names else None

    def _use_weight_decay(self, variable) -> bool:
        if any(variable is v for v in self._excluded_variables):
            return False
        return self._excluded_names is None or not self._excluded_names.search(variable.name)

    def _weight_decay_of(self, variable) -> float | None:
        """The weight decay of one variable, `None` for none."""
        return self.weight_decay if self._use_weight_decay(variable) else None

    def _apply_weight_decay(self, variables) -> None:
        for variable in variables:
            decay = self._weight_decay_of(variable)
            if decay is not None:
                dtype = variable.dtype
                part = self._shared_value(
                    ("decay", dtype, decay), functools.partial(self._decayed_part, dtype, decay)
                )
                variable.assign_sub(variable * part)

    def _decayed_part(self, dtype: str, decay: float):
        return ops.cast(self.learning_rate, dtype) * decay

    def _update_averages(self) -> None:
        # The first average is the variable itself.
        started = ops.not_equal(self.iterations, 0)
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            if average is not None:
                momentum = ops.cast(started, variable.dtype) * self.ema_momentum
                average.assign(momentum * average + (1.0 - momentum) * variable)
        if self.ema_overwrite_frequency:
            due = ops.equal((self.iterations + 1) % self.ema_overwrite_frequency, 0)
            self._when(
                due,
                lambda: self._overwrite_with_averages(self._trainable_variables),
                self._trainable_variables,
            )

    def _overwrite_with_averages(self, variables) -> None:
        if len(variables) != len(self._averages):
            raise ValueError(
                f"The length of model variables ({len(variables)}) to override does not match the "
                "length of model variables stored in the optimizer "
                f"({len(self._averages)}). Please check if the optimizer was called on your model."
            )
        for variable, average in zip(variables, self._averages, strict=True):
            if average is not None:
                variable.assign(average)

    def finalize_variable_values(self, var_list) -> None:
        """Ends a training: with `use_ema` the averages replace the variables."""
        if self.use_ema:
            self._overwrite_with_averages(list(var_list))

    def scale_loss(self, loss):
        """Returns the loss times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # Without changing variables.

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """Returns the new values of the variables and of the optimizer's; changes nothing.

        Args:
            optimizer_variables: Values in the order of `variables`.
            grads: Gradients in the order of the variables of `build`.
            trainable_variables: Values of these.

        Returns:
            `(trainable_variables, optimizer_variables)`, lists of tensors.
        """
        self._check_super_called()
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {self.__class__.__name__} must be built (i.e. its "
                "variables must have been created). You can build it via "
                "`optimizer.build(trainable_variables)`."
            )
        own = self.variables
        for given, expected, what in (
            (optimizer_variables, own, "optimizer_variables"),
            (trainable_variables, self._trainable_variables, "trainable_variables"),
        ):
            if len(given) != len(expected):
                raise ValueError(
                    f"Argument `{what}` must be a list of tensors, one for each of the "
                    f"{len(expected)} variables of {self.__class__.__name__}. "
                    f"Received list with length {len(given)}."
                )
        mapping = [
            *zip(self._trainable_variables, trainable_variables, strict=True),
            *zip(own, optimizer_variables, strict=True),
        ]
        with StatelessScope(mapping) as scope:
            self.apply(grads)
        return (
            [scope.get_current_value(v) for v in self._trainable_variables],
            [scope.get_current_value(v) for v in own],
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as a JSON-able dict; the rate is the current one."""
        if isinstance(self._learning_rate, Variable):
            learning_rate = float(self._learning_rate.numpy())
        else:
            from addax.saving.serialization import serialize_keras_object

            learning_rate = serialize_keras_object(self._learning_rate)
        return {
            "name": self.name,
            "learning_rate": learning_rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects=None) -> Optimizer:
        """Returns a new optimizer of the config, without state."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            from addax.saving.serialization import deserialize_keras_object

            config["learning_rate"] = deserialize_keras_object(
                config["learning_rate"], custom_objects=custom_objects
            )
        return cls(**config)

    def _obj_type(self) -> str:
        return "Optimizer"


def _check_arguments(
    clipnorm,
    clipvalue,
    global_clipnorm,
    use_ema,
    ema_momentum,
    ema_overwrite_frequency,
    gradient_accumulation_steps,
) -> None:
    if gradient_accumulation_steps and not gradient_accumulation_steps >= 2:
        raise ValueError(
            "`gradient_accumulation_steps` must be an integer >= 2. "
            f"Received: gradient_accumulation_steps={gradient_accumulation_steps}"
        )
    if use_ema:
        if ema_momentum > 1 or ema_momentum < 0:
            raise ValueError(
                f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={ema_momentum}"
            )
        if ema_overwrite_frequency and (
            not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1
        ):
            raise ValueError(
                "`ema_overwrite_frequency` must be an integer >= 1 or None. "
                f"Received: ema_overwrite_frequency={ema_overwrite_frequency}"
            )
    if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
            f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, "
            f"global_clipnorm={global_clipnorm}"
        )
