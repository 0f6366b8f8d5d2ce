"""Dtype policies: which dtype layers compute in, and which their variables have."""

from __future__ import annotations

from typing import Any

from addax.dtype_policies.dtype_policy import (
    DTypePolicy,
    FloatDTypePolicy,
)
from addax.dtype_policies.dtype_policy import (
    dtype_policy as dtype_policy,
)
from addax.dtype_policies.dtype_policy import (
    set_dtype_policy as set_dtype_policy,
)
from addax.dtype_policies.dtype_policy_map import DTypePolicyMap

__all__ = ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "deserialize", "get", "serialize"]

_CLASSES: dict[str, Any] = {
    "DTypePolicy": DTypePolicy,
    "FloatDTypePolicy": DTypePolicy,
    "DTypePolicyMap": DTypePolicyMap,
    "Policy": DTypePolicy,  # Keras 2's name
}


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The policy as a Keras config."""
    module = "keras.dtype_policies" if isinstance(dtype_policy, DTypePolicyMap) else "keras"
    return {
        "module": module,
        "class_name": type(dtype_policy).__name__,
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: dict[str, Any], custom_objects: dict | None = None) -> DTypePolicy:
    """The policy of a Keras config.

    Raises:
        ValueError: If the config is not that of a known policy.
    """
    name = config.get("class_name") if isinstance(config, dict) else None
    cls = (custom_objects or {}).get(name) or (
        _CLASSES.get(name) if isinstance(name, str) else None
    )
    if cls is None or not isinstance(config.get("config"), dict):
        raise ValueError(f"Cannot deserialize the dtype policy {config!r}.")
    return cls.from_config(config["config"])


def get(identifier) -> DTypePolicy:
    """A policy from a policy, its name, its config, a dtype, or `None` for the global one.

    Raises:
        ValueError: If the identifier is none of these.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    from addax.backend.dtypes import standardize_dtype

    try:
        return DTypePolicy(standardize_dtype(identifier))
    except (TypeError, ValueError, AttributeError):
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        ) from None
