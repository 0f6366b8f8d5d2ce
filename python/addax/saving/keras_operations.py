"""Operations among the layers of a functional model, as Keras 3 writes them.

Addax has one class for all of them, `FunctionOperation`, and keeps the arguments of the call with
the call; Keras has a class for each, whose constructor takes what is no tensor.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from addax.backend.names import to_snake_case

_DEEPEST = 64

# Keras's module below `keras.src.ops` → number of a call's tensors → its classes.
_CLASSES = {
    "numpy": {
        1: (
            "Absolute All Amax Amin Any Arccos Arccosh Arcsin Arcsinh Arctan Arctanh Argmax Argmin "
            "Argsort BroadcastTo Ceil Clip Concatenate Cos Cosh Cumprod Cumsum Diagonal Exp "
            "ExpandDims Expm1 Flip Floor Hstack Isfinite Isinf Isnan Log Log10 Log1p Log2 "
            "LogicalNot Max Mean Median Min Moveaxis Negative OnesLike Prod Ravel Reciprocal "
            "Repeat Reshape Roll Round Sign Sin Sinh Sort Split Sqrt Square Squeeze Stack Std Sum "
            "Swapaxes Tan Tanh Tile Transpose Tril Triu Var Vstack ZerosLike"
        ),
        2: (
            "Add Arctan2 Divide Dot Equal FloorDivide GetItem Greater GreaterEqual Less LessEqual "
            "LogicalAnd LogicalOr LogicalXor Matmul Maximum Minimum Mod Multiply NotEqual Outer "
            "Power Subtract Take TakeAlongAxis Tensordot TrueDivide"
        ),
        3: "Where",
    },
    "nn": {
        1: (
            "Celu Elu Gelu Glu HardSigmoid HardSilu HardTanh LeakyRelu LogSigmoid LogSoftmax "
            "Normalize OneHot Relu Relu6 Selu Sigmoid Silu Softmax Softplus Softsign Squareplus "
            "TanhShrink Threshold"
        ),
    },
    "math": {1: "Erf Logsumexp Rsqrt TopK"},
    "core": {1: "Cast StopGradient Unstack"},
}


@cache
def _places() -> dict[str, tuple[str, str, int]]:
    """Function of `addax.ops` → Keras's module and class, and the number of the call's tensors."""
    return {
        to_snake_case(name): (module, name, tensors)
        for module, groups in _CLASSES.items()
        for tensors, names in groups.items()
        for name in names.split()
    }


def as_keras_operations(config: Any, depth: int = 0) -> Any:
    """A model's config with every operation that Keras has, too, in Keras's words.

    Args:
        config: What `serialize_keras_object` gave.
    """
    if isinstance(config, list):
        return [as_keras_operations(x, depth + 1) for x in config]
    if not isinstance(config, dict) or depth > _DEEPEST:
        return config
    if config.get("class_name") == "FunctionOperation" and "inbound_nodes" in config:
        return _keras_operation(config)
    inner = config.get("config")
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        return {
            **config,
            "config": {**inner, "layers": as_keras_operations(inner["layers"], depth)},
        }
    return config


def _keras_operation(entry: dict[str, Any]) -> dict[str, Any]:
    own, nodes = entry["config"], entry["inbound_nodes"]
    place = _places().get(own["function"])
    if place is None or len(nodes) != 1:
        return entry
    module, class_name, count = place
    node = nodes[0]
    split = _split(own["function"], node["args"], node["kwargs"], count)
    if split is None:
        return entry
    tensors, options = split
    config = {"name": own["name"], **own.get("arguments", {}), **options}
    return {
        **entry,
        "module": f"keras.src.ops.{module}",
        "class_name": class_name,
        "config": config,
        "registered_name": class_name,
        "inbound_nodes": [{"args": tensors, "kwargs": {}}],
    }


def _split(function: str, args: list, kwargs: dict, count: int) -> tuple[list, dict] | None:
    """The call's tensors, and what Keras's constructor takes; `None` if the call is another."""
    from addax.saving.registry import op_function

    try:
        bound = inspect.signature(op_function(function)).bind(*args, **kwargs)
    except TypeError:
        return None
    given = list(bound.arguments.items())
    names = list(bound.signature.parameters)[:count]
    if [name for name, _ in given[:count]] != names:
        return None
    if function == "get_item" and not _tells_a_tuple(given[1][1]):
        return None
    tensors = [_plain(value) for _, value in given[:count]]
    return tensors, {name: _plain(value) for name, value in given[count:]}


def _tells_a_tuple(key: Any) -> bool:
    """Whether a list of the key's items cannot be taken for an array of indices."""
    if not isinstance(key, dict) or key.get("class_name") != "__tuple__":
        return True
    return any(item is None or isinstance(item, dict) for item in key["config"]["value"])


def _plain(value: Any) -> Any:
    """A tuple is a list in Keras's files."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        return value["config"]["value"]
    return value
