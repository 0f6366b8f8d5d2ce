"""Functional models as configs, in the dialects of Keras 3 (read and written) and Keras 2 (read).

A call of a layer is written in the config of that layer. Keras 3 writes a dict of args and kwargs,
with `__keras_tensor__` entries that name the layer, its call and the output a tensor comes from;
Keras 2 and TensorFlow.js write a list of `[layer, call, output, kwargs]`.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from addax import tree
from addax.backend.keras_tensor import KerasTensor
from addax.saving.registration import CustomObjectScope
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object

_MOST_NODES = 10**6


def is_functional_config(config) -> bool:
    """Whether the config is that of a graph."""
    return isinstance(config, dict) and {"layers", "input_layers", "output_layers"} <= set(config)


# Writing


def functional_config(model) -> dict[str, Any]:
    """The config of a functional model, in the dialect of Keras 3."""
    places = _call_places(model)
    layers = []
    for operation in model.operations:
        nodes = [n for n in operation._inbound_nodes if id(n) in places and not n.is_input]
        entry = serialize_keras_object(operation)
        entry["name"] = operation.name
        entry["inbound_nodes"] = [_node_config(node, operation, places) for node in nodes]
        layers.append(entry)

    def reference(x):
        return _reference(x, places, own_call=True)

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _map_references(reference, model.input),
        "output_layers": _map_references(reference, model.output),
    }


def _call_places(model) -> dict[int, int]:
    """For each call in the model, its number among the calls of its layer in the model."""
    in_model = {id(node) for node in model._graph.nodes}
    places = {}
    for operation in model.operations:
        kept = [node for node in operation._inbound_nodes if id(node) in in_model]
        for index, node in enumerate(kept):
            places[id(node)] = index
    return places


def _reference(x: KerasTensor, places: dict[int, int], own_call: bool = False) -> list:
    """`[layer, call, output]` of a tensor."""
    from addax.models.functional import Functional
    from addax.models.graph import node_of

    history = x._keras_history
    index = places[id(node_of(x))]
    if own_call and isinstance(history.operation, Functional):
        index += 1  # Keras counts a functional model's own graph as its call 0, but only here.
    return [history.operation.name, index, history.tensor_index]


def _node_config(node, operation, places: dict[int, int]) -> dict[str, Any]:
    def plain(x):
        if not isinstance(x, KerasTensor):
            return serialize_keras_object(x)
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(x.shape),
                "dtype": x.dtype,
                "keras_history": _reference(x, places),
            },
        }

    from addax.layers.layer import Layer

    # Functions tell tuples from lists (x[:, 1] from x[[0, 1]]), layers do not.
    tuples = not isinstance(operation, Layer)
    args = [_map_nested(plain, x, tuples) for x in node.arguments.args]
    kwargs = {key: _map_nested(plain, x, tuples) for key, x in node.arguments.kwargs.items()}
    if kwargs.get("training") is False:
        # Keras writes `false` for every layer that has the argument, whether it was given or not,
        # so `false` is read as "not given". 0 is how a given False is told from it.
        kwargs["training"] = 0
    return {"args": args, "kwargs": kwargs}


def _map_nested(function, x, tuples: bool):
    if isinstance(x, (list, tuple)):
        items = [_map_nested(function, item, tuples) for item in x]
        if tuples and isinstance(x, tuple):
            return {"class_name": "__tuple__", "config": {"value": items}}
        return items
    if isinstance(x, dict):
        return {key: _map_nested(function, item, tuples) for key, item in x.items()}
    return function(x)


def _map_references(function, struct):
    if isinstance(struct, dict):
        return {key: _map_references(function, x) for key, x in struct.items()}
    if isinstance(struct, (list, tuple)):
        return [_map_references(function, x) for x in struct]
    return function(struct)


# Reading


def functional_from_config(cls, config: dict[str, Any], custom_objects=None):
    """The functional model of a config.

    Raises:
        ValueError: If layers, calls or references in it do not fit together.
    """
    with CustomObjectScope(custom_objects):
        builder = _Builder(config)
        builder.run()
    inputs = builder.tensors_of(config["input_layers"])
    outputs = builder.tensors_of(config["output_layers"])
    options = {
        key: config[key] for key in config if key not in ("layers", "input_layers", "output_layers")
    }
    if "trainable" in options and not options["trainable"]:
        options["trainable"] = False
    else:
        options.pop("trainable", None)
    from addax.models.functional import Functional
    from addax.models.model import Model

    return (Functional if cls is Model else cls)(inputs, outputs, **options)


class _Builder:
    """Makes the layers of a config and calls them as its nodes say."""

    def __init__(self, config: dict[str, Any]):
        entries = config["layers"]
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise ValueError("`layers` in the config of a model must be a list of dicts.")
        self.layers: dict[str, Any] = {}
        self.left: dict[str, deque] = {}  # calls not made yet, by layer
        self.calls: dict[str, list[list]] = {}  # outputs of each call of each layer
        self.old_style = not any(_is_new_node(n) for e in entries for n in _nodes(e))
        if sum(len(_nodes(e)) for e in entries) > _MOST_NODES:
            raise ValueError(f"The config of the model has more than {_MOST_NODES} calls.")
        for entry in entries:
            self._add_layer(entry)

    def _add_layer(self, entry: dict) -> None:
        inner = entry.get("config")
        name = entry.get("name") or (inner.get("name") if isinstance(inner, dict) else None)
        if not isinstance(name, str):
            raise ValueError("Each layer in the config of a model must have a name.")
        if name in self.layers:
            raise ValueError(f"Two layers in the config of the model have the name '{name}'.")
        layer = deserialize_keras_object(
            {k: v for k, v in entry.items() if k not in ("name", "inbound_nodes")}
        )
        if not hasattr(layer, "_inbound_nodes"):
            raise ValueError(f"'{name}' in the config of the model is no layer, but {layer!r}.")
        self.layers[name] = layer
        # An InputLayer has made its output already; calls of a nested model begin here.
        self.calls[name] = [node.outputs for node in layer._inbound_nodes]
        nodes = _nodes(entry)
        if nodes:
            self.left[name] = deque(nodes)

    def run(self) -> None:
        """Makes all calls, each when what it takes is there."""
        ready = deque(self.left)
        waiting: dict[tuple[str, int], list[str]] = {}  # layers, by the call that they wait for
        while ready:
            name = ready.popleft()
            nodes = self.left[name]
            while nodes:
                missing = self._call(name, nodes[0])
                if missing is not None:
                    waiting.setdefault(missing, []).append(name)
                    break
                nodes.popleft()
                ready += waiting.pop((name, len(self.calls[name]) - 1), ())
            if not nodes:
                del self.left[name]
        for name, nodes in self.left.items():
            self._call(name, nodes[0])  # says which call a layer does not have, if it is that
        if self.left:
            raise ValueError(
                f"The calls of layers {list(self.left)} in the config of the model cannot be made: "
                "they take outputs that no layer gives, or form a cycle."
            )

    def _call(self, name: str, node) -> tuple[str, int] | None:
        """Makes one call.

        Returns:
            The call, as layer and number, whose output it needs first; `None` if it was made.
        """
        layer = self.layers[name]
        try:
            if _is_new_node(node):
                args, kwargs = self._new_arguments(node)
            else:
                args, kwargs = self._old_arguments(layer, node)
        except _NotYet as missing:
            return missing.name, missing.call
        self.calls[name].append(tree.flatten(layer(*args, **kwargs)))
        return None

    # Keras 3

    def _new_arguments(self, node: dict) -> tuple[list, dict]:
        args = [self._value(x) for x in node.get("args") or []]
        kwargs = {k: self._value(x) for k, x in (node.get("kwargs") or {}).items()}
        if kwargs.get("training") is False or kwargs.get("training", 0) is None:
            del kwargs["training"]  # see _node_config
        elif kwargs.get("training") == 0 and "training" in kwargs:
            kwargs["training"] = False
        if kwargs.get("mask", 0) is None:
            del kwargs["mask"]
        return args, kwargs

    def _value(self, x, depth: int = 0):
        if depth > 64:
            raise ValueError(
                "Arguments of a call in the config of the model are nested too deeply."
            )
        if isinstance(x, list):
            return [self._value(item, depth + 1) for item in x]
        if isinstance(x, dict):
            if x.get("class_name") == "__keras_tensor__":
                return self._tensor(*_triple(x["config"].get("keras_history")))
            if x.get("class_name") == "__tuple__":
                return tuple(self._value(x["config"]["value"], depth + 1))
            if "class_name" not in x:
                return {key: self._value(item, depth + 1) for key, item in x.items()}
            return deserialize_keras_object(x)
        return x

    # Keras 2

    def _old_arguments(self, layer, node) -> tuple[list, dict]:
        if _is_reference(node):
            node = [node]
        if not isinstance(node, list) or not all(_is_reference(x) for x in node):
            raise ValueError(f"The call {node!r} of layer '{layer.name}' is malformed.")
        tensors = [self._tensor(*_triple(x, self._own_calls(x[0]))) for x in node]
        kwargs: dict[str, Any] = {}
        for entry in node:
            for key, value in (entry[3] if len(entry) > 3 and entry[3] else {}).items():
                kwargs[key] = self._old_value(value)
        if kwargs.get("training", 0) is None:
            del kwargs["training"]
        signature = getattr(layer, "_call_signature", None)
        states = signature is not None and "initial_state" in signature.parameters
        if len(tensors) > 1 and states:
            # Initial states of a recurrent layer follow its input.
            return [tensors[0]], {**kwargs, "initial_state": tensors[1:]}
        return [tensors[0] if len(tensors) == 1 else tensors], kwargs

    def _old_value(self, value):
        """A keyword argument, which may be a reference to a tensor or a list of them."""
        if _is_reference(value) and value[0] in self.layers:
            return self._tensor(*_triple(value, self._own_calls(value[0])))
        if isinstance(value, list):
            return [self._old_value(x) for x in value]
        return deserialize_keras_object(value) if isinstance(value, dict) else value

    def _own_calls(self, name) -> int:
        """1 for a nested model, whose own graph Keras 2 counts as call 0."""
        from addax.models.model import Model

        return int(isinstance(self.layers.get(name), Model))

    def _tensor(self, name: str, call: int, output: int) -> KerasTensor:
        if name not in self.layers:
            raise ValueError(
                f"The config of the model refers to a layer '{name}' it does not have."
            )
        calls = self.calls[name]
        if call < 0 or call >= len(calls):
            if name in self.left and call >= 0:
                raise _NotYet(name, call)
            raise ValueError(
                f"The config of the model refers to call {call} of layer '{name}', which has "
                f"{len(calls)}."
            )
        if not 0 <= output < len(calls[call]):
            raise ValueError(
                f"The config of the model refers to output {output} of layer '{name}', which has "
                f"{len(calls[call])}."
            )
        return calls[call][output]

    def tensors_of(self, references):
        """The tensors that `input_layers` or `output_layers` name, nested in the same way."""
        from addax.models.functional import Functional

        def tensor(reference):
            name, call, output = _triple(reference)
            own = self._own_calls(name)
            if own and call in (0, 1) and len(self.calls[name]) == 1:
                call = 0  # files differ in what they count, but here there is no doubt
            elif self.old_style or isinstance(self.layers.get(name), Functional):
                call -= own
            return self._tensor(name, call, output)

        def visit(x, depth=0):
            if depth > 64:
                raise ValueError("Inputs or outputs in the config of the model nest too deeply.")
            if _is_reference(x):
                return tensor(x)
            if isinstance(x, dict):
                return {key: visit(item, depth + 1) for key, item in x.items()}
            if isinstance(x, list):
                return [visit(item, depth + 1) for item in x]
            raise ValueError(f"The config of the model has a malformed reference: {x!r}")

        found = visit(references)
        if self.old_style and isinstance(found, list) and len(found) == 1:
            return found[0]  # Keras 2 always writes a list
        return found


class _NotYet(Exception):
    """A call waits for another one, the layer's of that number."""

    def __init__(self, name: str, call: int):
        super().__init__(name, call)
        self.name, self.call = name, call


def _nodes(entry: dict) -> list:
    nodes = entry.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise ValueError("`inbound_nodes` in the config of a model must be a list.")
    # One call may be written flat, as [layer, call, output, kwargs].
    return [nodes] if _is_reference(nodes) else nodes


def _is_new_node(node) -> bool:
    return isinstance(node, dict)


def _is_reference(x) -> bool:
    return (
        isinstance(x, list)
        and len(x) in (3, 4)
        and isinstance(x[0], str)
        and all(isinstance(i, int) and not isinstance(i, bool) for i in x[1:3])
        and (len(x) == 3 or x[3] is None or isinstance(x[3], dict))
    )


def _triple(reference, own_calls: int = 0) -> tuple[str, int, int]:
    if not _is_reference(reference):
        raise ValueError(f"The config of the model has a malformed reference: {reference!r}")
    return reference[0], reference[1] - own_calls, reference[2]
