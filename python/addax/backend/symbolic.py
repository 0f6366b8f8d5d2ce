"""Running a function on placeholders to learn what shapes and dtypes it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax import _core, tree
from addax.backend.keras_tensor import KerasTensor


def unknown_dims(shape: tuple[int | None, ...]) -> tuple:
    """The shape with a named unknown in place of each `None`: `batch` for the leading axis,
    `axis1`, … for others.

    Unknown sizes at one position are taken as equal: a batch is a batch, and sequences that meet in
        one layer have one length.
    """
    return tuple(
        (_core.Dim.unknown("batch" if axis == 0 else f"axis{axis}") if size is None else size)
        for axis, size in enumerate(shape)
    )


def compute_output_spec(fn: Callable, *args: Any, **kwargs: Any) -> Any:
    """Calls `fn` with symbolic tensors in place of KerasTensors; tensors in its result become
    KerasTensors.

    Nothing is computed, and variables that `fn` assigns keep their values.
    """
    inputs: dict[int, Any] = {}
    with _core.Recording() as recording:

        def to_tensor(x: Any) -> Any:
            if not isinstance(x, KerasTensor):
                return x
            tensor = inputs.get(id(x))
            if tensor is None:
                name = f"input_{len(inputs)}"
                tensor = inputs[id(x)] = recording.input(name, x.dtype, unknown_dims(x.shape))
            return tensor

        args, kwargs = tree.map_structure(to_tensor, (args, kwargs))
        outputs = fn(*args, **kwargs)
    return tree.map_structure(_to_keras_tensor, outputs)


def _to_keras_tensor(x: Any) -> Any:
    if isinstance(x, _core.Tensor):
        return KerasTensor(x.shape, x.dtype)
    if hasattr(x, "__addax_tensor__") and not isinstance(x, KerasTensor):  # a Variable
        return KerasTensor(x.shape, x.dtype)
    return x
