"""Projections of weights. Public names are those of `keras.constraints`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax import _identifiers
from addax.constraints.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

ALL_OBJECTS: dict[str, type] = _identifiers.by_both_names(
    Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
)


def serialize(constraint: Constraint) -> dict[str, Any]:
    """Returns `{"module", "class_name", "config", "registered_name"}` of the constraint."""
    from addax.saving.serialization import serialize_keras_object

    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the constraint of a serialized config, or the class of a name."""
    return _identifiers.deserialize(config, ALL_OBJECTS, custom_objects)


def get(identifier: Any) -> Constraint | Callable | None:
    """Resolves a name, a config, an object, a class or a callable `w -> w`.

    Raises:
        ValueError: If the identifier names no constraint.
    """
    return _identifiers.resolve(identifier, deserialize, "constraint")
