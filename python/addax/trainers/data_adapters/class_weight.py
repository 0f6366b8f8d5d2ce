"""Weights per class as weights per sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def class_weight_to_sample_weights(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """Weight of each sample by its class; classes that are not named weigh 1.

    Args:
        y: Class ids of shape `(n,)` or `(n, 1)`, or one-hot rows `(n, classes)`.
        class_weight: Dict from class id to weight.

    Returns:
        float32 array of shape `(n,)` (of `y`'s shape without its last axis, for one-hot sequences).

    Raises:
        ValueError: If `class_weight` is no dict, or a key no class id.
    """
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            "`class_weight` must be a dict from class ids to weights. Received: "
            f"class_weight={class_weight}"
        )
    y = np.asarray(y)
    if y.ndim > 1:
        y = np.argmax(y, axis=-1) if y.shape[-1] != 1 else y[..., 0]
    ids = np.round(y).astype("int64")
    weights = np.ones(ids.shape, dtype="float32")
    for class_id, weight in class_weight.items():
        try:
            weights[ids == int(class_id)] = weight
        except (TypeError, ValueError) as error:
            raise ValueError(
                "`class_weight` must be a dict from class ids to weights. Received: "
                f"class_weight={class_weight}"
            ) from error
    return weights


def with_class_weight(y: Any, sample_weight: Any, class_weight: Mapping | None) -> Any:
    """The sample weights that a class weight means; the given ones without one.

    Raises:
        ValueError: If both are given or there are several outputs.
    """
    if class_weight is None:
        return sample_weight
    if sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    if isinstance(y, (list, tuple, dict)):
        raise ValueError("`class_weight` is only supported for Models with a single output.")
    return class_weight_to_sample_weights(y, class_weight)
