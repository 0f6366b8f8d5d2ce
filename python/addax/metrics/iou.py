"""Intersection over union of classes."""

from __future__ import annotations

import warnings
from typing import Any

from addax import ops
from addax.backend.config import epsilon
from addax.metrics.metric import Metric


class _ConfusionMatrix(Metric):
    """Adds up a matrix with a row per true class and a column per predicted class.

    Args:
        num_classes: Number of classes; other ids are left out.
        name, dtype: See `Metric`; the counts are int32 by default.
        ignore_class: Class id of targets to leave out.
        sparse_y_true: Whether targets are class ids; else the greatest along `axis` is taken.
        sparse_y_pred: Whether predictions are class ids; else the greatest along `axis` is taken.
        axis: Axis of the classes.
    """

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        self._direction = "up"
        self.num_classes = num_classes
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable(
            name="total_confusion_matrix",
            shape=(num_classes, num_classes),
            initializer="zeros",
            dtype=self.dtype,
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = self._class_ids(y_true, self.sparse_y_true)
        y_pred = self._class_ids(y_pred, self.sparse_y_pred)
        weights = self._weights(sample_weight, y_true)
        valid = ops.logical_and(self._in_range(y_true), self._in_range(y_pred))
        if self.ignore_class is not None:
            valid = ops.logical_and(valid, ops.not_equal(y_true, self.ignore_class))
        cells = ops.where(valid, y_true * self.num_classes + y_pred, ops.zeros_like(y_true))
        weights = ops.where(valid, weights, ops.zeros_like(weights))
        counts = ops.segment_sum(weights, cells, num_segments=self.num_classes**2)
        self.total_cm.assign_add(ops.reshape(counts, (self.num_classes, self.num_classes)))

    def _class_ids(self, y, sparse: bool):
        y = ops.convert_to_tensor(y)
        if not sparse:
            y = ops.argmax(y, axis=self.axis)
        return ops.reshape(ops.cast(y, "int32"), (-1,))

    def _in_range(self, ids):
        return ops.logical_and(ops.greater_equal(ids, 0), ops.less(ids, self.num_classes))

    def _weights(self, sample_weight, like):
        if sample_weight is None:
            return ops.ones_like(like, dtype=self.dtype)
        sample_weight = ops.convert_to_tensor(sample_weight)
        if "float" in sample_weight.dtype and "int" in self.dtype:
            warnings.warn(
                "You are passing weight as `float`, but dtype is `int`. "
                "This may result in an incorrect weight due to type casting "
                "Consider using integer weights.",
                stacklevel=3,
            )
        weights = ops.cast(sample_weight, self.dtype)
        if len(weights.shape) > 1:
            weights = ops.reshape(weights, (-1,))
        return ops.broadcast_to(weights, ops.shape(like))

    def reset_state(self):
        self.total_cm.assign(ops.zeros(self.total_cm.shape, dtype=self.total_cm.dtype))

    def _base_config(self) -> dict[str, Any]:
        return super().get_config()


class IoU(_ConfusionMatrix):
    """Mean over chosen classes of `TP / (TP + FP + FN)`; classes that never occur do not count.

    Args:
        num_classes: Number of classes.
        target_class_ids: Classes to take the mean of.
        name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis: See `MeanIoU`.

    Raises:
        ValueError: If a chosen class is not one of the classes.
    """

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(
            name=name,
            num_classes=num_classes,
            ignore_class=ignore_class,
            sparse_y_true=sparse_y_true,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
            dtype=dtype,
        )
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"Target class id {max(target_class_ids)} is out of range, which is "
                f"[0, {num_classes})."
            )
        self.target_class_ids = list(target_class_ids)

    def result(self):
        matrix = ops.convert_to_tensor(self.total_cm)
        both = ops.diagonal(matrix)
        either = ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - both
        chosen = ops.convert_to_tensor(self.target_class_ids, dtype="int32")
        both = ops.cast(ops.take(both, chosen, axis=0), "float32")
        either = ops.cast(ops.take(either, chosen, axis=0), "float32")
        occurs = ops.greater(either, 1e-9)
        ratios = ops.where(occurs, both / (either + epsilon()), ops.zeros_like(both))
        return ops.sum(ratios) / (ops.sum(ops.cast(occurs, "float32")) + epsilon())

    def get_config(self) -> dict[str, Any]:
        return {
            **self._base_config(),
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class BinaryIoU(IoU):
    """Intersection over union of a yes and a no.

    Args:
        target_class_ids: `(0, 1)` or one of them.
        threshold: Predictions at or above it are class 1.
        name, dtype: See `MeanIoU`.
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        y_pred = ops.cast(ops.greater_equal(y_pred, self.threshold), "int32")
        super().update_state(y_true, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
            **self._base_config(),
        }


class MeanIoU(IoU):
    """Mean over all classes of `TP / (TP + FP + FN)`; classes that never occur do not count.

    Args:
        num_classes: Number of classes; other ids are left out.
        name, dtype: See `Metric`; the counts are int32 by default.
        ignore_class: Class id of targets to leave out.
        sparse_y_true: Whether targets are class ids; else the greatest along `axis` is taken.
        sparse_y_pred: Whether predictions are class ids; else the greatest along `axis` is taken.
        axis: Axis of the classes.
    """

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(
            name=name,
            num_classes=num_classes,
            target_class_ids=list(range(num_classes)),
            axis=axis,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=sparse_y_true,
            sparse_y_pred=sparse_y_pred,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "num_classes": self.num_classes,
            **self._base_config(),
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class OneHotIoU(IoU):
    """`IoU` for one-hot targets; predictions are scores unless `sparse_y_pred`."""

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(
            num_classes=num_classes,
            target_class_ids=target_class_ids,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            **self._base_config(),
            "ignore_class": self.ignore_class,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot targets; predictions are scores unless `sparse_y_pred`."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(
            num_classes=num_classes,
            axis=axis,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "num_classes": self.num_classes,
            **self._base_config(),
            "ignore_class": self.ignore_class,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
        }
