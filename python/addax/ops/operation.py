"""Operations: callables that can stand in a graph of `KerasTensor`s."""

from __future__ import annotations

import inspect
from typing import Any

from addax import tree
from addax.backend.keras_tensor import KerasTensor, any_symbolic
from addax.backend.names import auto_name, require_name
from addax.ops.call_errors import call_with_argument_info, same_type
from addax.ops.node import Node

_PLAIN_TYPES = (str, int, float, bool, type(None))


class Operation:
    """A named callable that computes on tensors, and adds itself to a graph on `KerasTensor`s.

    A subclass defines `call(*args, **kwargs)` and, where shapes cannot be had by running it on
    symbolic values, `compute_output_spec(*args, **kwargs)`.

    Args:
        name: Unique name; made from the class name if `None`.
    """

    def __new__(cls, *args, **kwargs):
        instance = super().__new__(cls)
        if _has_default_config(cls):
            # get_config() answers with them for classes that do not override it.
            instance.__dict__["_init_arguments"] = (args, kwargs)
        return instance

    def __init__(self, name: str | None = None):
        if name is None:
            name = auto_name(self.__class__.__name__)
        require_name(name)
        self.name = name
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []

    def __call__(self, *args, **kwargs):
        if any_symbolic(args, kwargs):
            return call_with_argument_info(self, self.symbolic_call, args, kwargs)
        return call_with_argument_info(self, self.call, args, kwargs)

    def symbolic_call(self, *args, **kwargs):
        """Infers the outputs' shapes and dtypes, and adds a node to the graph."""
        outputs = self.compute_output_spec(*args, **kwargs)
        outputs = tree.map_structure(_without_history, outputs)
        Node(self, call_args=args, call_kwargs=kwargs, outputs=outputs)
        return outputs

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"Class {self.__class__.__name__} does not define `call()`.")

    def compute_output_spec(self, *args, **kwargs):
        """`KerasTensor`s like the outputs of `call`, found by running it on symbolic values."""
        from addax.backend.symbolic import compute_output_spec

        try:
            return compute_output_spec(self.call, *args, **kwargs)
        except Exception as error:
            if getattr(error, "_keras_call_info_injected", False):
                raise
            message = (
                f"Could not automatically infer the output shape / dtype of '{self.name}' "
                f"(of type {self.__class__.__name__}). Either the "
                f"`{self.__class__.__name__}.call()` method is incorrect, or you need to "
                f"implement the `{self.__class__.__name__}.compute_output_spec() / "
                "compute_output_shape()` method. Error encountered:\n\n"
                f"{error.args[0] if len(error.args) == 1 else error}"
            )
            raise same_type(error, message) from error

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs to make an equal object: its constructor's arguments.

        A class that does not override this gets the arguments it was made with, as long as these
        are plain values (strings, numbers, booleans, `None`, and lists, tuples or dicts of them).

        Raises:
            NotImplementedError: If they are not.
        """
        config: dict[str, Any] = {"name": self.name}
        if not _has_default_config(type(self)):
            return config
        arguments = self._constructor_arguments()
        arguments.pop("name", None)
        dtype = arguments.get("dtype")
        if dtype is not None and not isinstance(dtype, str):
            arguments.pop("dtype")
        if not _is_plain(arguments):
            names = [k for k, v in arguments.items() if not _is_plain(v)]
            cls = self.__class__.__name__
            raise NotImplementedError(
                f"Object {cls} was created by passing non-serializable argument values in "
                f"`__init__()` ({', '.join(names)}), and therefore the object must override "
                f"`get_config()` in order to be serializable. Define `{cls}.get_config()` to "
                "return a dict of all constructor arguments, beginning with "
                "`config = super().get_config()`."
            )
        config.update(arguments)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        """Makes an object from what `get_config` returned.

        Raises:
            TypeError: If the constructor refuses the config.
        """
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            from addax import dtype_policies

            config["dtype"] = dtype_policies.deserialize(config["dtype"])
        # A constructor that takes no name, dtype or trainable flag need not be made to.
        left_out = _not_accepted(cls, config) if _has_default_config(cls) else {}
        try:
            instance = cls(**{k: v for k, v in config.items() if k not in left_out})
            for key in ("name", "trainable"):
                if key in left_out:
                    setattr(instance, key, left_out[key])
            return instance
        except TypeError as error:
            raise TypeError(
                f"Error when deserializing class '{cls.__name__}' using config={config}.\n\n"
                f"Exception encountered: {error}"
            ) from error

    @property
    def input(self):
        """The symbolic input of the operation's one call; a list if there are several.

        Raises:
            AttributeError: If it was never called on `KerasTensor`s.
        """
        return self._node_tensors("input_tensors", "input")

    @property
    def output(self):
        """The symbolic output of the operation's first call; a list if there are several.

        Raises:
            AttributeError: If it was never called on `KerasTensor`s.
        """
        return self._node_tensors("output_tensors", "output")

    def _node_tensors(self, attribute: str, description: str, node_index: int = 0):
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined "
                f"{description}."
            )
        if node_index >= len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {description} at node {node_index}, but the operation has only "
                f"{len(self._inbound_nodes)} inbound nodes."
            )
        values = getattr(self._inbound_nodes[node_index], attribute)
        return values[0] if len(values) == 1 else list(values)

    def __getstate__(self) -> dict[str, Any]:
        # The calls belong to the graphs that they are in: models copy theirs, see `graph_state`.
        return {**self.__dict__, "_inbound_nodes": [], "_outbound_nodes": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _constructor_arguments(self) -> dict[str, Any]:
        """The arguments given to `__init__`, by name."""
        args, kwargs = self.__dict__.get("_init_arguments", ((), {}))
        names = [
            p.name
            for p in list(inspect.signature(self.__class__.__init__).parameters.values())[1:]
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        return {**dict(zip(names, args, strict=False)), **kwargs}

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


Operation.get_config._is_default = True  # type: ignore[attr-defined]


class FunctionOperation(Operation):
    """A function of `addax.ops` as an operation, so that it can stand in a graph and in a file.

    Args:
        name: The function's name in `addax.ops`, with its namespace if it has one ("image.resize").
        function: The function itself; looked up by name if `None`.
        arguments: Keyword arguments that every call adds, as configs of Keras 3 hold them.
        node_name: Unique name in the graph; made from `name` if `None`.
    """

    def __init__(self, name, function=None, arguments=None, node_name=None):
        super().__init__(name=node_name or auto_name(name.rpartition(".")[2]))
        if function is None:
            from addax.saving.registry import op_function

            function = op_function(name)
        self.function_name = name
        self.function = function
        self.arguments = dict(arguments or {})

    def call(self, *args, **kwargs):
        if self.arguments:
            kwargs = {**self.arguments, **kwargs}
        return self.function(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "function": self.function_name}
        if self.arguments:
            config["arguments"] = self.arguments
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        return cls(
            config["function"], arguments=config.get("arguments"), node_name=config.get("name")
        )

    def __repr__(self) -> str:
        return f"<FunctionOperation name={self.name}, function={self.function_name}>"


def _without_history(x):
    """`x`, or a copy of it if it already belongs to a node: a tensor has one origin."""
    if isinstance(x, KerasTensor) and getattr(x, "_keras_history", None) is not None:
        return KerasTensor(x.shape, dtype=x.dtype)
    return x


def _has_default_config(cls: type[Operation]) -> bool:
    return getattr(cls.get_config, "_is_default", False)


def _not_accepted(cls: type[Operation], config: dict[str, Any]) -> dict[str, Any]:
    """Those of the arguments common to all layers that the constructor does not take."""
    # Not signature(cls), which would be that of __new__.
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return {}
    common = ("name", "dtype", "trainable")
    return {k: config[k] for k in common if k in config and k not in parameters}


def _is_plain(value) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(v) for v in value)
    if isinstance(value, dict):
        return all(isinstance(k, _PLAIN_TYPES) and _is_plain(v) for k, v in value.items())
    return isinstance(value, _PLAIN_TYPES)
