"""A function as a layer."""

from __future__ import annotations

import base64
import inspect
import marshal
import types
from typing import Any

from addax.layers.layer import Layer
from addax.saving.serialization import (
    deserialize_keras_object,
    in_safe_mode,
    serialize_keras_object,
)


class Lambda(Layer):
    """Calls a function of the inputs; for what needs no weights of its own.

    Weights that the function uses are not tracked: write a `Layer` for that.

    Args:
        function: `function(inputs, **arguments)`; `mask` and `training` are passed on if it
            has parameters of these names.
        output_shape: Shape without the batch axis, or function of the input shape; None to
            find it by tracing the function.
        mask: Mask of the outputs, or function `(inputs, mask)` that gives it.
        arguments: Further keyword arguments of the function.

    Call arguments:
        inputs: What the function takes first.

    Returns:
        What the function returns.

    Raises:
        TypeError: If `function` is not callable.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        if not callable(function):
            raise TypeError(f"unsupported callable. Received: function={function}")
        super().__init__(**kwargs)
        self.arguments = dict(arguments or {})
        self.function = function
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        try:
            names = set(inspect.signature(function).parameters)
        except ValueError:  # A builtin without a signature takes neither.
            names = set()
        self._takes_mask = "mask" in names
        self._takes_training = "training" in names

    def call(self, inputs, mask=None, training=None):
        options = dict(self.arguments)
        if self._takes_mask:
            options["mask"] = mask
        if self._takes_training:
            options["training"] = training
        return self.function(inputs, **options)

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        shape = self._output_shape
        entries = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
        return (input_shape[0], *entries)

    def compute_output_spec(self, inputs, mask=None, training=None):
        if self._output_shape is None:
            return super().compute_output_spec(inputs, mask=mask, training=training)
        from addax.backend import KerasTensor

        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": _serialize_function(self.function)}
        if self._output_shape is not None:
            shape = self._output_shape
            config["output_shape"] = _serialize_function(shape) if callable(shape) else shape
        if self.mask is not None:
            config["mask"] = (
                _serialize_function(self.mask)
                if callable(self.mask)
                else serialize_keras_object(self.mask)
            )
        return {**config, "arguments": serialize_keras_object(self.arguments)}

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        config = dict(config)
        safe = in_safe_mode() if safe_mode is None else safe_mode
        for name in ("function", "output_shape", "mask"):
            value = config.get(name)
            if isinstance(value, dict) and value.get("class_name") == "__lambda__":
                if safe:
                    _refuse_code(name)
                config[name] = _load_lambda(value["config"])
            elif isinstance(value, dict):
                config[name] = deserialize_keras_object(value, custom_objects=custom_objects)
        if isinstance(config.get("output_shape"), list):
            config["output_shape"] = tuple(config["output_shape"])
        if "arguments" in config:
            config["arguments"] = deserialize_keras_object(
                config["arguments"], custom_objects=custom_objects
            )
        return cls(**config)


def _refuse_code(argument: str) -> None:
    raise ValueError(
        f"Requested the deserialization of a `Lambda` layer whose `{argument}` is a Python "
        "lambda. This carries a potential risk of arbitrary code execution and thus it is "
        "disallowed by default. If you trust the source of the artifact, you can override this "
        "error by passing `safe_mode=False` to the loading function, or calling "
        "`keras.config.enable_unsafe_deserialization()`."
    )


def _serialize_function(function) -> Any:
    if not (isinstance(function, types.LambdaType) and function.__name__ == "<lambda>"):
        return serialize_keras_object(function)
    code = base64.b64encode(marshal.dumps(function.__code__)).decode("ascii")
    cells = function.__closure__
    closure = [cell.cell_contents for cell in cells] if cells else None
    return {
        "class_name": "__lambda__",
        "config": {"code": code, "defaults": function.__defaults__, "closure": closure},
    }


def _load_lambda(config: dict[str, Any]):
    """The inverse of `_serialize_function`; only reached outside safe mode."""
    import addax

    code = marshal.loads(base64.b64decode(config["code"]))
    defaults = config.get("defaults")
    closure = config.get("closure")
    return types.FunctionType(
        code,
        {"__builtins__": __builtins__, "addax": addax, "keras": addax, "ops": addax.ops},
        "<lambda>",
        tuple(defaults) if defaults else None,
        tuple(types.CellType(value) for value in closure) if closure else None,
    )
