"""What a layer accepts: rank, axes, dtype, shape of each input."""

from __future__ import annotations

from typing import Any

from addax import tree
from addax.backend.dtypes import standardize_dtype
from addax.ops.call_errors import describe_argument


class InputSpec:
    """Rank, dtype and lengths of axes that an input of a layer must have. `None` allows anything.

    Args:
        dtype: Expected dtype.
        shape: Expected shape; `None` in it allows any length.
        ndim: Expected rank.
        max_ndim: Greatest rank.
        min_ndim: Least rank.
        axes: Dict from axis to its length, where `None` allows any length.
        allow_last_axis_squeeze: Whether a last axis of length 1 may be missing or added.
        name: Key of the input where inputs are given as a dict.
        optional: Whether the input may be `None`.

    Raises:
        ValueError: If a rank is inconsistent with an axis.
        TypeError: If `axes` is not a dict of integers.
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = standardize_dtype(dtype) if dtype is not None else None
        if shape is not None:
            self.shape = tuple(shape)
            self.ndim = len(self.shape)
        else:
            self.shape = None
            self.ndim = ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.name = name
        self.optional = optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            self.axes = {int(k): v for k, v in (axes or {}).items()}
        except (ValueError, TypeError, AttributeError):
            raise TypeError(
                f"Argument `axes` must be a dict with integer keys. Received: axes={axes}"
            ) from None
        rank = self.ndim if self.ndim is not None else self.max_ndim
        if self.axes and rank is not None and max(self.axes) > rank - 1:
            raise ValueError(
                f"Axis {max(self.axes)} is greater than the maximum allowed value: {rank - 1}"
            )

    def get_config(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        return cls(**config)

    def __repr__(self) -> str:
        shown = {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes or None,
        }
        text = ", ".join(f"{k}={v}" for k, v in shown.items() if v is not None)
        return f"InputSpec({text})"


def assert_input_compatibility(input_spec, inputs, layer) -> None:
    """Checks the inputs of a layer's call against its `input_spec`.

    Args:
        input_spec: An `InputSpec`, or a list, tuple or dict of them, one per input.
        inputs: Tensor, or nested tensors.
        layer: The layer, named in errors.

    Raises:
        ValueError: If number, rank, shape or dtype of the inputs do not fit. The message names the
            layer, and the layer that the input came from if that is known.
    """
    if not input_spec:
        return
    if isinstance(input_spec, InputSpec) and hasattr(inputs, "shape"):
        _check(0, inputs, input_spec, layer)
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and any(spec.name is not None for spec in specs):
        values = _by_name(specs, inputs)
    else:
        values = tree.flatten(inputs)
    if len(values) != len(specs):
        names = [spec.name for spec in specs if spec.name is not None]
        expected = f"{len(specs)} input(s)"
        if len(names) == len(specs) and names:
            expected += f" ({names})"
        raise ValueError(
            f'Layer "{layer.name}" expects {expected}, but it received {len(values)} input '
            f"tensors. Inputs received: {describe_argument(inputs)}"
        )
    for index, (value, spec) in enumerate(zip(values, specs, strict=True)):
        if spec is not None and not (value is None and spec.optional):
            _check(index, value, spec, layer)


def _by_name(specs: list, inputs: dict) -> list:
    names = [spec.name for spec in specs]
    values = []
    for spec in specs:
        if spec.name not in inputs and not spec.optional:
            raise ValueError(
                f'Missing data for input "{spec.name}". You passed a data dictionary with keys '
                f"{list(inputs.keys())}. Expected the following keys: {names}"
            )
        values.append(inputs.get(spec.name))
    return values


def _check(index: int, x, spec: InputSpec, layer) -> None:
    shape = getattr(x, "shape", None)
    if shape is None:
        raise ValueError(
            f'Inputs to layer "{layer.name}" should be tensors. '
            f"Got '{x}' (of type {type(x)}) as input {index}."
        )
    shape = tuple(shape)
    rank = len(shape)

    def fail(what: str):
        raise ValueError(
            f'Input {index} of layer "{layer.name}" is incompatible with the layer: {what}'
            f"{origin(x, layer)}"
        )

    if spec.ndim is not None and not spec.allow_last_axis_squeeze and rank != spec.ndim:
        fail(f"expected ndim={spec.ndim}, found ndim={rank}. Full shape received: {shape}")
    if spec.max_ndim is not None and rank > spec.max_ndim:
        fail(f"expected max_ndim={spec.max_ndim}, found ndim={rank}. Full shape received: {shape}")
    if spec.min_ndim is not None and rank < spec.min_ndim:
        fail(f"expected min_ndim={spec.min_ndim}, found ndim={rank}. Full shape received: {shape}")
    if spec.dtype is not None and str(x.dtype) != spec.dtype:
        fail(f"expected dtype={spec.dtype}, found dtype={x.dtype}")
    for axis, length in spec.axes.items():
        if length is None:
            continue
        if not -rank <= axis < rank or shape[axis] not in (length, None):
            fail(
                f"expected axis {axis} of input shape to have value {length}, "
                f"but received input with shape {shape}"
            )
    if spec.shape is not None and not _fits(spec, shape):
        fail(f"expected shape={spec.shape}, found shape={shape}")


def _fits(spec: InputSpec, shape: tuple) -> bool:
    expected = spec.shape
    # A sequence of length 1 is no missing axis: only shapes of different ranks are squeezed.
    if spec.allow_last_axis_squeeze and len(expected) != len(shape):
        if expected and expected[-1] == 1:
            expected = expected[:-1]
        if shape and shape[-1] == 1:
            shape = shape[:-1]
    return len(expected) == len(shape) and all(
        a is None or b is None or a == b for a, b in zip(expected, shape, strict=True)
    )


def origin(x, layer) -> str:
    """A sentence that names the layer which gave the symbolic tensor `x`; empty if unknown."""
    history = getattr(x, "_keras_history", None)
    if history is None or history.operation is layer:
        return ""
    source = history.operation
    if type(source).__name__ == "InputLayer":
        return f". The input is '{source.name}', declared with shape {tuple(x.shape)}."
    return (
        f". It was given by layer '{source.name}' ({type(source).__name__}), "
        f"which layer '{layer.name}' cannot follow; change one of the two."
    )
