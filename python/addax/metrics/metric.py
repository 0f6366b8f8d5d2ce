"""The base class of metrics: numbers that add up over batches."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.names import auto_name, name_scope
from addax.backend.variable import StatelessScope, Variable
from addax.losses.loss import compute_dtype_of


class Metric:
    """Keeps state in variables: `update_state` adds a batch, `result` gives the value so far.

    A subclass makes its variables in `__init__` with `add_variable` and implements `update_state`
    and `result` in `ops`, so that they run eagerly and inside recorded programs alike.

    Args:
        dtype: A dtype or a dtype policy of the state and the computation. By default floatx.
        name: Name of the metric; by default the class name in snake_case.
    """

    def __init__(self, dtype=None, name=None):
        self.name = name or auto_name(self.__class__.__name__)
        self._dtype = compute_dtype_of(dtype)
        self._own_variables: list[Variable] = []
        self._metrics: list[Metric] = []

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """Variables of this metric and of the metrics in its attributes."""
        found = list(self._own_variables)
        for metric in self._metrics:
            found.extend(metric.variables)
        return found

    def reset_state(self) -> None:
        """Sets all variables to zero."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def update_state(self, *args, **kwargs):
        """Adds one batch to the state."""
        raise NotImplementedError(f"{self.__class__.__name__} must implement `update_state()`.")

    def result(self):
        """Returns the value of the metric so far, a tensor or a dict of tensors."""
        raise NotImplementedError(f"{self.__class__.__name__} must implement `result()`.")

    def __call__(self, *args, **kwargs):
        """Adds one batch, then returns the result."""
        self._check_super_called()
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """Returns the variables' values after a batch, given those before it; changes nothing."""
        with self._stateless(metric_variables) as scope:
            self.update_state(*args, **kwargs)
        return [scope.get_current_value(v) for v in self.variables]

    def stateless_result(self, metric_variables):
        """Returns the result for the given values of the variables."""
        with self._stateless(metric_variables):
            return self.result()

    def stateless_reset_state(self):
        """Returns the variables' values after a reset; changes nothing."""
        with StatelessScope() as scope:
            self.reset_state()
        values = [scope.get_current_value(v) for v in self.variables]
        return [
            v.value if value is None else value
            for v, value in zip(self.variables, values, strict=True)
        ]

    def _stateless(self, values) -> StatelessScope:
        if len(values) != len(self.variables):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{self.__class__.__name__}().variables. Received list with length {len(values)}, "
                f"but expected {len(self.variables)} variables."
            )
        return StatelessScope(zip(self.variables, values, strict=True))

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """Makes a variable of the state.

        Args:
            shape: Its shape, fully known.
            initializer: Name or object of the initializer.
            dtype: Its dtype; by default the metric's.
            aggregation: Kept for Keras's signature.
            name: Its name; the path is `<metric>/<name>`.
        """
        from addax import initializers

        self._check_super_called()
        with name_scope(self.name.replace("/", ">"), caller=self):
            variable = Variable(
                initializers.get(initializer),
                shape=tuple(shape),
                dtype=dtype or self.dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
            )
        self._track(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """The same as `add_variable`; zeros by default."""
        return self.add_variable(
            shape=shape, initializer=initializer or "zeros", dtype=dtype, name=name
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as a JSON-able dict."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        return cls(**config)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_own_variables" in self.__dict__:
            for item in value if isinstance(value, (list, tuple)) else (value,):
                self._track(item)
        super().__setattr__(name, value)

    def _track(self, item: Any) -> None:
        if isinstance(item, Variable):
            if not any(item is v for v in self._own_variables):
                self._own_variables.append(item)
        elif isinstance(item, Metric) and not any(item is m for m in self._metrics):
            self._metrics.append(item)

    def _check_super_called(self) -> None:
        if "_own_variables" not in self.__dict__:
            raise RuntimeError(
                f"You forgot to call `super().__init__()` in the `__init__()` method of "
                f"'{self.__class__.__name__}'. Go add it!"
            )

    def _obj_type(self) -> str:
        return "Metric"

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__} name={self.name}>"
