"""A layer applied to each time step."""

from __future__ import annotations

from addax import ops, tree
from addax.layers.core.wrapper import Wrapper
from addax.layers.layer import Layer


class TimeDistributed(Wrapper):
    """Applies a layer to each step of `(batch, time, ...)`, with the same weights.

    All steps go through the layer at once, as one batch of `batch * time` samples.

    Args:
        layer: The layer.

    Call arguments:
        inputs: Tensor of shape `(batch, time, ...)`.
        training: Passed on.
        mask: Boolean tensor of shape `(batch, time)`; passed on to layers that take a mask.

    Returns:
        Tensor of shape `(batch, time, ...)`.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape):
        if not isinstance(input_shape, list | tuple) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 "
                f"dimensions, received: {input_shape}"
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape):
        super().build(self._step_shape(input_shape))

    def compute_output_shape(self, input_shape):
        inner = self.layer.compute_output_shape(self._step_shape(input_shape))
        if isinstance(inner, tuple) and all(n is None or isinstance(n, int) for n in inner):
            return (inner[0], input_shape[1], *inner[1:])
        return type(inner)((shape[0], input_shape[1], *shape[1:]) for shape in inner)

    def call(self, inputs, training=None, mask=None):
        batch, time, *rest = ops.shape(inputs)
        options = {}
        parameters = self.layer._call_signature.parameters
        if "training" in parameters:
            options["training"] = training
        if mask is not None and "mask" in parameters and len(mask.shape) > 2:
            # The mask's axes after time belong to the layer; time itself is ours.
            options["mask"] = ops.reshape(mask, (batch * time, *ops.shape(mask)[2:]))
        outputs = self.layer(ops.reshape(inputs, (batch * time, *rest)), **options)
        return tree.map_structure(
            lambda y: ops.reshape(y, (batch, time, *ops.shape(y)[1:])), outputs
        )
