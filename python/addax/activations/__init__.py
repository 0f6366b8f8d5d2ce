"""Activation functions by name (`keras.activations`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from addax.activations.functions import (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

swish = silu
hard_swish = hard_silu

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

_FUNCTIONS = {
    name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize")
}
_BUILT_IN = set(_FUNCTIONS.values())


def serialize(activation: Any) -> Any:
    """The name of a built-in activation, the registered name of another function, or the config
    of a layer.

    Raises:
        ValueError: If it is not serializable.
    """
    from addax.saving.serialization import serialize_keras_object

    if activation in _BUILT_IN:
        return activation.__name__
    config = serialize_keras_object(activation)
    if not isinstance(config, dict) or "config" not in config:
        raise ValueError(
            f"Unknown activation function: {activation}. It cannot be serialized: register it "
            f"with `register_keras_serializable`."
        )
    if config.get("class_name") != "function":
        return config
    if config["config"] in _FUNCTIONS:
        return config["config"]
    from addax.saving.registration import get_registered_name

    return {**config, "config": get_registered_name(activation)}


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The function or layer that a name or config stands for."""
    from addax import _identifiers

    return _identifiers.deserialize(config, _FUNCTIONS, custom_objects)


def get(identifier: Any) -> Any:
    """The activation function for a name, config, callable or `None` (`linear`).

    Raises:
        ValueError: If it names nothing.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        found = _FUNCTIONS.get(identifier)
        if found is not None:
            return found
        found = deserialize(identifier)
    elif isinstance(identifier, dict):
        found = deserialize(identifier)
    else:
        found = identifier
    if callable(found):
        return found
    raise ValueError(f"Could not interpret activation function identifier: {identifier}")
