"""Small public data sets, downloaded once into Keras's cache folder."""

from __future__ import annotations

import importlib

_MODULES = (
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "fashion_mnist",
    "imdb",
    "mnist",
    "reuters",
)

__all__ = list(_MODULES)


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"addax.datasets.{name}")
    raise AttributeError(f"module 'addax.datasets' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
