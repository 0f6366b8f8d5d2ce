"""Losses that layers add by themselves: `add_loss`, and regularizers of weights and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from addax import tree
from addax.backend.tensor import convert_to_tensor, is_tensor

if TYPE_CHECKING:
    from addax.backend.variable import Variable


class LayerLosses:
    """Collects the losses of a layer's last call."""

    # Whether any layer ever added a loss; spares a walk over all sublayers at each call.
    _some_layer_added = False

    if TYPE_CHECKING:
        trainable_variables: list[Variable]

        def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list: ...

    def _init_losses(self, activity_regularizer) -> None:
        self.activity_regularizer = activity_regularizer
        self._losses: list[Any] = []

    def add_loss(self, loss) -> None:
        """Adds a scalar, or several, to what training minimizes. To be used inside `call`.

        Raises:
            ValueError: If it is not a tensor.
        """
        for x in tree.flatten(loss):
            if isinstance(x, (int, float)) or hasattr(x, "__addax_tensor__"):
                x = convert_to_tensor(x)
            if not is_tensor(x):
                raise ValueError(
                    "`add_loss()` can only be called from inside `build()` or `call()`, on a "
                    f"tensor input. Received invalid value: {x}"
                )
            self._losses.append(x)
            LayerLosses._some_layer_added = True

    def _add_activity_losses(self, outputs) -> None:
        """The activity regularizer's value for each output, per sample."""
        from addax import ops

        for x in tree.flatten(outputs):
            if is_tensor(x):
                value = self.activity_regularizer(x)
                batch = ops.cast(ops.shape(x)[0], value.dtype)
                self.add_loss(value / batch)

    @property
    def losses(self) -> list:
        """Losses added in the last call, sublayers included, then regularizers of weights."""
        layers = self._flatten_layers()
        found = [x for layer in layers for x in layer._current_losses()]
        for v in self.trainable_variables:
            if v.regularizer is not None:
                found.append(v.regularizer(v))
        return found

    def _current_losses(self) -> list:
        from addax import _core

        if not _core.is_recording():
            # Losses of a program that has been recorded have no value of their own.
            self._losses = [x for x in self._losses if not x.symbolic]
        return self._losses

    def _clear_losses(self) -> None:
        if LayerLosses._some_layer_added:
            for layer in self._flatten_layers():
                layer._losses = []
