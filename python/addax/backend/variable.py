"""Variable: a tensor that keeps its identity while its value changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from addax import _core
from addax.backend.dtypes import is_float_dtype, standardize_dtype
from addax.backend.keras_tensor import standardize_shape
from addax.backend.names import auto_name, current_path
from addax.backend.tensor import cast, convert_to_tensor

_AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")


class Variable:
    """State of a layer, metric or optimizer: trained weights, moving averages, counters.

    Args:
        initializer: The first value (array, tensor, number, list), or a callable `f(shape, dtype=)`
            or the name of an initializer, which need `shape`.
        shape: Shape of the value, for a callable.
        dtype: Dtype; `None` is that of the value (int32 for whole Python numbers, `floatx()` for
            others), and `floatx()` for an initializer.
        trainable: Whether optimizers change it.
        autocast: Whether layers that compute in another float type see it in that type.
        aggregation: Kept for Keras's signature.
        synchronization: Kept for Keras's signature.
        name: Name without `/`; its path is the open name scopes and the name.

    Raises:
        ValueError: If the name holds `/`, or a callable comes without a shape.
    """

    __array_priority__ = 150

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str = "auto",
        name: str | None = None,
        **kwargs: Any,
    ):
        if kwargs:
            raise TypeError(f"Unexpected keyword arguments: {', '.join(kwargs)}")
        name = name or auto_name(type(self).__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name}"
            )
        if aggregation not in _AGGREGATIONS:
            raise ValueError(
                "Invalid value for argument `aggregation`. Expected one of "
                f"{_AGGREGATIONS}. Received: aggregation={aggregation}"
            )
        path = current_path()
        self._name = name
        self._path = f"{path}/{name}" if path else name
        self._trainable = bool(trainable)
        self._autocast = bool(autocast)
        self._aggregation = aggregation
        self._synchronization = synchronization
        self._regularizer: Any = None
        self._constraint: Any = None
        self.overwrite_with_gradient = False
        self._initializer = initializer if callable(initializer) else None
        self._attach_value(_first_value(initializer, shape, dtype))

    def _attach_value(self, value: Any) -> None:
        self._variable = _core.Variable(value, self._path, self._trainable)
        self._shape = tuple(value.shape)
        self._dtype = value.dtype

    # What it is

    @property
    def name(self) -> str:
        return self._name

    @property
    def path(self) -> str:
        return self._path

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> str:
        dtype = _autocast_dtype()
        if dtype is not None and self._autocast and is_float_dtype(self._dtype):
            return dtype
        return self._dtype

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def size(self) -> int:
        count = 1
        for length in self._shape:
            count *= length
        return count

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)

    @property
    def autocast(self) -> bool:
        return self._autocast

    @property
    def aggregation(self) -> str | None:
        return self._aggregation

    @property
    def synchronization(self) -> str:
        return self._synchronization

    @property
    def initializer(self) -> Any:
        return self._initializer

    @property
    def regularizer(self) -> Any:
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self._regularizer = _checked_callable(value, "regularizer")

    @property
    def constraint(self) -> Any:
        return self._constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self._constraint = _checked_callable(value, "constraint")

    # Its value

    @property
    def value(self) -> Any:
        """The current value, a tensor (symbolic while a program is recorded)."""
        if _scopes.active:
            return self._scoped_value()
        return self._variable.value()

    def _scoped_value(self) -> Any:
        value = None
        for scope in reversed(_scopes.stateless):
            value = scope.get_current_value(self)
            if value is not None:
                break
        if value is None:
            value = self._variable.value()
        dtype = _autocast_dtype()
        if dtype is not None and self._autocast and is_float_dtype(self._dtype):
            return cast(value, dtype)
        return value

    def assign(self, value: Any) -> Any:
        """Replaces the value and returns the new one, a tensor.

        Raises:
            ValueError: If the shapes differ.
        """
        value = convert_to_tensor(value, self._dtype)
        if not _fits(value.shape, self._shape):
            raise ValueError(
                "The shape of the target variable and the shape of the target value in "
                "`variable.assign(value)` must match. "
                f"variable.shape={self._shape}, Received: value.shape={tuple(value.shape)}. "
                f"Target variable: {self}"
            )
        if _scopes.active and _scopes.stateless:
            _scopes.stateless[-1].add_update((self, value))
        else:
            self._variable.assign(value)
        return value

    def assign_add(self, value: Any) -> Any:
        """Adds to the value."""
        return self.assign(self._own_value() + cast(value, self._dtype))

    def assign_sub(self, value: Any) -> Any:
        """Subtracts from the value."""
        return self.assign(self._own_value() - cast(value, self._dtype))

    def _own_value(self) -> Any:
        """The value in the dtype that it is stored in."""
        return cast(self.value, self._dtype) if _scopes.active else self._variable.value()

    def numpy(self) -> Any:
        return self.value.numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.value.numpy()
        return array if dtype is None or array.dtype == dtype else array.astype(dtype)

    def __addax_tensor__(self) -> Any:
        return self.value

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a 0-d variable")
        return self._shape[0]

    def __iter__(self) -> Iterator:
        return iter(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def item(self) -> Any:
        return self.value.item()

    # Copies

    def __getstate__(self) -> dict[str, Any]:
        state = {key: value for key, value in self.__dict__.items() if key != "_variable"}
        state["value"] = self._variable.value().numpy()
        if not hasattr(self._initializer, "get_config"):
            state["_initializer"] = None  # a function, which not every copy can take along
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        value = state.pop("value")
        self.__dict__.update(state)
        self._attach_value(convert_to_tensor(value, state["_dtype"]))

    def __repr__(self) -> str:
        value = ""
        tensor = self._variable.value()
        if not tensor.symbolic:
            import numpy as np

            array = cast(tensor, "float32") if self._dtype == "bfloat16" else tensor
            value = f", value={np.array2string(array.numpy(), separator=', ')}"
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}{value}>"


def _first_value(initializer: Any, shape: Any, dtype: Any) -> Any:
    with init_scope():
        if isinstance(initializer, str):
            from addax import initializers

            initializer = initializers.get(initializer)
        if callable(initializer) and not hasattr(initializer, "__addax_tensor__"):
            if shape is None:
                raise ValueError(
                    "When creating a Variable from an initializer, the `shape` argument should be "
                    f"specified. Received: initializer={initializer} and shape={shape}"
                )
            sizes = standardize_shape(shape)
            if None in sizes:
                raise ValueError(
                    "Shapes used to initialize variables must be fully-defined (no `None` "
                    "dimensions). "
                    f"Received: shape={shape}"
                )
            dtype = standardize_dtype(dtype)
            value = convert_to_tensor(initializer(sizes, dtype=dtype), dtype)
            if tuple(value.shape) != sizes:
                raise ValueError(
                    f"The initializer gave a value of shape {tuple(value.shape)} for a variable "
                    f"of shape {sizes}. "
                    f"Received: initializer={initializer}"
                )
            return value
        if dtype is None:
            dtype = getattr(initializer, "dtype", None)
        value = convert_to_tensor(initializer, dtype)
        if shape is not None and tuple(value.shape) != standardize_shape(shape):
            raise ValueError(
                f"The value has shape {tuple(value.shape)}, but the variable was asked to have "
                f"shape {tuple(shape)}."
            )
        return value


def init_scope() -> Any:
    """Context whose computations are carried out at once, even while a program is being
    recorded."""
    return _core.suspend_recording()


def _fits(shape: tuple, wanted: tuple) -> bool:
    return len(shape) == len(wanted) and all(
        size is None or size == want for size, want in zip(shape, wanted)
    )


def _checked_callable(value: Any, what: str) -> Callable | None:
    if value is not None and not callable(value):
        raise ValueError(
            f"Invalid value for attribute `{what}`. Expected a callable (an instance of "
            f"`{what.capitalize()}`) or `None`. Received: {what}={value}"
        )
    return value


# Scopes that change what `Variable.value` gives


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.active = False
        self.autocast: list[str | None] = []
        self.stateless: list[StatelessScope] = []

    def update(self) -> None:
        self.active = bool(self.autocast or self.stateless)


_scopes = _Scopes()


def _autocast_dtype() -> str | None:
    return _scopes.autocast[-1] if _scopes.active and _scopes.autocast else None


class AutocastScope:
    """Context in which floating-point variables with `autocast` are seen in another float type;
    `None` ends that."""

    def __init__(self, dtype: Any):
        if dtype is not None:
            dtype = standardize_dtype(dtype)
            if not is_float_dtype(dtype):
                raise ValueError(
                    "`AutocastScope` can only be used with a floating-point target dtype, such "
                    "as 'float16'. "
                    f"Received: dtype={dtype}"
                )
        self.dtype = dtype

    def maybe_cast(self, value: Any) -> Any:
        """The value in this scope's dtype if it is floating point."""
        if self.dtype is not None and is_float_dtype(value.dtype):
            return cast(value, self.dtype)
        return value

    def __enter__(self) -> AutocastScope:
        _scopes.autocast.append(self.dtype)
        _scopes.update()
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.autocast.pop()
        _scopes.update()


class StatelessScope:
    """Context that keeps assignments to itself: variables read the values given here and keep
    their own.

    Args:
        state_mapping: Pairs (variable, value) to read instead of the variables' own values.
    """

    def __init__(self, state_mapping: Any = None):
        self.state_mapping: dict[int, Any] = {}
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(
                    "Invalid reference variable in StatelessScope: all keys in argument "
                    "`mapping` must be "
                    f"Variable instances. Received instead: {variable}"
                )
            value = convert_to_tensor(value, variable._dtype)
            if not _fits(value.shape, variable.shape):
                raise ValueError(
                    "Invalid variable value in StatelessScope: all values in argument `mapping` "
                    "must be tensors "
                    "with a shape that matches the corresponding variable shape. "
                    f"For variable {variable}, received invalid value {value}"
                )
            self.state_mapping[id(variable)] = value

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Notes the new value of a variable."""
        variable, value = update
        self.state_mapping[id(variable)] = value

    def get_current_value(self, variable: Variable) -> Any:
        """The value of a variable in this scope, `None` if the scope has none."""
        return self.state_mapping.get(id(variable))

    def __enter__(self) -> StatelessScope:
        _scopes.stateless.append(self)
        _scopes.update()
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.stateless.pop()
        _scopes.update()
