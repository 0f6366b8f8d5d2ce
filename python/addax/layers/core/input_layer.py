"""Input: where the data enters a functional model."""

from __future__ import annotations

from typing import Any

from addax.backend.config import floatx
from addax.backend.dtypes import standardize_dtype
from addax.backend.keras_tensor import KerasTensor, standardize_shape
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer
from addax.ops.node import Node


class InputLayer(Layer):
    """Holds the place of one input of a model. Use `Input()` to make one.

    Args:
        shape: Shape without the batch axis; a number is a shape of one axis.
        batch_size: Length of the batch axis, if it is fixed.
        dtype: Dtype of the input; `floatx()` if `None`.
        sparse, ragged: Kept for Keras's signature; must be false.
        batch_shape: Shape with the batch axis, instead of `shape` and `batch_size`.
        input_tensor: `KerasTensor` to use as the input.
        optional: Whether `None` may be given.
        name: Unique name.

    Raises:
        ValueError: If there is no shape, or both `shape` and `batch_shape`.
    """

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        if "input_shape" in kwargs:
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        kwargs.pop("trainable", None)
        super().__init__(name=name, **kwargs)
        if sparse or ragged:
            kind = "sparse" if sparse else "ragged"
            raise ValueError(
                f"Inputs are dense tensors in Addax. Received: {kind}=True for input '{self.name}'"
            )
        if input_tensor is not None and shape is None and batch_shape is None:
            batch_shape = input_tensor.shape
        if shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        if batch_size is not None and batch_shape is not None:
            raise ValueError(
                "You cannot pass both `batch_size` and `batch_shape` at the same time."
            )
        if shape is None and batch_shape is None:
            raise ValueError("You must pass a `shape` argument.")
        if batch_shape is None:
            batch_shape = (batch_size, *standardize_shape(shape))
        self._batch_shape = standardize_shape(batch_shape)
        self._dtype = _input_dtype(dtype, input_tensor)
        self.sparse = False
        self.ragged = False
        self.optional = bool(optional)
        if input_tensor is None:
            output = KerasTensor(self._batch_shape, dtype=self._dtype, name=name)
        elif isinstance(input_tensor, KerasTensor):
            output = input_tensor
            if tuple(output.shape) != self._batch_shape:
                raise ValueError(
                    "When passing the `input_tensor` argument to InputLayer, it must have the "
                    f"given shape. Received: input_tensor={input_tensor}, "
                    f"batch_shape={self._batch_shape}"
                )
        else:
            raise ValueError(
                "Argument `input_tensor` must be a KerasTensor. "
                f"Received invalid type: input_tensor={input_tensor} (of type {type(input_tensor)})"
            )
        self.input_spec = InputSpec(shape=self._batch_shape, optional=self.optional)
        Node(self, call_args=(), call_kwargs={}, outputs=output)
        self.built = True

    def call(self):
        return None

    @property
    def batch_shape(self) -> tuple:
        return self._batch_shape

    @property
    def dtype(self) -> str:
        return self._dtype

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self._batch_shape,
            "dtype": self._dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
) -> KerasTensor:
    """A symbolic tensor to begin a model with.

    Args:
        shape: Shape of one sample, `None` in it where unknown; a number is a shape of one axis.
        batch_size: Length of the batch axis, if it is fixed.
        dtype: Dtype of the data; `floatx()` if `None`.
        sparse, ragged: Kept for Keras's signature; must be false.
        batch_shape: Shape with the batch axis, instead of `shape` and `batch_size`.
        name: Name of the input.
        tensor: `KerasTensor` to use as the input.
        optional: Whether `None` may be given.

    Returns:
        `KerasTensor` of shape `(batch_size, *shape)`.

    Raises:
        ValueError: If there is no shape.
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name,
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output


def _input_dtype(dtype, input_tensor) -> str:
    if dtype is None:
        return input_tensor.dtype if input_tensor is not None else floatx()
    if isinstance(dtype, dict) or hasattr(dtype, "compute_dtype"):
        from addax import dtype_policies

        return dtype_policies.get(dtype).compute_dtype
    return standardize_dtype(dtype)
