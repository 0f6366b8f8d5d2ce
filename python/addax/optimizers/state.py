"""What an optimizer keeps: its counter, its learning rate, and the slots of the variables."""

from __future__ import annotations

import warnings
from typing import Any

from addax import ops
from addax.backend.config import floatx
from addax.backend.names import name_scope
from addax.backend.variable import Variable
from addax.optimizers.schedules import LearningRateSchedule


class OptimizerState:
    """The variables of an optimizer, in the order they were made."""

    name: str
    gradient_accumulation_steps: int | None
    _variables: list[Variable]
    _trainable_variables: list[Variable]
    _iterations: Variable
    _learning_rate: Any

    def _make_first_variables(self, learning_rate: Any) -> None:
        with name_scope(self.name, caller=self):
            self._iterations = Variable(
                0,
                dtype="int64",
                trainable=False,
                aggregation="only_first_replica",
                name="iteration",
            )
        self._learning_rate = self._first_learning_rate(learning_rate)

    def _first_learning_rate(self, learning_rate):
        if callable(learning_rate):
            return learning_rate
        if isinstance(learning_rate, bool) or not _is_number(learning_rate):
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of "
                "LearningRateSchedule, or a callable (that takes in the current iteration value "
                "and returns the corresponding learning rate value). "
                f"Received instead: learning_rate={learning_rate}"
            )
        with name_scope(self.name, caller=self):
            return Variable(
                float(learning_rate),
                dtype=floatx(),
                trainable=False,
                aggregation="only_first_replica",
                name="learning_rate",
            )

    @property
    def variables(self) -> list[Variable]:
        """`iteration`, `learning_rate` (if it is a number), then the slots in the order made."""
        return self._variables[:]

    @property
    def iterations(self):
        """The number of updates made; with accumulation, of those that changed the variables."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self):
        """The learning rate of the next step: a variable, or what the schedule gives."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            schedule = self._learning_rate
            return self._shared_value("learning_rate", lambda: schedule(self._iterations))
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._shared_value("learning_rate", self._learning_rate)

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        before = self._learning_rate
        if callable(learning_rate) and not isinstance(learning_rate, Variable):
            self._learning_rate = learning_rate
            if isinstance(before, Variable):
                self._variables[:] = [v for v in self._variables if v is not before]
            return
        if isinstance(before, LearningRateSchedule):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. "
                "If you need the learning rate to be settable, you should instantiate the "
                "optimizer with a float `learning_rate` argument."
            )
        if isinstance(before, Variable):
            before.assign(learning_rate)
        else:
            self._learning_rate = self._first_learning_rate(learning_rate)

    def add_variable(
        self, shape, initializer="zeros", dtype=None, aggregation="none", layout=None, name=None
    ):
        """Makes a variable of the optimizer's state, with the path `<optimizer>/<name>`."""
        from addax import initializers

        self._check_super_called()
        with name_scope(self.name, caller=self):
            return self._track(
                Variable(
                    initializers.get(initializer),
                    shape=tuple(shape),
                    dtype=dtype,
                    trainable=False,
                    aggregation=aggregation,
                    name=name,
                )
            )

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """Makes a slot: a variable of the shape and dtype of a variable to train.

        Its name is the path of the variable to train with `_` for `/`, then `_` and `name`.
        """
        prefix = getattr(reference_variable, "path", None) or reference_variable.name
        return self.add_variable(
            shape=reference_variable.shape,
            initializer=initializer,
            dtype=reference_variable.dtype,
            name=f"{prefix.replace('/', '_')}_{name or 'var'}",
        )

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Makes one slot, or several interleaved ones, for each variable to train.

        Args:
            trainable_variables: The variables. Those overwritten with their gradient get `None`.
            name: A name, or a list of names.
            initializer: One for all names, or a list with one per name.

        Returns:
            A list of slots; for a list of names a tuple of such lists.
        """
        names = [name] if isinstance(name, str) else list(name)
        if isinstance(initializer, (list, tuple)):
            if len(initializer) != len(names):
                raise ValueError(
                    f"The number of provided names must match the number of provided initializers. "
                    f"Received name='{name}', initializer='{initializer}'"
                )
            initializers_ = list(initializer)
        else:
            initializers_ = [initializer] * len(names)
        slots: tuple[list, ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for slot, n, init in zip(slots, names, initializers_, strict=True):
                if getattr(variable, "overwrite_with_gradient", False):
                    slot.append(None)
                else:
                    slot.append(self.add_variable_from_reference(variable, n, init))
        return slots[0] if isinstance(name, str) else slots

    def _track(self, variable: Variable) -> Variable:
        if not any(variable is v for v in self._variables):
            self._variables.append(variable)
        return variable

    def assign(self, variable, value):
        """Sets the variable; returns its new value."""
        return variable.assign(value)

    def assign_add(self, variable, value):
        """Adds to the variable; returns its new value."""
        return variable.assign_add(value)

    def assign_sub(self, variable, value):
        """Subtracts from the variable; returns its new value."""
        return variable.assign_sub(value)

    def save_own_variables(self, store) -> None:
        """Puts the variables' arrays into a dict under "0", "1", …"""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store) -> None:
        """Takes values from such a dict; one of another length is left with a warning."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has "
                f"{len(self.variables)} variables whereas the saved optimizer has "
                f"{len(store.keys())} variables. ",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self.variables):
            variable.assign(store[str(i)])

    def __setattr__(self, name: str, value: Any) -> None:
        self._check_super_called()
        if isinstance(value, Variable):
            self._track(value)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_index_of": None, "_shared": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["_index_of"] = {id(v): i for i, v in enumerate(self._trainable_variables)}

    def _check_super_called(self) -> None:
        if "_variables" not in self.__dict__:
            raise RuntimeError(
                f"In optimizer '{self.__class__.__name__}', you forgot to call "
                "`super().__init__()` as the first statement in the `__init__()` method. "
                "Go add it!"
            )


def _is_number(x: Any) -> bool:
    """Whether x is a Python or NumPy number; JSON of JavaScript has whole ones as ints."""
    return isinstance(x, (int, float)) or (hasattr(x, "__float__") and getattr(x, "ndim", 1) == 0)
