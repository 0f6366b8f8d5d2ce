"""A dense layer whose product is written as an einsum equation."""

from __future__ import annotations

import re
from math import prod
from typing import Any, NamedTuple

from addax import activations, ops
from addax.layers.arguments import refuse_options
from addax.layers.layer import Layer
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)

_EQUATION = re.compile(
    r"(?P<left>\.\.\.)?(?P<input>[a-zA-Z]+)(?P<right>\.\.\.)?,(?P<weight>[a-zA-Z]+)"
    r"->(?P<left_out>\.\.\.)?(?P<output>[a-zA-Z]+)(?P<right_out>\.\.\.)?"
)


class EinsumDense(Layer):
    """Multiplies by a kernel over any axes: `activation(einsum(equation, inputs, kernel) + bias)`.

    `EinsumDense("abc,cd->abd", output_shape=(None, 64))` is a `Dense(64)` on sequences.

    Args:
        equation: `"X,Y->Z"`, `"...X,Y->...Z"` or `"X...,Y->Z..."`; X indexes the inputs, Y the
            kernel, Z the outputs.
        output_shape: Shape of the outputs without the batch axis (and without the axes that
            the ellipsis stands for); None where it follows from the inputs.
        activation: Name, function or None for the identity.
        bias_axes: The letters of Z that the bias has; None for no bias.
        kernel_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, bias_regularizer: Penalties on the weights.
        kernel_constraint, bias_constraint: Projections applied after each update.

    Call arguments:
        inputs: Tensor with the axes X.

    Returns:
        Tensor with the axes Z.
    """

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        refuse_options(
            "EinsumDense",
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
        )
        if not isinstance(equation, str):
            raise ValueError(f"`equation` must be a string. Received: equation={equation}")
        super().__init__(**kwargs)
        self.equation = equation
        scalar = isinstance(output_shape, int)
        self.partial_output_shape = (output_shape,) if scalar else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        set_weight_options(
            self,
            kernel=(kernel_initializer, kernel_regularizer, kernel_constraint),
            bias=(bias_initializer, bias_regularizer, bias_constraint),
        )

    def build(self, input_shape):
        shapes = _infer_shapes(
            self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape
        )
        self.full_output_shape = shapes.output
        self.kernel = add_optioned_weight(self, "kernel", shapes.kernel)
        has_bias = shapes.bias is not None
        self.bias = add_optioned_weight(self, "bias", shapes.bias) if has_bias else None
        self.built = True

    def call(self, inputs):
        summed = _axes_summed(self.equation, self.bias_axes)
        if summed:
            return self.activation(self._product(inputs, summed))
        outputs = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def _product(self, inputs, summed: int):
        """The sums over the last axes as a product of matrices with a bias per column, which the
        product takes along."""
        shape = ops.shape(inputs)
        free, made = shape[: len(shape) - summed], tuple(self.kernel.shape[summed:])
        length, width = prod(self.kernel.shape[:summed]), prod(made)
        rows = ops.reshape(inputs, (*free, length))
        outputs = ops.matmul(rows, ops.reshape(self.kernel, (length, width)))
        if self.bias is not None:
            outputs = outputs + ops.reshape(self.bias, (width,))
        return ops.reshape(outputs, (*free, *made))

    def compute_output_shape(self, input_shape):
        return _infer_shapes(
            self.equation, self.bias_axes, tuple(input_shape), self.partial_output_shape
        ).output

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            **weight_options_config(self, "kernel", "bias"),
            "quantization_config": None,
        }


def _axes_summed(equation: str, bias_axes: str | None) -> int:
    """How many of the inputs' last axes are the kernel's first ones, if the kernel's others are
    the outputs' last, with a bias for each place of them or none; 0 for any other equation."""
    parsed = _EQUATION.fullmatch(equation.replace(" ", ""))
    if parsed is None or parsed["right"]:
        return 0
    in_axes, weight_axes, out_axes = parsed["input"], parsed["weight"], parsed["output"]
    summed = sum(axis not in out_axes for axis in in_axes)
    kept = len(in_axes) - summed
    free, made = in_axes[:kept], weight_axes[summed:]
    if kept + (parsed["left"] is not None) == 0 or len(set(free + weight_axes)) != len(
        free + weight_axes
    ):
        return 0
    same = in_axes[kept:] == weight_axes[:summed] and out_axes == free + made
    return summed if same and bias_axes in (None, "", made) else 0


