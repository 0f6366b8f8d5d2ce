"""Keras, small and native.

`import addax as keras` gives Keras 3's names. Nothing heavy is imported before it is used: modules
and classes load at first access.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # type checkers know the name; `typing` takes longer than all else here

__version__ = "0.1.0"

_MODULES = frozenset(
    (
        "activations",
        "applications",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "datasets",
        "dtype_policies",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "mixed_precision",
        "models",
        "ops",
        "optimizers",
        "preprocessing",
        "random",
        "regularizers",
        "saving",
        "tree",
        "utils",
    )
)

# Public name → the module that defines it.
_NAMES = {
    "DTypePolicy": "addax.dtype_policies",
    "FloatDTypePolicy": "addax.dtype_policies",
    "Function": "addax.models",
    "GradientTape": "addax.gradient_tape",
    "Initializer": "addax.initializers",
    "Input": "addax.layers",
    "InputSpec": "addax.layers",
    "KerasTensor": "addax.backend",
    "Layer": "addax.layers",
    "Loss": "addax.losses",
    "Metric": "addax.metrics",
    "Model": "addax.models",
    "Operation": "addax.ops.operation",
    "Optimizer": "addax.optimizers",
    "Regularizer": "addax.regularizers",
    "Sequential": "addax.models",
    "StatelessScope": "addax.backend",
    "Variable": "addax.backend",
    "device": "addax.backend",
    "name_scope": "addax.backend",
}

if TYPE_CHECKING:
    from addax import (
        activations,
        applications,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        dtype_policies,
        initializers,
        layers,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        tree,
        utils,
    )
    from addax.backend import KerasTensor, Variable, name_scope
    from addax.dtype_policies import DTypePolicy, FloatDTypePolicy
    from addax.gradient_tape import GradientTape
    from addax.initializers import Initializer
    from addax.layers import Input, InputSpec, Layer
    from addax.losses import Loss
    from addax.metrics import Metric
    from addax.models import Model, Sequential
    from addax.ops.operation import Operation
    from addax.optimizers import Optimizer
    from addax.regularizers import Regularizer


def version() -> str:
    """The version, as `__version__`."""
    return __version__


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"addax.{name}")
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'addax' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*_MODULES, *_NAMES, "__version__", "version"})
