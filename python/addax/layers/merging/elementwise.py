"""Add, Subtract, Multiply, Average, Maximum, Minimum: as layers and as functions of tensors."""

from __future__ import annotations

from addax import ops
from addax.layers.merging.base_merge import Merge


class Add(Merge):
    """The sum of a list of tensors."""

    def merge(self, a, b):
        return a + b


class Subtract(Merge):
    """The first of two tensors minus the second."""

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 2 or not isinstance(input_shape[0], list | tuple):
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                f"Received: input_shape={input_shape}"
            )
        return super().compute_output_shape(input_shape)

    def merge(self, a, b):
        return a - b


class Multiply(Merge):
    """The element-wise product of a list of tensors."""

    def merge(self, a, b):
        return a * b


class Average(Merge):
    """The element-wise mean of a list of tensors."""

    def merge(self, a, b):
        return a + b

    def merge_all(self, tensors):
        return super().merge_all(tensors) / len(tensors)


class Maximum(Merge):
    """The element-wise maximum of a list of tensors."""

    def merge(self, a, b):
        return ops.maximum(a, b)


class Minimum(Merge):
    """The element-wise minimum of a list of tensors."""

    def merge(self, a, b):
        return ops.minimum(a, b)


def add(inputs, **kwargs):
    """`Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)
