"""A function as a layer."""

from __future__ import annotations

import inspect
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary, WeakValueDictionary

from addax.backend import KerasTensor
from addax.backend import compute_output_spec as trace
from addax.layers.layer import Layer
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object


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
            return trace(self.call, inputs, mask=mask, training=training)
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
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for name in ("function", "output_shape", "mask"):
            value = config.get(name)
            if isinstance(value, dict) and value.get("class_name") == "__lambda__":
                config[name] = _living_lambda(name, value)
            elif isinstance(value, dict):
                config[name] = deserialize_keras_object(value, custom_objects=custom_objects)
        if isinstance(config.get("output_shape"), list):
            config["output_shape"] = tuple(config["output_shape"])
        if "arguments" in config:
            config["arguments"] = deserialize_keras_object(
                config["arguments"], custom_objects=custom_objects
            )
        return cls(**config)


# A Python lambda has no name to be found by, and code in a file is never run. So a config holds
# a token, which means something as long as the lambda lives: models with it can be cloned.
_TOKENS: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
_LIVING: WeakValueDictionary[str, Any] = WeakValueDictionary()


def _serialize_function(function) -> Any:
    if getattr(function, "__name__", None) != "<lambda>":
        return serialize_keras_object(function)
    token = _TOKENS.setdefault(function, uuid4().hex)
    _LIVING[token] = function
    return {"class_name": "__lambda__", "config": {"token": token}}


def _living_lambda(argument: str, config: dict[str, Any]):
    """The lambda of a config; ValueError if it is not alive in this process."""
    options = config.get("config")
    token = options.get("token") if isinstance(options, dict) else None
    function = _LIVING.get(token) if isinstance(token, str) else None
    if function is None:
        raise ValueError(
            f"Requested the deserialization of a `Lambda` layer whose `{argument}` is a Python "
            "lambda. This carries a potential risk of arbitrary code execution and thus it is "
            "disallowed. Give the layer a function with a name instead, registered with "
            "`@saving.register_keras_serializable()` or passed in `custom_objects`."
        )
    return function
