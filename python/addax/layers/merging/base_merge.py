"""What the element-wise merging layers share."""

from __future__ import annotations

from functools import reduce

from addax import ops
from addax.layers.layer import Layer


def merged_shape(first: tuple, second: tuple) -> tuple:
    """Two sample shapes broadcast, lined up at the end; ValueError if they do not fit."""
    if len(first) < len(second):
        first, second = second, first
    if not second:
        return first
    tail: list[int | None] = []
    for m, n in zip(first[-len(second) :], second, strict=True):
        if m is None or n is None:
            tail.append(None)
        elif m == 1 or n == 1 or m == n:
            tail.append(n if m == 1 else m)
        else:
            raise ValueError(
                f"Inputs have incompatible shapes. Received shapes {first} and {second}"
            )
    return (*first[: -len(second)], *tail)


class Merge(Layer):
    """Base of the layers that merge a list of tensors element by element.

    Subclasses say how two are merged in `merge(a, b)`. Inputs of lower rank get axes of
    length 1 after the batch axis.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def merge(self, a, b):
        raise AssertionError(f"{type(self).__name__} must say how two tensors are merged")

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        if not isinstance(inputs, list | tuple):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        return self.merge_all(_same_rank(inputs))

    def merge_all(self, tensors):
        return reduce(self.merge, tensors)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, list | tuple) or not all(
            isinstance(shape, list | tuple) for shape in input_shape
        ):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: input_shape={input_shape} (not a list of shapes)"
            )
        if not input_shape:
            raise ValueError(
                "A merge layer should be called on a list of at least 1 input. Received "
                f"{len(input_shape)} inputs. Full input_shape received: {input_shape}"
            )
        shapes = [tuple(shape) for shape in input_shape]
        batches = {shape[0] for shape in shapes if shape} - {None}
        if len(batches) > 1:
            raise ValueError(
                "Cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {shapes}"
            )
        sample = reduce(merged_shape, (shape[1:] for shape in shapes))
        return (batches.pop() if batches else None, *sample)

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        for name, value in (("mask", mask), ("inputs", inputs)):
            if not isinstance(value, list | tuple):
                raise ValueError(f"`{name}` should be a list. Received: {name}={value}")
        if len(mask) != len(inputs):
            raise ValueError(
                "The lists `inputs` and `mask` should have the same length. Received: "
                f"inputs={inputs} of length {len(inputs)}, and mask={mask} of length {len(mask)}"
            )
        masks = [m for m in mask if m is not None]
        return reduce(ops.logical_and, masks) if masks else None


def _same_rank(tensors):
    """The tensors with axes of length 1 put after the batch axis, until all have one rank."""
    rank = max(len(x.shape) for x in tensors)
    raised = []
    for x in tensors:
        for _ in range(rank - len(x.shape)):
            x = ops.expand_dims(x, axis=1)
        raised.append(x)
    return raised
