"""The triple initializer, regularizer, constraint that Keras layers take for each weight.

A layer that has a weight `kernel` has the attributes `kernel_initializer`,
`kernel_regularizer` and `kernel_constraint`; these functions set them, use them and write
them to the config, so that a layer lists its weights once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from addax import constraints, initializers, regularizers

if TYPE_CHECKING:
    from addax.backend.variable import Variable
    from addax.layers.layer import Layer


def set_weight_options(layer: Layer, **options: tuple[Any, Any, Any]) -> None:
    """Sets `<name>_initializer`, `<name>_regularizer`, `<name>_constraint` for each name."""
    for name, (initializer, regularizer, constraint) in options.items():
        setattr(layer, f"{name}_initializer", initializers.get(initializer))
        setattr(layer, f"{name}_regularizer", regularizers.get(regularizer))
        setattr(layer, f"{name}_constraint", constraints.get(constraint))


def add_optioned_weight(
    layer: Layer, name: str, shape: tuple[int | None, ...], options: str | None = None, **kwargs
) -> Variable:
    """Adds the weight `name` with the options kept under `options` (default: its own name)."""
    options = options or name
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=kwargs.pop("initializer", getattr(layer, f"{options}_initializer")),
        regularizer=getattr(layer, f"{options}_regularizer"),
        constraint=getattr(layer, f"{options}_constraint"),
        **kwargs,
    )


def weight_options_config(
    layer: Layer, *names: str, activity_regularizer: bool = True
) -> dict[str, Any]:
    """The config entries for the options of the named weights, in Keras's order.

    With `activity_regularizer` the layer's activity regularizer stands among them, as in the
    layers whose config always shows it.
    """
    config: dict[str, Any] = {
        f"{name}_initializer": initializers.serialize(getattr(layer, f"{name}_initializer"))
        for name in names
    }
    for name in names:
        regularizer = getattr(layer, f"{name}_regularizer")
        config[f"{name}_regularizer"] = regularizers.serialize(regularizer)
    if activity_regularizer:
        config["activity_regularizer"] = regularizers.serialize(layer.activity_regularizer)
    for name in names:
        constraint = getattr(layer, f"{name}_constraint")
        config[f"{name}_constraint"] = constraints.serialize(constraint)
    return config
