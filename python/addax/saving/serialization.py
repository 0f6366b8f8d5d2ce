"""Objects to configs of plain values, and back.

Reading never runs code from the config and imports nothing that it names: built-in classes are
found in one table (`registry`), others by the name that the caller registered or passes.
"""

from __future__ import annotations

import threading
import types
import warnings
from collections.abc import Mapping
from typing import Any

from addax.backend.warning import warn
from addax.saving import registry
from addax.saving.registration import (
    CustomObjectScope,
    get_registered_name,
    get_registered_object,
)

_PLAIN = (str, int, float, bool, type(None))
# A config nests an object per model and wrapper, a container per list and dict.
_DEEPEST_OBJECT = 64
_DEEPEST_CONTAINER = 128
_SHOWN_CONFIG = 500
# What classes raise for a config that makes no sense; a ValueError or TypeError says so itself.
MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
)


class _State(threading.local):
    depth = 0
    containers = 0
    shared: dict[Any, Any] | None = None


_state = _State()


def enable_unsafe_deserialization() -> None:
    """Does nothing but say so: there is no way to run code from a file.

    Functions that a file names are passed in `custom_objects` or registered instead.
    """
    warnings.warn(
        "Addax never runs Python code from a file, so there is nothing to enable. Pass the "
        "functions that the file names in `custom_objects`, or register them with "
        "`@saving.register_keras_serializable()`.",
        stacklevel=2,
    )


def in_safe_mode() -> bool:
    """Whether code in files is refused: always."""
    return True


# Writing


def serialize_keras_object(obj: Any) -> Any:
    """The config of an object: plain values, lists and dicts that `deserialize_keras_object` reads.

    Objects with `get_config` become `{"module", "class_name", "config", "registered_name"}`, built
    layers with `build_config` and compiled models with `compile_config` in addition. Functions
    are written by name.

    Raises:
        ValueError: If the object has no config.
    """
    if isinstance(obj, bool) or obj is None or type(obj) in (str, int, float):
        return obj
    if isinstance(obj, (list, tuple)):
        parts = [serialize_keras_object(x) for x in obj]
        return tuple(parts) if type(obj) is tuple else parts
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    special = _special_config(obj)
    if special is not None:
        return special
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
        return _function_config(obj)
    if isinstance(obj, type):
        return _named("function", get_registered_name(obj))
    if not hasattr(obj, "get_config"):
        if callable(obj) and hasattr(obj, "__name__"):
            return _named("function", get_registered_name(obj))
        raise ValueError(
            f"Cannot serialize object {obj} of type {type(obj)}: it has no `get_config()` method."
        )
    return _object_config(obj)


def _object_config(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    place = registry.place_of(cls)
    module: str | None
    if place is not None:
        module, class_name = place
        registered_name = None
    else:
        module = cls.__module__ if cls.__module__ not in ("__main__", "builtins") else None
        class_name, registered_name = cls.__name__, get_registered_name(cls)
    config = {
        "module": module,
        "class_name": class_name,
        "config": _plain_config(obj),
        "registered_name": registered_name,
    }
    if getattr(obj, "built", False) and hasattr(obj, "get_build_config"):
        build_config = obj.get_build_config()
        if build_config is not None:
            config["build_config"] = serialize_keras_object(build_config)
    if getattr(obj, "compiled", False) and hasattr(obj, "get_compile_config"):
        compile_config = obj.get_compile_config()
        if compile_config is not None:
            config["compile_config"] = serialize_keras_object(compile_config)
    return config


def _plain_config(obj: Any) -> dict[str, Any]:
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(
            f"`get_config()` of {obj} must return a dict. Received: {config} of type {type(config)}"
        )
    return serialize_keras_object(config)


def _function_config(function: Any) -> dict[str, Any]:
    name = get_registered_name(function)
    if name == "<lambda>":
        warn(
            "The object being serialized includes a `lambda`, whose code is not written. To "
            "reload the object, pass the function in `custom_objects`; better use a named Python "
            "function."
        )
        return {"class_name": "__lambda__", "config": {"value": None}}
    return _named("function", name)


def _named(class_name: str, name: str) -> dict[str, Any]:
    return {
        "module": "builtins",
        "class_name": class_name,
        "config": name,
        "registered_name": "function",
    }


def _special_config(obj: Any) -> Any:
    from addax.backend.keras_tensor import KerasTensor
    from addax.backend.tensor import is_tensor

    if isinstance(obj, KerasTensor):
        history = getattr(obj, "_keras_history", None)
        config: dict[str, Any] = {"shape": list(obj.shape), "dtype": obj.dtype}
        if history is not None:
            config["keras_history"] = [
                history.operation.name,
                history.node_index,
                history.tensor_index,
            ]
        return {"class_name": "__keras_tensor__", "config": config}
    if is_tensor(obj):
        return _array_config("__tensor__", obj.numpy())
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("latin-1")}}
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {
            "class_name": "__slice__",
            "config": {k: serialize_keras_object(v) for k, v in parts.items()},
        }
    if isinstance(obj, type(Ellipsis)):
        return {"class_name": "__ellipsis__", "config": {}}
    if type(obj).__module__ == "numpy":
        import numpy as np

        if isinstance(obj, np.generic):
            return obj.item()
        if isinstance(obj, np.ndarray):
            return _array_config("__numpy__", obj)
        if isinstance(obj, np.dtype):
            return obj.name
    if hasattr(obj, "dtype") and hasattr(obj, "__array__") and not hasattr(obj, "get_config"):
        import numpy as np

        return _array_config("__numpy__", np.asarray(obj))
    return None


