"""The one table of what a config may name: the public classes and functions of the package.

`module` in a config says which row of the table is meant; it is compared, never imported.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

# Kind of object -> the module whose public names are meant.
_MODULES = {
    "layers": "addax.layers",
    "initializers": "addax.initializers",
    "regularizers": "addax.regularizers",
    "constraints": "addax.constraints",
    "losses": "addax.losses",
    "metrics": "addax.metrics",
    "optimizers": "addax.optimizers",
    "schedules": "addax.optimizers.schedules",
    "activations": "addax.activations",
    "dtype_policies": "addax.dtype_policies",
    "random": "addax.random",
}
# Names that TensorFlow.js and old Keras have for a class.
_OTHER_NAMES = {
    "initializers": {
        "LeCunNormal": "LecunNormal",
        "LeCunUniform": "LecunUniform",
        "IdentityInitializer": "Identity",
        "OrthogonalInitializer": "Orthogonal",
    },
    "layers": {
        "ReLu": "ReLU",
        "GroupedQueryAttention": "GroupQueryAttention",
        "Convolution1D": "Conv1D",
        "Convolution2D": "Conv2D",
        "Convolution3D": "Conv3D",
        "BatchNormalizationV1": "BatchNormalization",
        "BatchNormalizationV2": "BatchNormalization",
        "LayerNormalizationV1": "LayerNormalization",
    },
}
_RANDOM_IMAGES = (
    "images are not changed at random here. Change them before training and take the layer out of "
    "the model (in prediction all but RandomCrop, a CenterCrop then, pass images on), or pass a "
    "class of your own in `custom_objects`."
)
_STRINGS = (
    "tensors hold numbers, no text. Turn text into numbers before, and take the layer out of the "
    "model."
)
# Classes that are known and not supported, and why.
_REFUSED = {
    "RandomWidth": (
        "it gives images of another, random width at each call, while the shapes of a model here "
        "follow from those of its inputs. Take it out of the model and resize the images before."
    ),
    **dict.fromkeys(
        (
            *("RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight"),
            *("RandomRotation", "RandomTranslation", "RandomZoom"),
        ),
        _RANDOM_IMAGES,
    ),
    **dict.fromkeys(("Hashing", "HashedCrossing", "StringLookup", "TextVectorization"), _STRINGS),
}
_PACKAGES = frozenset(("keras", "addax", "tf_keras", "tensorflow", "tensorflow_core"))
# Where a bare class name, as in Keras 2 and TensorFlow.js files, is looked for, in this order.
_ORDER = (
    "models",
    "layers",
    "initializers",
    "regularizers",
    "constraints",
    "optimizers",
    "schedules",
    "losses",
    "metrics",
    "dtype_policies",
    "random",
)


@cache
def classes(kind: str) -> dict[str, type]:
    """The public classes of one kind ("layers", "optimizers", …) by name."""
    if kind == "models":
        from addax.models.functional import Functional
        from addax.models.model import Model
        from addax.models.sequential import Sequential

        # Keras 2 and TensorFlow.js call a functional model "Model".
        return {"Sequential": Sequential, "Functional": Functional, "Model": Model}
    if kind == "ops":
        from addax.ops.operation import FunctionOperation

        return {"FunctionOperation": FunctionOperation}
    module = importlib.import_module(_MODULES[kind])
    found = {
        name: value for name in module.__all__ if isinstance(value := getattr(module, name), type)
    }
    for other, name in _OTHER_NAMES.get(kind, {}).items():
        if name in found:
            found.setdefault(other, found[name])
    return found


@cache
def functions(kind: str) -> dict[str, Any]:
    """The public functions of one kind by name."""
    module = importlib.import_module(_MODULES[kind])
    hidden = {"get", "serialize", "deserialize"}
    return {
        name: value
        for name in module.__all__
        if name not in hidden
        and callable(value := getattr(module, name))
        and not isinstance(value, type)
    }


def find_class(module: str | None, name: str) -> type | None:
    """The built-in class that a config names by `module` and `class_name`; `None` if unknown."""
    kinds = kinds_of(module)
    for kind in kinds:
        found = classes(kind).get(name)
        if found is not None:
            return found
    return None


def refusal(class_name: str) -> str | None:
    """Why a class of Keras or TensorFlow.js is not supported; `None` for others."""
    reason = _REFUSED.get(class_name)
    return reason and f"Layer class '{class_name}' is not supported: {reason}"


def find_function(name: str) -> Any:
    """The built-in function of that name: activation, loss, metric, regularizer, operation."""
    for kind in ("activations", "losses", "metrics", "regularizers"):
        found = functions(kind).get(name)
        if found is not None:
            return found
    if name in ("hard_sigmoid_of_keras_2", "gelu_by_tanh"):
        from addax.saving import keras2

        return getattr(keras2, name)
    return op_functions().get(name)


def kinds_of(module: str | None) -> tuple[str, ...]:
    """The kinds of object that a config's `module` may mean; none for a foreign module.

    `keras.layers`, `keras.src.layers.core.dense` and `tensorflow.python.keras.layers` are all
    "layers"; no module at all may be any kind.
    """
    if not module:
        return _ORDER
    parts = module.split(".")
    if parts[0] not in _PACKAGES:
        return ()
    if "schedules" in parts or "learning_rate_schedule" in parts:
        return ("schedules",)
    for part in parts[1:]:
        if part in _MODULES or part in ("models", "ops"):
            return ("models", part) if part == "layers" else (part,)
        if part == "engine":
            return ("models", "layers")
    return ("models", "dtype_policies", "layers")


@cache
def _places() -> dict[type, tuple[str, str]]:
    """For each built-in class, `module` and `class_name` as Keras writes them."""
    places: dict[type, tuple[str, str]] = {}
    for kind in ("layers", "initializers", "regularizers", "constraints", "optimizers"):
        _add_places(places, kind, f"keras.{kind}")
    _add_places(places, "schedules", "keras.optimizers.schedules")
    for kind in ("losses", "metrics", "random"):
        _add_places(places, kind, f"keras.{kind}")
    for name, cls in classes("models").items():
        module = "keras.src.models.functional" if name == "Functional" else "keras"
        places[cls] = (module, name)
    for name, cls in classes("ops").items():
        places[cls] = ("addax.ops", name)
    _add_places(places, "dtype_policies", "keras.dtype_policies")
    places[classes("dtype_policies")["DTypePolicy"]] = ("keras", "DTypePolicy")
    return places


def _add_places(places: dict[type, tuple[str, str]], kind: str, module: str) -> None:
    for name, cls in classes(kind).items():
        if cls.__name__ == name or cls not in places:
            places[cls] = (module, cls.__name__)


def place_of(cls: type) -> tuple[str, str] | None:
    """`module` and `class_name` of a built-in class; `None` for others."""
    if not cls.__module__.startswith("addax."):
        return None
    return _places().get(cls)


@cache
def op_functions() -> dict[str, Any]:
    """The functions of `addax.ops` by name, those of namespaces as "image.resize" too."""
    from addax import ops, random

    found = {name: getattr(ops, name) for name in ops.__all__ if callable(getattr(ops, name))}
    namespaces = {name: getattr(ops, name) for name in ("image", "linalg", "nn", "numpy")}
    for namespace, module in {**namespaces, "random": random}.items():
        for name in module.__all__:
            found.setdefault(f"{namespace}.{name}", getattr(module, name))
    return found


def op_function(name: str) -> Any:
    """The function of `addax.ops` that a config names.

    Raises:
        ValueError: If there is none.
    """
    found = op_functions().get(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(f"There is no operation '{name}' in `ops`.")
    return found


def op_from_keras(class_name: str, config: dict[str, Any]) -> Any:
    """A `FunctionOperation` for an operation of a Keras 3 file (class "Sum", config its arguments).

    Returns:
        It, or `None` if there is no such function.
    """
    from addax.backend.names import to_snake_case
    from addax.ops.operation import FunctionOperation

    name = to_snake_case(class_name)
    if name not in op_functions():
        return None
    arguments = {k: v for k, v in config.items() if k not in ("name", "dtype", "trainable")}
    if config.get("dtype") is not None and isinstance(config["dtype"], str):
        arguments["dtype"] = config["dtype"]
    return FunctionOperation(name, arguments=arguments, node_name=config.get("name"))
