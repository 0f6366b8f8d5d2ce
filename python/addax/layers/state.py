"""The state of a layer: variables, sublayers, metrics, seed generators, and whether they train."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from addax.backend.dtypes import is_float_dtype, standardize_dtype
from addax.backend.keras_tensor import standardize_shape
from addax.backend.names import current_path, name_scope
from addax.backend.variable import Variable
from addax.layers.tracking import Tracked
from addax.saving.weight_budget import charge


class LayerState:
    """Owns variables and sublayers. State is whatever hangs on attributes, in containers or not."""

    # Attributes that may hold layers or variables which are not this layer's state.
    _untracked: frozenset[str] = frozenset(
        ("_inbound_nodes", "_outbound_nodes", "_init_arguments", "_frozen_variables", "_losses")
    )

    if TYPE_CHECKING:
        name: str
        built: bool

        @property
        def variable_dtype(self) -> str: ...

        def _check_super_called(self) -> None: ...

    def _init_state(self, trainable: bool) -> None:
        self._own_variables: list[Variable] = []
        # Variables that train again when `trainable` is set back to True.
        self._frozen_variables: list[Variable] = []
        self._trainable = trainable
        self._locked = False
        self._path: str | None = None

    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ) -> Variable:
        """Adds a variable to the layer.

        Args:
            shape: Its shape; `()` if `None`. All sizes must be known.
            initializer: Gives its value; "glorot_uniform" for floats and "zeros" for others if
                `None`.
            dtype: Its dtype; the policy's variable dtype if `None`.
            trainable: Whether gradients are applied to it.
            autocast: Whether it is cast to the compute dtype inside `call`.
            regularizer: Regularizer whose value is added to the layer's losses.
            constraint: Function that optimizers apply to it after each step.
            aggregation: Kept for Keras's signature; there is one device.
            overwrite_with_gradient: Whether optimizers replace its value by its gradient.
            name: Its name.

        Returns:
            The `Variable`.
        """
        from addax import constraints, initializers, regularizers

        self._check_super_called()
        if self._locked:
            self._refuse_new_state(f"add_weight(name={name!r})")
        dtype = self.variable_dtype if dtype is None else standardize_dtype(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if is_float_dtype(dtype) else "zeros"
        shape = standardize_shape(() if shape is None else shape)
        charge(shape, self.name)
        with name_scope(self.name, caller=self):
            variable = Variable(
                initializer=initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        if overwrite_with_gradient:
            variable.overwrite_with_gradient = True
        self._own_variables.append(variable)
        if not self._trainable:
            self._freeze_own_variables()
        return variable

    def __setattr__(self, name: str, value: Any) -> None:
        if (
            self.__dict__.get("_locked")
            and isinstance(value, (Variable, LayerState))
            and name not in self._untracked
            and self.__dict__.get(name) is not value
        ):
            self._refuse_new_state(f"attribute '{name}'")
        super().__setattr__(name, value)

    def _refuse_new_state(self, what: str) -> None:
        raise ValueError(
            "You cannot add new elements of state (variables or sub-layers) to a layer that is "
            "already built. All state must be created in the `__init__()` method or in the "
            f"`build()` method. Layer '{self.name}' (of type {type(self).__name__}) is built; "
            f"received: {what}"
        )

    def _lock_state(self) -> None:
        self._locked = True

    # What is there

    def _tracked(self) -> Tracked:
        return Tracked().add_attributes(self)

    @property
    def _layers(self) -> list:
        """The sublayers, not those inside them."""
        return self._tracked().layers

    @property
    def _metrics(self) -> list:
        return self._tracked().metrics

    @property
    def _seed_generators(self) -> list:
        return self._tracked().seed_generators

    @property
    def _trainable_variables(self) -> list[Variable]:
        """The layer's own variables that train when it is not frozen."""
        frozen = {id(v) for v in self._frozen_variables}
        return [v for v in self._tracked().variables if v.trainable or id(v) in frozen]

    @property
    def _non_trainable_variables(self) -> list[Variable]:
        """The layer's own variables that never train."""
        frozen = {id(v) for v in self._frozen_variables}
        return [v for v in self._tracked().variables if not v.trainable and id(v) not in frozen]

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list:
        """The layer and all below it, each once, parents before children."""
        found: list = [self] if include_self else []
        seen = {id(self)}
        waiting = deque(self._layers)
        while waiting:
            layer = waiting.popleft()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            found.append(layer)
            if recursive:
                waiting.extendleft(reversed(layer._layers))
        return found

    def _collect_weights(self) -> list[Variable]:
        weights: dict[int, Variable] = {}
        for layer in self._flatten_layers():
            for v in layer._trainable_variables + layer._non_trainable_variables:
                weights.setdefault(id(v), v)
        return list(weights.values())

    @property
    def variables(self) -> list[Variable]:
        """All variables of the layer and its sublayers, states of seed generators included."""
        found: dict[int, Variable] = {}
        for layer in self._flatten_layers():
            state = layer._tracked()
            own = layer._trainable_variables + layer._non_trainable_variables
            for v in own + [generator.state for generator in state.seed_generators]:
                found.setdefault(id(v), v)
        return list(found.values())

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes; none if the layer is frozen."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The other variables, states of seed generators included."""
        if not self.trainable:
            return self.variables
        return [v for v in self.variables if not v.trainable]

    @property
    def weights(self) -> list[Variable]:
        """All variables of the layer and its sublayers but the states of seed generators."""
        return self._collect_weights()

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes; none if the layer is frozen."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change by gradients."""
        if not self.trainable:
            return self.weights
        return [v for v in self.weights if not v.trainable]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the metrics of the layer and its sublayers."""
        return [
            v
            for layer in self._flatten_layers()
            for metric in layer._metrics
            for v in metric.variables
        ]

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights. Setting it sets it in all sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self._trainable = value
        if value:
            for v in self._frozen_variables:
                v.trainable = True
            self._frozen_variables = []
        else:
            self._freeze_own_variables()
        for layer in self._layers:
            layer.trainable = value

    def _freeze_own_variables(self) -> None:
        for v in self._tracked().variables:
            if v.trainable:
                v.trainable = False
                self._frozen_variables.append(v)

    @property
    def path(self) -> str | None:
        """Names of the layer and those it stands in, joined by `/`; `None` before it is built."""
        return self.name if self._path is None and self.built else self._path

    def _enter_path(self) -> None:
        self._path = current_path()

    # Values

    def count_params(self) -> int:
        """Number of scalars in the weights.

        Raises:
            ValueError: If the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                f"built. You can build it manually via: `layer.build(input_shape)`."
            )
        return count_scalars(self._collect_weights())

    def get_weights(self) -> list:
        """The values of the weights as NumPy arrays, in order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights) -> None:
        """Sets the weights from a list of arrays in order of `weights`.

        Raises:
            ValueError: If number or shapes differ.
        """
        own = self._collect_weights()
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(own)} weights."
            )
        for variable, value in zip(own, weights, strict=True):
            shape = tuple(getattr(value, "shape", ()))
            if tuple(variable.shape) != shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(variable.shape)} is not compatible "
                    f"with provided weight shape {shape}. The weight is '{variable.path}'."
                )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store) -> None:
        """Writes the layer's own variables into the mapping `store`, under "0", "1", …"""
        own = self._trainable_variables + self._non_trainable_variables
        for index, v in enumerate(own):
            store[str(index)] = v.numpy()

    def load_own_variables(self, store) -> None:
        """Reads what `save_own_variables` wrote.

        Raises:
            ValueError: If `store` holds another number of variables.
        """
        own = self._trainable_variables + self._non_trainable_variables
        if len(store.keys()) != len(own):
            state = (
                f"Layer '{self.name}' was never built and thus it doesn't have any variables"
                if not own and not self.built
                else f"Layer '{self.name}' expected {len(own)} variables"
            )
            raise ValueError(
                f"{state}, but received {len(store.keys())} variables during loading. "
                f"Expected: {[v.name for v in own]}"
            )
        for index, v in enumerate(own):
            v.assign(store[str(index)])


def count_scalars(variables) -> int:
    """Number of scalars in all the variables."""
    total = 0
    for v in variables:
        size = 1
        for length in v.shape:
            size *= length
        total += size
    return total


def memory_size(variables) -> float:
    """Bytes that the values of the variables take."""
    bits = {"bool": 1, "string": 0}
    total = 0
    for v in variables:
        dtype = standardize_dtype(v.dtype)
        width = bits[dtype] if dtype in bits else int("".join(filter(str.isdigit, dtype)))
        total += count_scalars([v]) * width
    return total / 8
