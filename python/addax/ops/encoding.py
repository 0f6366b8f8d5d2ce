"""Integers as vectors of zeros and ones."""

from __future__ import annotations

from typing import Any

from addax.backend.dtypes import FLOAT_TYPES, standardize_dtype
from addax.backend.tensor import cast, convert_to_tensor
from addax.ops.door import core, normalize_axis, op


@op
def one_hot(
    x: Any, num_classes: Any, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """1 at the place of each index along a new axis, 0 elsewhere; all 0 for indices out of range.

    Args:
        x: Integer tensor.
        num_classes: Length of the new axis.
        axis: Its place in the result.
        dtype: Dtype of the result, `floatx()` if `None`.
        sparse: Kept for Keras's signature; the result is dense.
    """
    x = convert_to_tensor(x)
    if x.dtype in FLOAT_TYPES or x.dtype in ("bool", "uint8"):
        x = cast(x, "int32")
    place = normalize_axis(axis, x.ndim + 1)
    return core("one_hot")(x, depth=num_classes, axis=place, dtype=standardize_dtype(dtype))


@op
def multi_hot(
    inputs: Any,
    num_classes: Any = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Any:
    """1 at the places of all indices of a sample: `(batch, n)` → `(batch, num_classes)`.

    Args:
        inputs: Integer tensor.
        num_classes: Length of the result's axis.
        axis: Its place before the indices of a sample are joined.
        dtype: Dtype of the result, `floatx()` if `None`.
        sparse: Kept for Keras's signature; the result is dense.
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified.")
    x = convert_to_tensor(inputs)
    hot = one_hot(x, num_classes, axis, dtype)
    if x.ndim == 0:
        return hot
    return core("max")(hot, axes=[1 if x.ndim > 1 else 0], keepdims=False)
