"""How often predictions are right."""

from __future__ import annotations

from typing import ClassVar

from addax import ops
from addax.backend.config import floatx
from addax.losses.loss import squeeze_or_expand_to_same_rank
from addax.losses.regression import matched
from addax.metrics.reduction import NamedMeanMetric


def accuracy(y_true, y_pred):
    """1 where targets and predictions are equal, else 0; one value per element."""
    y_true, y_pred = matched(y_true, y_pred)
    return ops.cast(ops.equal(y_true, y_pred), floatx())


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where `y_pred > threshold` agrees with the target of 0 or 1; one value per element."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(
        ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    )
    said_yes = ops.cast(ops.greater(y_pred, threshold), y_true.dtype)
    return ops.cast(ops.equal(y_true, said_yes), floatx())


def categorical_accuracy(y_true, y_pred):
    """1 where the greatest prediction is at the greatest target; one value per sample."""
    chosen = ops.argmax(ops.convert_to_tensor(y_pred), axis=-1)
    wanted = ops.argmax(ops.convert_to_tensor(y_true), axis=-1)
    return ops.cast(ops.equal(chosen, wanted), floatx())


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the greatest prediction is at the class id; one value per sample.

    Args:
        y_true: Class ids, of the predictions' shape without the last axis or with 1 there.
        y_pred: Scores or probabilities; classes on the last axis.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    chosen = ops.cast(ops.argmax(y_pred, axis=-1), y_true.dtype)
    matches = ops.cast(ops.equal(y_true, chosen), floatx())
    if len(matches.shape) > 1 and matches.shape[-1] == 1:
        matches = ops.squeeze(matches, -1)
    return matches


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the class of a one-hot target is among the k greatest predictions; one per sample."""
    return sparse_top_k_categorical_accuracy(ops.argmax(y_true, axis=-1), y_pred, k=k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the class id is among the k greatest predictions; one value per sample.

    Args:
        y_true: Class ids, of the predictions' shape without the last axis.
        y_pred: Scores with classes on the last axis; or class ids, best first.
        k: How many predictions count.
        from_sorted_ids: Whether predictions are class ids.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    shape = ops.shape(y_true)
    ids = ops.reshape(y_true, (-1,))
    if len(y_pred.shape) > 2:
        y_pred = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
    if from_sorted_ids:
        ids = ops.expand_dims(ops.cast(ids, y_pred.dtype), axis=1)
        matches = ops.any(ops.equal(ids, y_pred[:, :k]), axis=1)
    else:
        matches = ops.in_top_k(ids, y_pred, k=k)
    matches = ops.cast(matches, floatx())
    return ops.reshape(matches, shape) if len(shape) > 1 else matches


class Accuracy(NamedMeanMetric):
    """How often predictions equal targets; see `accuracy`."""

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype=dtype)


class BinaryAccuracy(NamedMeanMetric):
    """How often thresholded predictions equal targets of 0 or 1; see `binary_accuracy`."""

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype=dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(NamedMeanMetric):
    """How often the greatest prediction is the one-hot target's; see `categorical_accuracy`."""

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype=dtype)


class SparseCategoricalAccuracy(NamedMeanMetric):
    """How often the greatest prediction is at the class id; see `sparse_categorical_accuracy`."""

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name=name, dtype=dtype)


class TopKCategoricalAccuracy(NamedMeanMetric):
    """How often the target is among the k best; see `top_k_categorical_accuracy`."""

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name=name, dtype=dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(NamedMeanMetric):
    """How often the class id is among the k best; see `sparse_top_k_categorical_accuracy`."""

    _left_out: ClassVar = {"from_sorted_ids": False}

    def __init__(
        self,
        k=5,
        name="sparse_top_k_categorical_accuracy",
        dtype=None,
        from_sorted_ids=False,
    ):
        super().__init__(
            sparse_top_k_categorical_accuracy,
            name=name,
            dtype=dtype,
            k=k,
            from_sorted_ids=from_sorted_ids,
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids
