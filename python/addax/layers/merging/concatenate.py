"""Tensors joined along an axis."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import as_integer
from addax.layers.layer import Layer


class Concatenate(Layer):
    """Joins a list of tensors along `axis`; their other axes have equal lengths.

    Args:
        axis: The axis, counted from the end if negative; 0 is the batch.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        number = as_integer(axis)
        if number is None:
            raise TypeError(f"`axis` must be an integer. Received: axis={axis}")
        self.axis = number
        self.supports_masking = True

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        if not isinstance(inputs, list | tuple):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape):
        if not input_shape or not isinstance(input_shape[0], list | tuple):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of at least 1 input. "
                f"Received: input_shape={input_shape}"
            )
        shapes = [tuple(shape) for shape in input_shape]
        rank = len(shapes[0])
        mismatch = (
            "A `Concatenate` layer requires inputs with matching shapes except for the "
            f"concatenation axis. Received: input_shape={shapes}"
        )
        if any(len(shape) != rank for shape in shapes):
            raise ValueError(mismatch)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"`axis` of a `Concatenate` layer must be an axis of its inputs, which have rank "
                f"{rank}. Received: axis={self.axis}, input_shape={shapes}"
            )
        joined = self.axis % rank
        result: list[Any] = []
        for axis in range(rank):
            sizes = [shape[axis] for shape in shapes]
            if axis == joined:
                result.append(None if None in sizes else sum(sizes))
                continue
            known = set(sizes) - {None}
            if len(known) > 1:
                raise ValueError(mismatch)
            result.append(known.pop() if known else None)
        return tuple(result)

    def compute_mask(self, inputs, mask=None):
        if mask is None or all(m is None for m in mask):
            return None
        if not isinstance(mask, list | tuple) or len(mask) != len(inputs):
            raise ValueError(
                "The lists `inputs` and `mask` should have the same length. Received: "
                f"inputs={inputs}, mask={mask}"
            )
        # A mask is widened to its input, all are joined; a step counts if all its elements do.
        wide = []
        for x, m in zip(inputs, mask, strict=True):
            if m is None:
                wide.append(ops.ones(ops.shape(x), dtype="bool"))
                continue
            while len(m.shape) < len(x.shape):
                m = ops.expand_dims(m, -1)
            wide.append(ops.broadcast_to(m, ops.shape(x)))
        return ops.all(ops.concatenate(wide, axis=self.axis), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)
