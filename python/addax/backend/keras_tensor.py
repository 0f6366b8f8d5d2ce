"""KerasTensor: the shape and dtype of a value that a functional model will have."""

from __future__ import annotations

from typing import Any, NoReturn

from addax.backend.dtypes import standardize_dtype
from addax.backend.names import auto_name


class KerasTensor:
    """Placeholder that layers and ops take and return while a functional model is put together.

    Args:
        shape: Tuple of ints, `None` where the size is not known.
        dtype: Name of the dtype.
        sparse: Kept for Keras's signature; tensors are dense.
        ragged: Kept for Keras's signature; tensors are dense.
        record_history: Whether ops note where it came from.
        name: Name; made up if `None`.
    """

    # numpy_array * keras_tensor must come to our reflected operators.
    __array_ufunc__ = None
    __array_priority__ = 200

    # Set by the call that gives the tensor, and by layers that make masks.
    _keras_history: Any
    _keras_mask: Any

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        if kwargs:
            raise TypeError(f"Unexpected keyword arguments: {', '.join(kwargs)}")
        self._shape = standardize_shape(shape)
        self._dtype = standardize_dtype(dtype)
        self._sparse = bool(sparse)
        self._ragged = bool(ragged)
        self.name = name or auto_name(type(self).__name__)
        self.record_history = record_history

    @property
    def shape(self) -> tuple[int | None, ...]:
        return self._shape

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def sparse(self) -> bool:
        return self._sparse

    @property
    def ragged(self) -> bool:
        return self._ragged

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def T(self) -> Any:
        from addax import ops

        return ops.transpose(self)

    def reshape(self, *newshape: Any) -> Any:
        from addax import ops

        if len(newshape) == 1 and isinstance(newshape[0], (tuple, list)):
            newshape = tuple(newshape[0])
        return ops.reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> Any:
        from addax import ops

        return ops.squeeze(self, axis)

    def __getstate__(self) -> dict[str, Any]:
        # Where it came from stays behind: a copy would take the whole graph along.
        return {k: v for k, v in self.__dict__.items() if k != "_keras_history"}

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape an a dtype. "
            "It doesn't have any actual numerical value. You cannot convert it to a NumPy array."
        )

    def __addax_tensor__(self) -> NoReturn:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape an a dtype. "
            "It doesn't have any actual numerical value. It can only be given to layers, models "
            "and "
            f"the functions of `ops`. Received: {self!r}"
        )

    def __bool__(self) -> NoReturn:
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def __iter__(self) -> NoReturn:
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __float__(self) -> NoReturn:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape an a dtype. "
            "It doesn't have any actual numerical value. You cannot convert it to a float."
        )

    def __int__(self) -> NoReturn:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape an a dtype. "
            "It doesn't have any actual numerical value. You cannot convert it to an int."
        )

    def __repr__(self) -> str:
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse={self.sparse}, "
            f"ragged={self.ragged}, name={self.name}>"
        )


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """A shape as a tuple of ints and `None`; a lone number is a shape of one axis.

    Raises:
        ValueError: If it is `None`, or a size is negative or not a whole number.
    """
    if shape is None:
        raise ValueError("Undefined shapes are not supported.")
    if isinstance(shape, int) or not hasattr(shape, "__iter__"):
        shape = (shape,)
    sizes: list[int | None] = []
    for size in shape:
        if size is None:
            sizes.append(None)
            continue
        try:
            number = size.__index__()
        except (AttributeError, TypeError, ValueError):
            raise ValueError(
                f"Cannot convert '{shape}' to a shape. Found invalid entry '{size}' of type "
                f"'{type(size)}'. "
            ) from None
        if number < 0:
            raise ValueError(
                f"Cannot convert '{shape}' to a shape. Negative dimensions are not allowed."
            )
        sizes.append(number)
    return tuple(sizes)


def is_keras_tensor(x: Any) -> bool:
    """Whether it is a `KerasTensor`."""
    return isinstance(x, KerasTensor)


_MAY_HOLD = (KerasTensor, list, tuple, dict)


def any_symbolic(args: Any = (), kwargs: Any = None) -> bool:
    """Whether a `KerasTensor` stands anywhere in the (nested) arguments."""
    for arg in args:
        if isinstance(arg, _MAY_HOLD) and _holds(arg):
            return True
    if kwargs:
        for arg in kwargs.values():
            if isinstance(arg, _MAY_HOLD) and _holds(arg):
                return True
    return False


any_symbolic_tensors = any_symbolic


def _holds(x: Any) -> bool:
    if isinstance(x, KerasTensor):
        return True
    if isinstance(x, dict):
        x = x.values()
    return any(isinstance(item, _MAY_HOLD) and _holds(item) for item in x)
