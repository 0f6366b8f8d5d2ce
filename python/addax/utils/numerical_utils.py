"""One-hot encoding of labels and normalization of arrays, in NumPy."""

from __future__ import annotations

from typing import Any


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One-hot matrix of class ids.

    Args:
        x: Class ids from 0, array-like of any shape; a last axis of length 1 is dropped.
        num_classes: Number of classes, the largest id + 1 if `None`.

    Returns:
        A float64 array of shape `x.shape + (num_classes,)`; a tensor (float32) if `x` is a tensor.

    Raises:
        IndexError: If an id is not below `num_classes`.
        ValueError: If an id is no whole number or less than `-num_classes`.
    """
    from addax.backend.keras_tensor import KerasTensor
    from addax.backend.tensor import is_tensor

    if isinstance(x, KerasTensor) or is_tensor(x):
        return _one_hot_of_tensor(x, num_classes)
    import numpy as np

    ids = np.asarray(x)
    if ids.dtype.kind == "f" and not np.all(np.isfinite(ids)):
        raise ValueError("`to_categorical` needs class ids, but `x` holds NaN or infinity.")
    ids = ids.astype("int64")
    if ids.ndim > 1 and ids.shape[-1] == 1:
        ids = ids[..., 0]
    if num_classes is None:
        num_classes = int(ids.max()) + 1 if ids.size else 0
    if ids.size and not -num_classes <= ids.min() <= ids.max() < num_classes:
        bad = ids.max() if ids.max() >= num_classes else ids.min()
        raise IndexError(f"index {bad} is out of bounds for axis 1 with size {num_classes}")
    categorical = np.zeros((ids.size, num_classes))
    categorical[np.arange(ids.size), ids.ravel()] = 1
    return categorical.reshape(*ids.shape, num_classes)


def _one_hot_of_tensor(x: Any, num_classes: int | None) -> Any:
    from addax import ops

    if len(x.shape) > 1 and x.shape[-1] == 1:
        x = ops.squeeze(x, -1)
    if num_classes is None:
        num_classes = int(ops.max(x)) + 1
    return ops.one_hot(x, num_classes)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Divides an array by its norm along an axis; zero vectors stay zero.

    Args:
        x: Array-like or tensor.
        axis: Axis along which the norm is taken.
        order: Order of the norm, 2 for the Euclidean one.

    Returns:
        A NumPy array, or a tensor if `x` is one.
    """
    import numpy as np

    if not isinstance(x, np.ndarray):
        from addax.backend.keras_tensor import KerasTensor
        from addax.backend.tensor import is_tensor

        if isinstance(x, KerasTensor) or is_tensor(x):
            from addax import ops

            return ops.normalize(x, axis=axis, order=order)
    array = np.asarray(x)
    norm = np.atleast_1d(np.linalg.norm(array, order, axis))
    norm[norm == 0] = 1
    return array / np.expand_dims(norm, axis) if array.ndim > 1 else array / norm
