"""Optimizers. Public names are those of `keras.optimizers`."""

from __future__ import annotations

from typing import Any

from addax import _identifiers
from addax.optimizers import schedules
from addax.optimizers.adadelta import Adadelta
from addax.optimizers.adafactor import Adafactor
from addax.optimizers.adagrad import Adagrad
from addax.optimizers.adam import Adam
from addax.optimizers.adamax import Adamax
from addax.optimizers.adamw import AdamW
from addax.optimizers.ftrl import Ftrl
from addax.optimizers.lamb import Lamb
from addax.optimizers.lion import Lion
from addax.optimizers.loss_scale_optimizer import LossScaleOptimizer
from addax.optimizers.muon import Muon
from addax.optimizers.nadam import Nadam
from addax.optimizers.optimizer import Optimizer
from addax.optimizers.rmsprop import RMSprop
from addax.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


_CLASSES = (
    Optimizer,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    LossScaleOptimizer,
    Muon,
    Nadam,
    RMSprop,
    SGD,
)
# Names are matched in lower case, as in Keras: "Adam", "adam" and "ADAM" are the same.
ALL_OBJECTS: dict[str, type] = {c.__name__.lower(): c for c in _CLASSES}


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Returns `{"module", "class_name", "config", "registered_name"}` of the optimizer."""
    from addax.saving.serialization import serialize_keras_object

    return serialize_keras_object(optimizer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
    """Returns the optimizer of a serialized config, without state."""
    from addax.saving.serialization import deserialize_keras_object

    if config["class_name"].lower() in ALL_OBJECTS:
        config = {**config, "class_name": ALL_OBJECTS[config["class_name"].lower()].__name__}
    known = {c.__name__: c for c in _CLASSES}
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=known)


def get(identifier: Any) -> Optimizer | None:
    """Resolves a name, a config or an optimizer.

    Raises:
        ValueError: If the identifier names no optimizer.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, dict):
        return _identifiers.resolve_config(identifier, deserialize, "optimizer")
    if isinstance(identifier, str):
        from addax.saving.registration import get_registered_object

        found = get_registered_object(identifier) or ALL_OBJECTS.get(identifier.lower())
        if found is not None:
            return found()
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")
