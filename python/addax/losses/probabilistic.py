"""Losses on probabilities: divergences, and cross-entropies with their fused forms on logits.

An activation leaves its input on its output (`_keras_logits`, and which activation it was in
`_keras_logits_of`). Where the predictions come straight from the matching one, cross-entropies are
computed from these logits: exact where the probability has rounded to 0 or 1, and one fused step.
"""

from __future__ import annotations

import warnings
from typing import ClassVar

from addax import ops
from addax.backend.config import epsilon
from addax.backend.masking import set_keras_mask
from addax.losses.regression import matched
from addax.losses.wrapper import NamedLoss


def logits_of(y_pred, from_logits: bool, activation: str, loss: str, axis=-1):
    """Returns `(y_pred, from_logits)`, or the logits behind y_pred and True."""
    logits = getattr(y_pred, "_keras_logits", None)
    made_by = getattr(y_pred, "_keras_logits_of", None)
    if logits is None or made_by != activation or axis not in (-1, len(y_pred.shape) - 1):
        return y_pred, from_logits
    if from_logits:
        warnings.warn(
            f"`{loss}` received `from_logits=True`, but the `output` argument was produced by a "
            f"{activation.capitalize()} activation and thus does not represent logits. "
            "Was this intended?",
            stacklevel=3,
        )
    return logits, True


def _warn_if_single_class(y_pred, loss: str) -> None:
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"In loss {loss}, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={y_pred.shape}. Consider using "
            "'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=3,
        )


def _require_int_axis(axis) -> None:
    if isinstance(axis, bool):
        raise ValueError(
            f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}"
        )


def _smoothed(y_true, label_smoothing: float, classes: int):
    """Mixes targets with the uniform distribution (Szegedy et al., 2015, sec. 7)."""
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / classes


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """`-mean(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred), axis)`.

    Args:
        y_true: Targets in [0, 1], of the predictions' shape.
        y_pred: Probabilities (clipped to [epsilon, 1 - epsilon]) or logits.
        from_logits: Whether predictions are logits.
        label_smoothing: Moves targets towards 0.5 by this part of the way.
        axis: Axis of the mean.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = _smoothed(ops.cast(y_true, y_pred.dtype), label_smoothing, 2)
    y_pred, from_logits = logits_of(y_pred, from_logits, "sigmoid", "binary_crossentropy")
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=from_logits)
    return ops.mean(values, axis=axis)


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """`-sum(y_true * log(y_pred), axis)`.

    Args:
        y_true: Target probabilities or one-hot rows, of the predictions' shape.
        y_pred: Probabilities (scaled to sum 1, clipped to [epsilon, 1 - epsilon]) or logits.
        from_logits: Whether predictions are logits.
        label_smoothing: Part of the targets' mass that goes to all classes alike.
        axis: Axis of the classes.
    """
    _require_int_axis(axis)
    y_pred = ops.convert_to_tensor(y_pred)
    _warn_if_single_class(y_pred, "categorical_crossentropy")
    y_true = ops.cast(y_true, y_pred.dtype)
    y_true = _smoothed(y_true, label_smoothing, y_true.shape[-1])
    y_pred, from_logits = logits_of(
        y_pred, from_logits, "softmax", "categorical_crossentropy", axis
    )
    return ops.categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """`-log(y_pred of the target class)`.

    Args:
        y_true: Class ids, of the predictions' shape without the axis of classes (a last axis of
            length 1 is dropped).
        y_pred: Probabilities (clipped to [epsilon, 1 - epsilon]) or logits.
        from_logits: Whether predictions are logits.
        ignore_class: Targets of this id give 0 and are masked out of the mean.
        axis: Axis of the classes.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis=axis)
    y_pred, from_logits = logits_of(
        y_pred, from_logits, "softmax", "sparse_categorical_crossentropy", axis
    )
    if ignore_class is None:
        return ops.sparse_categorical_crossentropy(
            y_true, y_pred, from_logits=from_logits, axis=axis
        )
    valid = ops.not_equal(y_true, ops.cast(ignore_class, y_true.dtype))
    y_true = ops.where(valid, y_true, ops.zeros_like(y_true))
    values = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=from_logits, axis=axis)
    values = ops.where(valid, values, ops.zeros_like(values))
    set_keras_mask(values, valid)
    return values


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Binary cross-entropy times `(1 - p_t)^gamma` (Lin et al., 2017, arXiv:1708.02002, eq. 4).

    Args:
        y_true: Targets in [0, 1], of the predictions' shape.
        y_pred: Probabilities or logits.
        apply_class_balancing: Whether class 1 weighs `alpha` and class 0 `1 - alpha`.
        alpha: See above.
        gamma: How strongly well classified samples fade.
        from_logits: Whether predictions are logits.
        label_smoothing: Moves targets towards 0.5 by this part of the way.
        axis: Axis of the mean.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = _smoothed(ops.cast(y_true, y_pred.dtype), label_smoothing, 2)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    values = ops.binary_crossentropy(y_true, y_pred, from_logits=False)
    miss = 1.0 - (y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred))
    values = ops.power(miss, gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return ops.mean(values, axis=axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """`-sum(alpha * (1 - y_pred)^gamma * y_true * log(y_pred), axis)` (arXiv:1708.02002, eq. 5).

    Args:
        y_true: One-hot targets, of the predictions' shape.
        y_pred: Probabilities or logits.
        alpha: Weight of all classes, or a list with one per class.
        gamma: How strongly well classified samples fade.
        from_logits: Whether predictions are logits.
        label_smoothing: Part of the targets' mass that goes to all classes alike.
        axis: Axis of the classes.
    """
    _require_int_axis(axis)
    y_pred = ops.convert_to_tensor(y_pred)
    _warn_if_single_class(y_pred, "categorical_focal_crossentropy")
    y_true = ops.cast(y_true, y_pred.dtype)
    y_true = _smoothed(y_true, label_smoothing, y_true.shape[-1])
    if from_logits:
        y_pred = ops.softmax(y_pred, axis=axis)
    y_pred = y_pred / ops.sum(y_pred, axis=axis, keepdims=True)
    y_pred = ops.clip(y_pred, epsilon(), 1.0 - epsilon())
    weights = ops.power(1.0 - y_pred, gamma) * ops.convert_to_tensor(alpha, dtype=y_pred.dtype)
    return ops.sum(-weights * y_true * ops.log(y_pred), axis=axis)


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """`(1 - p^q) / q` with p the prediction of the target class (Zhang & Sabuncu, 2018, eq. 6).

    Args:
        y_true: Class ids.
        y_pred: Probabilities; classes on the last axis.
        q: In (0, 1): near 0 it is the cross-entropy, 1 the mean absolute error.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    chosen = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
    return (1.0 - ops.power(ops.sum(y_pred * chosen, axis=-1), q)) / q


def kl_divergence(y_true, y_pred):
    """`sum(y_true * log(y_true / y_pred), axis=-1)`; both are clipped to [epsilon, 1]."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.clip(ops.convert_to_tensor(y_true, dtype=y_pred.dtype), epsilon(), 1.0)
    y_pred = ops.clip(y_pred, epsilon(), 1.0)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true, y_pred):
    """`mean(y_pred - y_true * log(y_pred + epsilon), axis=-1)`."""
    y_true, y_pred = matched(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + epsilon()), axis=-1)


