"""Published architectures. Public names are those of `keras.applications`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from addax.applications import imagenet_utils, xception
    from addax.applications.xception import Xception

_MODULES = ("imagenet_utils", "xception")
_MODELS = {"Xception": "addax.applications.xception"}

__all__ = ["Xception", "imagenet_utils", "xception"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"addax.applications.{name}")
    if name in _MODELS:
        return getattr(importlib.import_module(_MODELS[name]), name)
    raise AttributeError(f"module 'addax.applications' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