def _array_config(class_name: str, array: Any) -> dict[str, Any]:
    return {
        "class_name": class_name,
        "config": {"value": array.tolist(), "dtype": array.dtype.name},
    }


# Reading


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    *,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The object of a config that `serialize_keras_object` or Keras wrote.

    Args:
        config: Plain value, list, or dict.
        custom_objects: Users' classes and functions by name.
        safe_mode: Kept for Keras's signature; code in configs is refused in any case.
        module_objects: Where names without a module are looked for first.

    Raises:
        TypeError: If a class or function is not known, or refuses its config.
        ValueError: If the config is malformed, nested too deeply, or contains code.
    """
    if isinstance(config, str):
        found = get_registered_object(config, custom_objects, module_objects)
        return config if found is None else found
    if isinstance(config, _PLAIN):
        return config
    if isinstance(config, (list, tuple)):
        with _container():
            return type(config)(
                deserialize_keras_object(x, custom_objects, module_objects=module_objects)
                for x in config
            )
    if not isinstance(config, dict):
        raise TypeError(f"Could not parse config: {config!r} of type {type(config)}")
    if "class_name" not in config or "config" not in config:
        with _container():
            return {
                key: deserialize_keras_object(x, custom_objects, module_objects=module_objects)
                for key, x in config.items()
            }
    class_name = config["class_name"]
    if not isinstance(class_name, str):
        raise ValueError(f"`class_name` in a config must be a string. Received: {_shown(config)}")
    if class_name.startswith("__") and class_name in _SPECIAL:
        return _special_object(class_name, config["config"])
    if class_name == "__lambda__":
        raise ValueError(
            "The config contains a `lambda`, that is Python code, which is never run. Pass the "
            "function in `custom_objects` under the name of the layer that has it, or use a named "
            "function."
        )
    if class_name == "function":
        return _find_function(config, custom_objects)
    return _deserialize_object(config, custom_objects, module_objects)


def _deserialize_object(config: dict, custom_objects: Any, module_objects: Any) -> Any:
    shared_id = _shared_id(config)
    outermost = _state.shared is None
    shared: dict[Any, Any] = {} if _state.shared is None else _state.shared
    if shared_id is not None and shared_id in shared:
        return shared[shared_id]
    if _state.depth >= _DEEPEST_OBJECT:
        raise ValueError(f"The config nests objects more than {_DEEPEST_OBJECT} deep.")
    _state.depth += 1
    _state.shared = shared
    # Containers are counted anew inside each object: depths multiply, both bounded.
    containers, _state.containers = _state.containers, 0
    try:
        instance = _make(config, custom_objects, module_objects)
        if shared_id is not None:
            shared[shared_id] = instance
        return instance
    finally:
        _state.depth -= 1
        _state.containers = containers
        if outermost:
            _state.shared = None


def _make(config: dict, custom_objects: Any, module_objects: Any) -> Any:
    class_name, inner = config["class_name"], config["config"]
    module = config.get("module")
    if module is not None and not isinstance(module, str):
        raise ValueError(f"`module` in a config must be a string. Received: {_shown(config)}")
    cls = _find_class(config, module, class_name, custom_objects, module_objects)
    if cls is None and module and "ops" in registry.kinds_of(module) and isinstance(inner, dict):
        operation = registry.op_from_keras(class_name, inner)
        if operation is not None:
            return operation
    if cls is None:
        refusal = registry.refusal(class_name)
        if refusal is not None:
            raise ValueError(refusal)
        raise TypeError(
            f"Could not locate class '{class_name}'. Make sure custom classes and functions are "
            "decorated with `@keras.saving.register_keras_serializable()`, and imported before "
            f"loading; or pass them in `custom_objects`. Full object config: {_shown(config)}"
        )
    if not isinstance(cls, type):
        # A function under its own name, as some files write activations and losses.
        return cls
    if not hasattr(cls, "from_config"):
        raise TypeError(f"Class '{class_name}' has no `from_config()` method.")
    if not isinstance(inner, dict) and not (isinstance(inner, list) and class_name == "Sequential"):
        raise ValueError(f"`config` of '{class_name}' must be a dict. Received: {_shown(inner)}")
    with CustomObjectScope(custom_objects):
        try:
            instance = cls.from_config(inner)
            _build_and_compile(instance, config, class_name)
        except TypeError as error:
            raise TypeError(
                f"{cls} could not be deserialized properly. Please ensure that components that are "
                "Python object instances (layers, models, etc.) returned by `get_config()` are "
                "explicitly deserialized in the model's `from_config()` method.\n\n"
                f"config={_shown(config)}.\n\nException encountered: {error}"
            ) from error
        except MALFORMED as error:
            raise ValueError(
                f"The config of '{class_name}' is malformed: {type(error).__name__}: {error}. "
                f"config={_shown(config)}"
            ) from error
    return instance


def _build_and_compile(instance: Any, config: dict, class_name: str) -> None:
    build_config = config.get("build_config")
    if build_config and not getattr(instance, "built", True):
        if not isinstance(build_config, dict):
            raise ValueError(f"`build_config` of '{class_name}' must be a dict.")
        instance.build_from_config(build_config)
    compile_config = config.get("compile_config")
    if compile_config and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(compile_config)


def _find_class(
    config: dict, module: str | None, class_name: str, custom_objects: Any, module_objects: Any
) -> Any:
    for name in (config.get("registered_name"), class_name):
        if isinstance(name, str):
            found = get_registered_object(name, custom_objects)
            if found is not None:
                return found
    # A bare entry `package>Name` may have been given without its package.
    if ">" in class_name:
        found = get_registered_object(class_name.rpartition(">")[2], custom_objects)
        if found is not None:
            return found
    if not module and module_objects and class_name in module_objects:
        return module_objects[class_name]
    return registry.find_class(module, class_name)


def _find_function(config: dict, custom_objects: Any) -> Any:
    name = config["config"]
    if isinstance(name, dict):
        name = name.get("name") or name.get("value")
    if not isinstance(name, str):
        raise ValueError(f"The config of a function must be its name. Received: {_shown(config)}")
    for candidate in (name, name.rpartition(">")[2]):
        found = get_registered_object(candidate, custom_objects)
        if found is not None:
            return found
    found = registry.find_function(name)
    if found is None:
        raise TypeError(
            f"Could not locate function '{name}'. Make sure custom classes and functions are "
            "decorated with `@keras.saving.register_keras_serializable()`, and imported before "
            f"loading; or pass them in `custom_objects`. Full object config: {_shown(config)}"
        )
    return found


def _shared_id(config: dict) -> tuple | None:
    shared = config.get("shared_object_id")
    if shared is None and isinstance(config.get("config"), dict):
        shared = config["config"].get("shared_object_id")  # Keras 2
    return (config["class_name"], shared) if isinstance(shared, (int, str)) else None


class _container:
    def __enter__(self) -> None:
        if _state.containers >= _DEEPEST_CONTAINER:
            raise ValueError(f"The config is nested more than {_DEEPEST_CONTAINER} deep.")
        _state.containers += 1

    def __exit__(self, *exception: object) -> None:
        _state.containers -= 1


def _special_object(class_name: str, config: Any) -> Any:
    if not isinstance(config, dict):
        raise ValueError(f"`config` of '{class_name}' must be a dict. Received: {_shown(config)}")
    try:
        with _container():
            return _SPECIAL[class_name](config)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(
            f"The config of '{class_name}' is malformed: {type(error).__name__}: {error}. "
            f"config={_shown(config)}"
        ) from error


def _array_of(config: Any) -> Any:
    import numpy as np

    dtype = config.get("dtype", "float32")
    if not isinstance(dtype, str) or dtype not in _ARRAY_DTYPES:
        raise ValueError(f"An array in the config has the unknown dtype {dtype!r}.")
    return np.array(config["value"], dtype=dtype)


_ARRAY_DTYPES = frozenset(
    (
        "bool",
        *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
        *(f"float{bits}" for bits in (16, 32, 64)),
    )
)


def _tensor_of(config: Any) -> Any:
    from addax.backend.tensor import convert_to_tensor

    return convert_to_tensor(_array_of(config))


def _keras_tensor_of(config: Any) -> Any:
    from addax.backend.keras_tensor import KerasTensor

    return KerasTensor(config["shape"], dtype=config["dtype"])


def _bytes_of(config: Any) -> Any:
    return str(config["value"]).encode("latin-1")


def _slice_of(config: Any) -> Any:
    parts = [config.get(name) for name in ("start", "stop", "step")]
    return slice(*(deserialize_keras_object(part) for part in parts))


def _tuple_of(config: Any) -> Any:
    return tuple(deserialize_keras_object(x) for x in config["value"])


_SPECIAL = {
    "__numpy__": _array_of,
    "__tensor__": _tensor_of,
    "__keras_tensor__": _keras_tensor_of,
    "__bytes__": _bytes_of,
    "__slice__": _slice_of,
    "__tuple__": _tuple_of,
    "__ellipsis__": lambda config: Ellipsis,
    # JSON has no infinities and no NaN.
    "__float__": lambda config: float(str(config["value"])),
}


def _shown(config: Any) -> str:
    text = repr(config)
    return text if len(text) <= _SHOWN_CONFIG else text[: _SHOWN_CONFIG - 3] + "..."
