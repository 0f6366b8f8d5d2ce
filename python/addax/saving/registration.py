"""Names under which users' own classes and functions stand in configs."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from typing import Any

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}


class _Scopes(threading.local):
    objects: dict[str, Any] | None = None


_scopes = _Scopes()


class CustomObjectScope:
    """Makes custom classes and functions known while it is open, under the names given.

    Args:
        custom_objects: Dict from name to class or function.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None):
        self.custom_objects = dict(custom_objects or {})
        self._outer: list[dict[str, Any] | None] = []

    def __enter__(self) -> CustomObjectScope:
        self._outer.append(_scopes.objects)
        _scopes.objects = {**(_scopes.objects or {}), **self.custom_objects}
        return self

    def __exit__(self, *exception: object) -> None:
        _scopes.objects = self._outer.pop()


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """The registered custom objects by name; entries may be added and removed."""
    return _registered


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable:
    """Decorator that registers a class or function as `package>name`, for saving and loading.

    Args:
        package: The first part of the name.
        name: The second part; the object's own name if `None`.

    Raises:
        ValueError: If a class has no `get_config` method.
    """

    def decorator(obj: Any) -> Any:
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError("Cannot register a class that does not have a get_config() method.")
        registered_name = f"{package}>{name or obj.__name__}"
        _registered[registered_name] = obj
        _names[obj] = registered_name
        return obj

    return decorator


def get_registered_name(obj: Any) -> str:
    """The name that a class or function is registered under; its own name if it is not."""
    try:
        return _names.get(obj) or obj.__name__
    except TypeError:  # not hashable
        return obj.__name__


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The class or function of that name: in open scopes, registered, or in the dicts given.

    Returns:
        It, or `None`.
    """
    for objects in (_scopes.objects, _registered, custom_objects, module_objects):
        if objects and name in objects:
            return objects[name]
    return None
