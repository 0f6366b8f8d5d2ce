"""Layers one after the other, as one layer."""

from __future__ import annotations

from typing import Any

from addax import tree
from addax.backend.masking import get_keras_mask
from addax.layers.layer import Layer
from addax.saving.serialization import deserialize_keras_object, serialize_keras_object


class Pipeline(Layer):
    """Applies layers one after the other, as preprocessing as a rule.

    Unlike a `Sequential` it is no model, and it is in training mode unless it is told otherwise.

    Args:
        layers: List of layers.

    Call arguments:
        inputs: What the first layer takes.
        training: Passed on to the layers that take it.
        mask: Mask of the inputs.

    Returns:
        What the last layer gives.

    Raises:
        ValueError: If `layers` is no list of layers.
    """

    def __init__(self, layers, name=None):
        if not isinstance(layers, list | tuple) or any(not isinstance(x, Layer) for x in layers):
            raise ValueError(f"`layers` must be a list of layers. Received: layers={layers}")
        super().__init__(name=name)
        self._pipeline_layers = list(layers)
        self.supports_masking = True

    @property
    def layers(self) -> list[Layer]:
        """The layers in their order."""
        return self._pipeline_layers

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            options = {"training": training} if layer._call_has_training_arg else {}
            if layer._call_signature.mask_names and mask is not None:
                options["mask"] = mask
            inputs = layer(inputs, **options)
            mask = tree.map_structure(get_keras_mask, inputs)
        return inputs

    def compute_mask(self, inputs, mask=None):
        return None  # The last layer has put its mask on what `call` returns.

    def get_config(self) -> dict[str, Any]:
        return {"layers": serialize_keras_object(self._pipeline_layers), "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        layers = config.get("layers")
        if not isinstance(layers, list | tuple):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized "
                f"layers. Received config with layers={layers}."
            )
        layers = [deserialize_keras_object(x, custom_objects=custom_objects) for x in layers]
        return cls(**{**config, "layers": layers})