class BinaryCrossentropy(NamedLoss):
    """Cross-entropy of probabilities of a yes; see `binary_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(
            binary_crossentropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class BinaryFocalCrossentropy(NamedLoss):
    """Cross-entropy in which well classified samples fade; see `binary_focal_crossentropy`."""

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            binary_focal_crossentropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma


class CategoricalCrossentropy(NamedLoss):
    """Cross-entropy with one-hot targets; see `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            categorical_crossentropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class CategoricalFocalCrossentropy(NamedLoss):
    """Focal cross-entropy with one-hot targets; see `categorical_focal_crossentropy`."""

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            categorical_focal_crossentropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
            alpha=alpha,
            gamma=gamma,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.alpha = alpha
        self.gamma = gamma


class SparseCategoricalCrossentropy(NamedLoss):
    """Cross-entropy with class ids as targets; see `sparse_categorical_crossentropy`."""

    _left_out: ClassVar = {"axis": -1}

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class


class CategoricalGeneralizedCrossEntropy(NamedLoss):
    """Loss that bears wrong labels; see `categorical_generalized_cross_entropy`.

    Raises:
        ValueError: If q is not in (0, 1).
    """

    def __init__(
        self,
        q=0.5,
        reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy",
        dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError("q must be in the interval (0, 1)")
        super().__init__(
            categorical_generalized_cross_entropy,
            name=name,
            reduction=reduction,
            dtype=dtype,
            q=q,
        )
        self.q = q


class KLDivergence(NamedLoss):
    """Kullback-Leibler divergence; see `kl_divergence`."""

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, name=name, reduction=reduction, dtype=dtype)


class Poisson(NamedLoss):
    """Negative log-likelihood of counts; see `poisson`."""

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, name=name, reduction=reduction, dtype=dtype)
