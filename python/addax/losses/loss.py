"""The base class of losses, and how per-sample values become one number."""

from __future__ import annotations

from typing import Any

from addax import ops, tree
from addax.backend.config import floatx
from addax.backend.dtypes import standardize_dtype
from addax.backend.masking import get_keras_mask
from addax.backend.names import auto_name

REDUCTIONS = ("sum_over_batch_size", "sum", None, "none", "mean", "mean_with_sample_weight")


class Loss:
    """Maps targets and predictions to a loss: `loss(y_true, y_pred, sample_weight=None)`.

    A subclass implements `call(y_true, y_pred)`, which gives a value per sample (or per element).

    Args:
        name: Name of the loss; by default the class name in snake_case.
        reduction: `"sum_over_batch_size"` or `"mean"` (mean of all values), `"sum"`,
            `"mean_with_sample_weight"` (weighted sum over the sum of weights), `"none"` or `None`.
        dtype: A dtype or a dtype policy; targets and predictions are cast to it. By default floatx.

    Raises:
        ValueError: If the reduction is unknown.
    """

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or auto_name(self.__class__.__name__)
        self.reduction = standardize_reduction(reduction)
        self._dtype = compute_dtype_of(dtype)

    @property
    def dtype(self) -> str:
        return self._dtype

    def __call__(self, y_true, y_pred, sample_weight=None):
        """Returns the reduced loss.

        Args:
            y_true: Targets, a tensor or a structure of tensors.
            y_pred: Predictions; the mask on them (`_keras_mask`), if any, is applied.
            sample_weight: Weights, one per sample or of the shape of the values.
        """
        mask = get_keras_mask(y_pred)
        y_pred = tree.map_structure(lambda x: with_dtype(x, self.dtype), y_pred)
        y_true = tree.map_structure(lambda x: with_dtype(x, self.dtype), y_true)
        values = self.call(y_true, y_pred)
        own_mask = get_keras_mask(values)
        if mask is None:
            mask = own_mask
        elif own_mask is not None:
            mask = ops.logical_and(mask, own_mask)
        return reduce_weighted_values(
            values,
            sample_weight=sample_weight,
            mask=mask,
            reduction=self.reduction,
            dtype=self.dtype,
        )

    def call(self, y_true, y_pred):
        raise NotImplementedError(
            f"{self.__class__.__name__} must implement `call(y_true, y_pred)`."
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as a JSON-able dict."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)

    def _obj_type(self) -> str:
        return "Loss"


def standardize_reduction(reduction: str | None) -> str | None:
    """Returns the reduction, or raises ValueError when it is unknown."""
    if reduction not in REDUCTIONS:
        raise ValueError(
            "Invalid value for argument `reduction`. Expected one of "
            f"{set(REDUCTIONS)}. Received: reduction={reduction}"
        )
    return reduction


def compute_dtype_of(dtype: Any) -> str:
    """Returns the dtype to compute in for a dtype, a policy or `None` (floatx)."""
    if dtype is None:
        return floatx()
    if isinstance(dtype, str) and not dtype.startswith("mixed_"):
        return standardize_dtype(dtype)
    from addax import dtype_policies

    return dtype_policies.get(dtype).compute_dtype


def with_dtype(x: Any, dtype: str):
    """Converts to a tensor of the dtype, keeping the logits that an activation left on it."""
    tensor = ops.convert_to_tensor(x, dtype=dtype)
    logits = getattr(x, "_keras_logits", None)
    if logits is not None and tensor is not x:
        tensor._keras_logits = ops.cast(logits, dtype)
        tensor._keras_logits_of = getattr(x, "_keras_logits_of", None)
    return tensor


def squeeze_or_expand_to_same_rank(x1, x2, expand_rank_1=True):
    """Makes the ranks of two tensors equal when they differ by a last axis of length 1.

    The axis is taken from the tensor that has it, unless the other has rank 1, which then gets one
    (with `expand_rank_1`). Other differences stay.
    """
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, axis=-1)
        return ops.squeeze(x1, axis=-1), x2
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, axis=-1), x2
        return x1, ops.squeeze(x2, axis=-1)
    return x1, x2


def reduce_weighted_values(
    values, sample_weight=None, mask=None, reduction="sum_over_batch_size", dtype=None
):
    """Weights the values and reduces them.

    Args:
        values: Tensor, one value per sample or per element.
        sample_weight: Weights that broadcast to the values, or one per sample.
        mask: Boolean tensor; values where it is false count neither in the sum nor in the mean.
        reduction: One of `REDUCTIONS`.
        dtype: Dtype to reduce in.

    Returns:
        A scalar, or the weighted values for reduction `"none"` or `None`.

    Raises:
        ValueError: If the weights have more axes than the values.
    """
    reduction = standardize_reduction(reduction)
    values = ops.convert_to_tensor(values, dtype=dtype)
    weights = apply_mask(sample_weight, mask, dtype=values.dtype, reduction=reduction)
    if weights is not None:
        values, weights = squeeze_or_expand_to_same_rank(values, weights)
        # A loss that gives one number for the batch (Dice) is weighted with the mean weight.
        if len(weights.shape) > max(len(values.shape), 1):
            raise ValueError(
                "`sample_weight` has more axes than the loss has values. Received: "
                f"sample_weight.shape={tuple(weights.shape)}, values of shape "
                f"{tuple(values.shape)}"
            )
        while 1 <= len(weights.shape) < len(values.shape):
            weights = ops.expand_dims(weights, axis=-1)
        values = values * weights
    if reduction in (None, "none") or len(values.shape) == 0:
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        return ops.divide_no_nan(ops.sum(values), ops.sum(weights))
    return ops.mean(values)


def apply_mask(sample_weight, mask, dtype, reduction):
    """Combines weights and a mask into weights; `None` if there are neither.

    For the mean reductions the mask is scaled by elements / valid elements, so that a mean over all
    elements is the mean over the valid ones.
    """
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype=dtype)
    if mask is None:
        return sample_weight
    mask = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        mask = ops.divide_no_nan(mask, ops.mean(mask))
    if sample_weight is None:
        return mask
    mask, sample_weight = squeeze_or_expand_to_same_rank(mask, sample_weight)
    while 1 <= len(sample_weight.shape) < len(mask.shape):
        sample_weight = ops.expand_dims(sample_weight, axis=-1)
    return sample_weight * mask
