"""The parameters of a layer's `call`, and how the arguments of one call fall on them."""

from __future__ import annotations

import inspect
from typing import Any

from addax import tree
from addax.backend.keras_tensor import KerasTensor
from addax.backend.tensor import is_tensor
from addax.backend.variable import Variable

_NO_TENSORS = (str, int, float, bool, type(None))


class CallSignature:
    """Parameters of `call`, read once per class.

    Attributes:
        names: Names of the parameters that can be given by position, in order.
        required: Names of the parameters without a default.
        one_is_enough: Whether one positional argument makes a call.
        has_training: Whether there is a parameter `training`.
        training_default: Its default.
        parameters: Names of all parameters.
        mask_names: Names of the parameters for masks.
    """

    def __init__(self, call):
        self.signature = inspect.signature(call)
        parameters = self.signature.parameters
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.names = [p.name for p in parameters.values() if p.kind in positional]
        self.parameters = frozenset(parameters)
        self.mask_names = [name for name in parameters if is_mask_name(name)]
        self.takes_any = any(
            p.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            for p in parameters.values()
        )
        required = (
            p.name
            for p in parameters.values()
            if p.default is inspect.Parameter.empty
            and p.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        )
        self.required = frozenset(required)
        self.one_is_enough = not self.takes_any and self.required <= set(self.names[:1])
        self.has_training = "training" in parameters
        default = parameters["training"].default if self.has_training else None
        self.training_default = None if default is inspect.Parameter.empty else default

    def bind(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        """The given arguments by name, in order of the parameters; defaults are left out.

        Raises:
            TypeError: If they do not fit the signature.
        """
        if len(args) == 1 and not kwargs and self.names and self.one_is_enough:
            return {self.names[0]: args[0]}
        if not self.takes_any and len(args) <= len(self.names):
            bound = dict(zip(self.names, args, strict=False))
            if self.parameters.issuperset(kwargs) and bound.keys().isdisjoint(kwargs):
                bound.update(kwargs)
                if self.required <= bound.keys():
                    return bound
        return self._bind_slowly(args, kwargs)

    def _bind_slowly(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        # `training` may be handed to layers whose call() does not take it: it sets the context.
        known = {k: v for k, v in kwargs.items() if k != "training" or self.has_training}
        bound: dict[str, Any] = {}
        for name, value in self.signature.bind(*args, **known).arguments.items():
            kind = self.signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_KEYWORD:
                bound.update(value)
            elif kind is not inspect.Parameter.VAR_POSITIONAL or value:
                bound[name] = value
        return bound


def is_tensor_like(x) -> bool:
    """Whether `x` is a tensor, symbolic or not, or a variable."""
    return isinstance(x, (KerasTensor, Variable)) or is_tensor(x)


def tensor_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Those arguments that are tensors or nested tensors.

    Raises:
        ValueError: If one mixes tensors and other things.
    """
    found = {}
    for name, value in arguments.items():
        if isinstance(value, _NO_TENSORS):
            continue
        if is_tensor_like(value):
            found[name] = value
        elif tree.is_nested(value):
            leaves = [leaf for leaf in tree.flatten(value) if leaf is not None]
            tensors = sum(is_tensor_like(leaf) for leaf in leaves)
            if tensors and tensors == len(leaves):
                found[name] = value
            elif tensors:
                raise ValueError(
                    "In a nested call() argument, you cannot mix tensors and non-tensors. "
                    f"Received invalid mixed argument: {name}={value}"
                )
    return found


def is_mask_name(name: str) -> bool:
    return name == "mask" or name.endswith("_mask")


def shapes_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"x_shape": shape}` for every tensor argument `x` but masks; nested where `x` is."""

    def shape_of(x):
        return None if x is None else tuple(x.shape)

    return {
        f"{name}_shape": tree.map_structure(shape_of, value)
        for name, value in tensor_arguments(arguments).items()
        if not is_mask_name(name)
    }


def shapes_for(target, shapes: dict[str, Any], layer) -> dict[str, Any]:
    """The shapes as keyword arguments of `target`, a `build` or `compute_output_shape` method.

    A method with one parameter gets the shape of the first tensor argument; one with several must
    name them after the arguments of `call`, with `_shape` after the name.

    Raises:
        ValueError: If the names do not match.
    """
    parameters = inspect.signature(target).parameters.values()
    names = [
        p.name
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY, p.KEYWORD_ONLY)
    ]
    if len(names) == 1:
        return {names[0]: next(iter(shapes.values()), None)}
    known = layer._call_signature.parameters
    for name in names:
        if not name.endswith("_shape") or name.removesuffix("_shape") not in known:
            raise ValueError(
                f"For a `{target.__name__}()` method with more than one argument, all arguments "
                "should have a `_shape` suffix and match an argument from `call()`. "
                f"E.g. `{target.__name__}(self, foo_shape, bar_shape)`. For layer "
                f"'{layer.name}' (of type {type(layer).__name__}), received argument `{name}`, but "
                f"`call()` has the arguments {sorted(known)}."
            )
    required = {p.name for p in parameters if p.default is p.empty and p.name not in shapes}
    return {name: shapes.get(name) for name in names if name in shapes or name in required}
