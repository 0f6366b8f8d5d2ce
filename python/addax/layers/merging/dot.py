"""Products of two tensors, sample by sample."""

from __future__ import annotations

from math import prod
from typing import Any

from addax import ops
from addax.layers.arguments import as_integer
from addax.layers.layer import Layer


class Dot(Layer):
    """Sums the products of two tensors along an axis of each, sample by sample.

    Shapes `(batch, i, k)` and `(batch, k, j)` with `axes=(2, 1)` give `(batch, i, j)`.

    Args:
        axes: The axis, or a pair with one for each input; 0 is the batch and not allowed.
        normalize: Whether the inputs are divided by their Euclidean norms along the axes
            first, which makes the result the cosine of an angle.

    Call arguments:
        inputs: List of two tensors.

    Returns:
        Tensor with the other axes of the first and of the second; `(batch, 1)` if none is left.
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if as_integer(axes) is None:
            if not isinstance(axes, list | tuple):
                raise TypeError(
                    "Invalid type for argument `axes`: it should be a list or an int. "
                    f"Received: axes={axes}"
                )
            if len(axes) != 2:
                raise ValueError(
                    "Invalid format for argument `axes`: it should contain two elements. "
                    f"Received: axes={axes}"
                )
            if any(as_integer(axis) is None for axis in axes):
                raise ValueError(
                    "Invalid format for argument `axes`: list elements should be integers. "
                    f"Received: axes={axes}"
                )
        self.axes = axes
        self.normalize = normalize
        self.supports_masking = True

    def _axes(self, first: int, second: int) -> tuple[int, int]:
        """The axes as positive numbers for inputs of the given ranks."""
        pair = self.axes if isinstance(self.axes, list | tuple) else (self.axes, self.axes)
        result = []
        for axis, rank in zip(pair, (first, second), strict=True):
            if not -rank <= axis < rank or axis % rank == 0:
                raise ValueError(
                    "`axes` of a `Dot` layer must name axes of its inputs other than the batch. "
                    f"Received: axes={self.axes} for inputs of ranks {first} and {second}"
                )
            result.append(axis % rank)
        return result[0], result[1]

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        a, b = inputs
        axis_a, axis_b = self._axes(len(a.shape), len(b.shape))
        if self.normalize:
            a, b = _unit(a, axis_a), _unit(b, axis_b)
        a, b = ops.moveaxis(a, axis_a, -1), ops.moveaxis(b, axis_b, 1)
        shape_a, shape_b = ops.shape(a), ops.shape(b)
        kept = (*shape_a[1:-1], *shape_b[2:])
        batch, summed = shape_a[0], shape_a[-1]
        rows = ops.reshape(a, (batch, prod(shape_a[1:-1]), summed))
        columns = ops.reshape(b, (batch, summed, prod(shape_b[2:])))
        return ops.reshape(ops.matmul(rows, columns), (batch, *(kept or (1,))))

    def compute_output_shape(self, input_shape):
        if (
            not isinstance(input_shape, list | tuple)
            or len(input_shape) != 2
            or not isinstance(input_shape[0], list | tuple)
        ):
            raise ValueError(
                "A `Dot` layer should be called on a list of 2 inputs. "
                f"Received: input_shape={input_shape}"
            )
        first, second = (tuple(shape) for shape in input_shape)
        axis_a, axis_b = self._axes(len(first), len(second))
        m, n = first[axis_a], second[axis_b]
        if m is not None and n is not None and m != n:
            raise ValueError(
                f"Incompatible input shapes: axis values {m} (at axis {axis_a}) != {n} (at axis "
                f"{axis_b}). Full input shapes: {first}, {second}"
            )
        kept = first[:axis_a] + first[axis_a + 1 :] + second[1:axis_b] + second[axis_b + 1 :]
        return kept if len(kept) > 1 else (*kept, 1)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _unit(x, axis):
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.rsqrt(ops.maximum(square, 1e-12))


def dot(inputs, axes=-1, **kwargs):
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
