"""Initializers that draw nothing: constants and the identity matrix."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.config import floatx
from addax.backend.dtypes import standardize_dtype
from addax.initializers.initializer import Initializer


def resolved_dtype(dtype: Any) -> str:
    return standardize_dtype(dtype) if dtype is not None else floatx()


class Constant(Initializer):
    """Fills the tensor with one value.

    Args:
        value: A number, or an array that broadcasts to the requested shape.
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        """Returns a tensor of `shape`.

        Raises:
            ValueError: If the value does not broadcast to the shape.
        """
        dtype = resolved_dtype(dtype)
        if isinstance(self.value, (bool, int, float)):
            return ops.full(shape, self.value, dtype=dtype)
        return ops.broadcast_to(ops.convert_to_tensor(self.value, dtype=dtype), shape)

    def get_config(self) -> dict[str, Any]:
        from addax.saving.serialization import serialize_keras_object

        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        from addax.saving.serialization import deserialize_keras_object

        return cls(deserialize_keras_object(config["value"]))


class Zeros(Initializer):
    """Fills the tensor with zeros."""

    def __call__(self, shape, dtype=None):
        return ops.zeros(shape, dtype=resolved_dtype(dtype))


class Ones(Initializer):
    """Fills the tensor with ones."""

    def __call__(self, shape, dtype=None):
        return ops.ones(shape, dtype=resolved_dtype(dtype))


class Identity(Initializer):
    """Gives the identity matrix times `gain`; rectangular shapes have ones on the main diagonal.

    Args:
        gain: Factor of the matrix.
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        """Returns a matrix of `shape`.

        Raises:
            ValueError: If the shape has not two dimensions.
        """
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        return self.gain * ops.eye(*shape, dtype=resolved_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        # Keras leaves the gain out, and so loses it on the way through a config.
        return {} if self.gain == 1.0 else {"gain": self.gain}
