"""From a config of a file to a built model, whatever stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from addax.backend.names import names_of_a_file
from addax.saving.registration import CustomObjectScope
from addax.saving.serialization import MALFORMED, deserialize_keras_object
from addax.saving.weight_budget import WeightBudget

# Variables that are no weights (states of seed generators and recurrent layers) come on top.
_SLACK = 1 << 16


@contextmanager
def building(what: str) -> Iterator[None]:
    """Context in which whatever a malformed config makes classes raise is a ValueError."""
    try:
        yield
    except MALFORMED as error:
        raise ValueError(
            f"The {what} in the file cannot be read: {type(error).__name__}: {error}"
        ) from error


def restore_model(config: Any, custom_objects: Any, elements: int) -> Any:
    """The model of a config, built but not compiled.

    Args:
        config: What `serialize_keras_object` gave, without `compile_config`.
        custom_objects: Users' classes and functions by name.
        elements: Number of elements that the weights in the file have.

    Raises:
        ValueError: If the config is malformed, or asks for more weights than the file has.
        TypeError: If it names something unknown.
    """
    from addax.models.model import Model

    with building("topology"), names_of_a_file(), WeightBudget(elements + _SLACK):
        model = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(model, Model):
        raise ValueError(f"The file does not describe a model, but {str(model)[:200]}.")
    return model


def compile_model(model: Any, config: dict[str, Any], custom_objects: Any) -> None:
    """Compiles a model as the file says.

    Args:
        model: A model.
        config: What `get_compile_config` gave.
        custom_objects: Users' classes and functions by name.

    Raises:
        ValueError: If the config is malformed.
        TypeError: If it names something unknown.
    """
    with CustomObjectScope(custom_objects), building("compile configuration"):
        model.compile_from_config(config)
