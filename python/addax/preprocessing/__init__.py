"""Keras's older home of tools for data."""

from __future__ import annotations

import importlib

_MODULES = ("image", "sequence")
_MODULE_OF = {
    "image_dataset_from_directory": "addax.utils.directory_datasets",
    "text_dataset_from_directory": "addax.utils.directory_datasets",
    "timeseries_dataset_from_array": "addax.utils.timeseries_dataset_utils",
}

__all__ = sorted([*_MODULES, *_MODULE_OF])


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"addax.preprocessing.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'addax.preprocessing' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
