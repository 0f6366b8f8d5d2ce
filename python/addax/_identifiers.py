"""How strings, dicts and callables name initializers, losses, metrics and their kin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from addax.backend.names import to_snake_case


def by_both_names(*classes: type) -> dict[str, type]:
    """Maps the class name and its snake_case form to each class."""
    return {name: c for c in classes for name in (c.__name__, to_snake_case(c.__name__))}


def deserialize(config: Any, known: Mapping[str, Any], custom_objects: Mapping[str, Any] | None):
    """Turns a name or a serialized config into the object it stands for.

    Args:
        config: A string, or a dict with `class_name` and `config`.
        known: Built-in names of the calling module.
        custom_objects: Further names, which win over the built-in ones.

    Returns:
        For a string the class or function of that name, or the string itself when there is
        none; for a dict the object.
    """
    from addax.saving import registration, serialization

    if isinstance(config, str):
        found = registration.get_registered_object(config, custom_objects, known)
        return config if found is None else found
    return serialization.deserialize_keras_object(
        config, custom_objects=custom_objects, module_objects=known
    )


def resolve(identifier: Any, deserializer: Callable[[Any], Any], kind: str) -> Any:
    """Resolves what the module's `get` was given.

    Args:
        identifier: `None`, a string, a config dict, or a callable, which passes through.
        deserializer: The module's `deserialize`.
        kind: What the identifier should name, for the message.

    Returns:
        An object (a class found by its name is instantiated with its defaults), or `None`.

    Raises:
        ValueError: If the identifier names nothing.
    """
    if identifier is None:
        return None
    found = identifier
    if isinstance(identifier, dict):
        return resolve_config(identifier, deserializer, kind)
    if isinstance(identifier, str):
        found = deserializer(identifier)
    if callable(found):
        return found() if isinstance(found, type) else found
    raise ValueError(f"Could not interpret {kind} identifier: {identifier}")


def resolve_config(config: dict[str, Any], deserializer: Callable[[Any], Any], kind: str) -> Any:
    """Deserializes a config.

    Raises:
        ValueError: If it is none, or names a class that is not known.
    """
    if "class_name" not in config:
        raise ValueError(f"Could not interpret {kind} identifier: {config}")
    try:
        return deserializer(config)
    except TypeError as error:
        # What the serialization module says of a class that it cannot find.
        if "Could not locate" in str(error):
            raise ValueError(f"Could not interpret {kind} identifier: {config}") from error
        raise
