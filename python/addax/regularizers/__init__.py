"""Penalties on weights and activities. Public names are those of `keras.regularizers`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax import _identifiers
from addax.regularizers.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

ALL_OBJECTS: dict[str, type] = {
    **_identifiers.by_both_names(Regularizer, L1, L2, L1L2, OrthogonalRegularizer),
    "l1_l2": L1L2,
}


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """Returns `{"module", "class_name", "config", "registered_name"}` of the regularizer."""
    from addax.saving.serialization import serialize_keras_object

    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the regularizer of a serialized config, or the class of a name."""
    return _identifiers.deserialize(config, ALL_OBJECTS, custom_objects)


def get(identifier: Any) -> Regularizer | Callable | None:
    """Resolves a name, a config, an object, a class or a callable `x -> scalar tensor`.

    Raises:
        ValueError: If the identifier names no regularizer.
    """
    return _identifiers.resolve(identifier, deserialize, "regularizer")
