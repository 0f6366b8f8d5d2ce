"""Operations of a model's graph, such as `x + shortcut`, as the layers that TensorFlow.js has."""

from __future__ import annotations

from typing import Any

_OF_TWO = {"add": "Add", "multiply": "Multiply", "maximum": "Maximum", "minimum": "Minimum"}
_OF_ONE = {
    "relu": "relu",
    "relu6": "relu6",
    "selu": "selu",
    "sigmoid": "sigmoid",
    "silu": "swish",
    "softmax": "softmax",
    "softplus": "softplus",
    "softsign": "softsign",
    "tanh": "tanh",
}


def as_layer(entry: dict[str, Any]) -> dict[str, Any] | None:
    """The entry of a layer that computes the same as the entry of an operation.

    Args:
        entry: From the `layers` of a functional model's config.

    Returns:
        An entry of the same name with the same inputs; `None` if it is no operation, or there is
        no such layer.
    """
    nodes: list[dict[str, Any]] = entry.get("inbound_nodes") or []
    if entry.get("class_name") != "FunctionOperation" or len(nodes) != 1:
        return None
    config, node = entry["config"], nodes[0]
    function, args = config["function"], node["args"]
    # Files of Keras keep what is no tensor with the operation, ours with its call.
    kwargs = {**config.get("arguments", {}), **node["kwargs"]}
    if function == "softmax" and kwargs == {"axis": -1}:
        kwargs = {}
    tensors = [x for x in args if _is_float(x)]
    found: tuple[str, dict[str, Any]] | None = None
    if function == "concatenate" and len(args) == 1 and _are_floats(args[0]):
        found, tensors = ("Concatenate", {"axis": kwargs.get("axis", 0)}), args[0]
        kwargs = {k: v for k, v in kwargs.items() if k != "axis"}
    elif len(tensors) == len(args) == 2 and _rank(args[0]) == _rank(args[1]):
        found = (_OF_TWO[function], {}) if function in _OF_TWO else None
    elif len(tensors) == len(args) == 1:
        found = ("Activation", {"activation": _OF_ONE[function]}) if function in _OF_ONE else None
    elif len(tensors) == 1 and len(args) == 2:
        found = _by_number(function, *args)
    if found is None or kwargs:
        return None
    name, (class_name, options) = entry["name"], found
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, "trainable": True, "dtype": "float32", **options},
        "registered_name": None,
        "name": name,
        "inbound_nodes": [{"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}}],
    }


def _by_number(function: str, a: Any, b: Any) -> tuple[str, dict[str, Any]] | None:
    """Arithmetic of a tensor and a number: `Rescaling` is `x * scale + offset`."""
    number = b if _is_float(a) else a
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return None
    tensor_first = number is b
    if function == "add":
        scale, offset = 1.0, number
    elif function == "subtract":
        scale, offset = (1.0, -number) if tensor_first else (-1.0, number)
    elif function == "multiply":
        scale, offset = number, 0.0
    elif function in ("divide", "true_divide") and tensor_first and number:
        scale, offset = 1.0 / number, 0.0
    else:
        return None
    return "Rescaling", {"scale": scale, "offset": offset}


def _are_floats(x: Any) -> bool:
    """Whether it is a list of tensors, of at least two: `Concatenate` refuses one alone."""
    return isinstance(x, (list, tuple)) and len(x) > 1 and all(map(_is_float, x))


def _is_float(x: Any) -> bool:
    is_tensor = isinstance(x, dict) and x.get("class_name") == "__keras_tensor__"
    return is_tensor and x["config"]["dtype"] == "float32"


def _rank(tensor: dict[str, Any]) -> int:
    return len(tensor["config"]["shape"])
