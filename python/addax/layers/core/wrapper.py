"""Base of the layers that contain one other layer."""

from __future__ import annotations

from typing import Any

from addax.layers.layer import Layer
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object


class Wrapper(Layer):
    """A layer around another layer; subclasses say in `call` what is done with it.

    Args:
        layer: The wrapped layer, a `Layer`.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. "
                "Please ensure wrapped layer is a valid Keras layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layer = config.pop("layer")
        if isinstance(layer, dict):
            layer = deserialize_keras_object(layer, custom_objects=custom_objects)
        return cls(layer, **config)
