"""The mask that a tensor carries from layer to layer."""

from __future__ import annotations

from typing import Any


def get_keras_mask(x: Any) -> Any:
    """The mask of a tensor, `None` when it has none."""
    return getattr(x, "_keras_mask", None)


def set_keras_mask(x: Any, mask: Any) -> None:
    """Puts a mask on a tensor; things that cannot carry one stay as they are."""
    try:
        x._keras_mask = mask
    except AttributeError:
        if mask is None:
            return
        raise
