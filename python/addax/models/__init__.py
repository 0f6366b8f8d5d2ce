"""Models. Public names are those of `keras.models`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from addax.models.cloning import clone_model
from addax.models.function import Function as Function
from addax.models.functional import Functional as Functional
from addax.models.model import Model, model_from_json
from addax.models.sequential import Sequential

if TYPE_CHECKING:
    from addax.saving import load_model, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


def __getattr__(name: str) -> Any:
    # Readers and writers of files are imported when they are first asked for.
    if name in ("load_model", "save_model"):
        from addax import saving

        return getattr(saving, name)
    raise AttributeError(f"module 'addax.models' has no attribute {name!r}")
