"""Learning rate schedules. Public names are those of `keras.optimizers.schedules`."""

from __future__ import annotations

from typing import Any

from addax import _identifiers
from addax.optimizers.schedules.learning_rate_schedule import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


ALL_OBJECTS: dict[str, type] = {
    schedule.__name__: schedule
    for schedule in (
        LearningRateSchedule,
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """Returns `{"module", "class_name", "config", "registered_name"}` of the schedule."""
    from addax.saving.serialization import serialize_keras_object

    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Returns the schedule of a serialized config."""
    return _identifiers.deserialize(config, ALL_OBJECTS, custom_objects)