class _Shapes(NamedTuple):
    kernel: tuple
    bias: tuple | None
    output: tuple


def _infer_shapes(equation: str, bias_axes: str | None, inputs: tuple, partial: tuple) -> _Shapes:
    """The shapes that follow from the equation, the inputs' shape and the wanted outputs'."""
    parsed = _EQUATION.fullmatch(equation.replace(" ", ""))
    if (
        parsed is None
        or parsed["left"] != parsed["left_out"]
        or parsed["right"] != parsed["right_out"]
        or (parsed["left"] and parsed["right"])
    ):
        raise ValueError(
            f"Invalid einsum equation '{equation}'. Equations must be in the form "
            "[X],[Y]->[Z], ...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
        )
    in_axes, weight_axes, out_axes = parsed["input"], parsed["weight"], parsed["output"]
    elided = len(inputs) - len(in_axes)
    if elided < 0 or (elided > 0 and not (parsed["left"] or parsed["right"])):
        raise ValueError(
            f"The einsum equation '{equation}' does not fit inputs of rank {len(inputs)}. "
            f"Received: input_shape={inputs}"
        )
    left = elided if parsed["left"] else 0
    size_in = dict(zip(in_axes, inputs[left:], strict=False))
    output = _full_output_shape(inputs, partial, elided, bool(parsed["left"]))
    if len(output) != len(out_axes) + elided:
        raise ValueError(
            f"The einsum equation '{equation}' gives outputs of rank "
            f"{len(out_axes) + elided}. Received: output_shape={partial}"
        )
    size_out = dict(zip(out_axes, output[left:], strict=False))
    for axis, size in size_in.items():
        wanted = size_out.get(axis)
        if axis in size_out and wanted is None:
            size_out[axis] = size
        elif wanted is not None and size is not None and wanted != size:
            raise ValueError(
                f"Input shape and output shape do not match at shared dimension '{axis}'. "
                f"Input shape is {size}, and output shape is {wanted}."
            )
    for axis in out_axes:
        if axis not in size_in and axis not in weight_axes:
            raise ValueError(
                f"Dimension '{axis}' was specified in the output '{out_axes}' but has no "
                f"corresponding dim in the input spec '{in_axes}' or weight spec '{weight_axes}'"
            )
    for axis in weight_axes:
        if axis not in size_in and axis not in size_out:
            raise ValueError(
                f"Weight dimension '{axis}' did not have a match in either the input spec "
                f"'{in_axes}' or the output spec '{out_axes}'. For this layer, the weight must "
                "be fully specified."
            )
    sizes = {**size_out, **size_in}
    full = output[:left] + tuple(size_out[a] for a in out_axes) + output[left + len(out_axes) :]
    bias = _bias_shape(bias_axes, out_axes, size_out, elided if parsed["right"] else 0)
    return _Shapes(tuple(sizes[axis] for axis in weight_axes), bias, full)


def _full_output_shape(inputs: tuple, partial: tuple, elided: int, left: bool) -> tuple:
    """The wanted shape with the batch axis and the axes under the ellipsis put in."""
    if elided == 0:
        return (inputs[0], *partial)
    if left:
        return (*inputs[:elided], *partial)
    return (inputs[0], *partial, *inputs[-elided:])


def _bias_shape(bias_axes: str | None, out_axes: str, sizes: dict, elided_right: int):
    """The bias has the axes `bias_axes`, and 1 for the others after the first of them."""
    if not bias_axes:
        return None
    for axis in bias_axes:
        if axis not in out_axes:
            raise ValueError(
                f"Bias dimension '{axis}' was requested, but is not part of the output spec "
                f"'{out_axes}'"
            )
    first = min(out_axes.index(axis) for axis in bias_axes)
    shape = tuple(sizes[axis] if axis in bias_axes else 1 for axis in out_axes[first:])
    return shape + (1,) * elided_right
