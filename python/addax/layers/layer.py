"""Layer: a function of tensors with state, the unit that models are made of."""

from __future__ import annotations

import inspect
import warnings
from functools import wraps
from typing import Any

from addax import dtype_policies, tree
from addax.backend.keras_tensor import KerasTensor, any_symbolic
from addax.backend.masking import get_keras_mask, set_keras_mask
from addax.backend.names import current_path, name_scope
from addax.backend.tensor import Tensor, convert_to_tensor
from addax.backend.variable import AutocastScope, Variable, _autocast_dtype, init_scope
from addax.layers.call_context import CallContext
from addax.layers.call_context import current as current_call
from addax.layers.call_signature import (
    CallSignature,
    is_mask_name,
    is_tensor_like,
    shapes_for,
    shapes_of,
    tensor_arguments,
)
from addax.layers.input_spec import assert_input_compatibility
from addax.layers.losses import LayerLosses
from addax.layers.state import LayerState
from addax.ops.call_errors import call_with_argument_info, filter_traceback, same_type
from addax.ops.operation import Operation


class Layer(LayerLosses, LayerState, Operation):
    """Base class of all layers.

    A subclass makes its weights in `build(input_shape)` with `add_weight`, and computes in `call`.
    Layers, variables, metrics and seed generators in its attributes become part of its state, in
    lists and dicts too.

    Args:
        activity_regularizer: Regularizer of the outputs.
        trainable: Whether training changes the weights.
        dtype: Dtype or dtype policy of computation and weights; the global policy if `None`.
        autocast: Whether floating-point inputs are cast to the compute dtype.
        name: Unique name; made from the class name if `None`.
        input_shape, batch_input_shape, batch_shape, input_dim, batch_size: Shape of the input,
            where the layer is the first of a `Sequential`.

    Raises:
        ValueError: If there are other keyword arguments.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _tracked_build(cls.__dict__["build"])

    def __init__(
        self,
        *,
        activity_regularizer=None,
        trainable=True,
        dtype=None,
        autocast=True,
        name=None,
        **kwargs,
    ):
        from addax import regularizers

        self._declared_input_shape = _declared_shape(kwargs)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )
        Operation.__init__(self, name=name)
        self._init_state(bool(trainable))
        self._init_losses(regularizers.get(activity_regularizer))
        self._dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        self.built = False
        self.input_spec = None
        self.supports_jit = True
        self._supports_masking = getattr(self, "_supports_masking", False)
        self._building = False
        self._build_shapes: dict[str, Any] | None = None
        self._convert_input_args = True
        self._allow_non_tensor_positional_args = False
        self._super_was_called = True

    # Building

    def build(self, input_shape):
        """Makes the weights. Called once, before the first call.

        Args:
            input_shape: Shape of the input, `None` where unknown, nested as the input is. A layer
                with several tensor arguments may instead take one `<argument>_shape` for each.
        """
        self._check_super_called()
        if getattr(type(self).build, "_is_default", False) and self._has_unbuilt_sublayers():
            warnings.warn(
                f"`build()` was called on layer '{self.name}', however the layer does not have a "
                "`build()` method implemented and it looks like it has unbuilt state. This will "
                "cause the layer to be marked as built, despite not being actually built, which "
                "may cause failures down the line. Make sure to implement a proper `build()` "
                "method.",
                stacklevel=2,
            )
        self.built = True

    def _build_at_init(self) -> None:
        """Marks a layer without weights as built; not if a subclass has a `build` of its own."""
        if getattr(type(self).build, "_is_default", False):
            self.built = True

    def _has_unbuilt_sublayers(self) -> bool:
        return any(not layer.built for layer in self._layers)

    def _maybe_build(self, arguments: dict[str, Any], args: tuple, kwargs: dict) -> None:
        shapes = shapes_of(arguments)
        if not getattr(type(self).build, "_is_default", False):
            try:
                self.build(**shapes_for(self.build, shapes, self))
            except ValueError as error:
                raise self._build_error(error, arguments) from error
            # build() may have set or narrowed the input_spec.
            self._check_input_spec(arguments)
            return
        self._path = current_path()
        if self._has_unbuilt_sublayers() and any_symbolic(args, kwargs):
            # On real inputs sublayers build themselves in call(); for symbolic ones
            # compute_output_shape() may answer without running it.
            self._build_by_tracing(args, kwargs)
        self._build_shapes = dict(list(shapes.items())[:1])
        self.built = True
        if not self._trainable:
            self._freeze_own_variables()

    def _build_error(self, error: ValueError, arguments: dict[str, Any]) -> Exception:
        """The error with the name of this layer and of those that gave it its inputs."""
        if getattr(error, "_names_layer", False):  # of a layer inside this one
            return error
        inputs = tree.flatten(list(tensor_arguments(arguments).values()))
        histories = [getattr(x, "_keras_history", None) for x in inputs]
        sources = [f"'{history.operation.name}'" for history in histories if history is not None]
        text = str(error).rstrip()
        text += "" if text.endswith(".") else "."
        message = f"{text} This happened while layer '{self.name}' was built"
        if sources:
            message += f" on what {' and '.join(dict.fromkeys(sources))} gave"
        message += "."
        named = same_type(error, message)
        named._names_layer = True  # type: ignore[attr-defined]
        return named

    def _build_by_tracing(self, args: tuple, kwargs: dict) -> None:
        from addax.backend.symbolic import compute_output_spec

        try:
            with init_scope():
                compute_output_spec(self.call, *args, **kwargs)
        except Exception as error:
            raise ValueError(
                f"Layer '{self.name}' looks like it has unbuilt state, but its `call()` could not "
                "be traced in order to build it automatically. Implement `build()`, or fix this "
                f"error: {error}"
            ) from error

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built with; `None` before."""
        shapes = self._build_shapes
        if shapes is None:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer with the shapes of `get_build_config`."""
        if not config:
            return
        if "input_shape" in config:
            self.build(_shape_from_config(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{k: _shape_from_config(v) for k, v in config["shapes_dict"].items()})
        else:
            raise ValueError(
                f"Cannot build layer '{self.name}' from the config {config}: it has neither "
                "'input_shape' nor 'shapes_dict'."
            )

    # Calling

    @filter_traceback
    def __call__(self, *args, **kwargs):
        """Builds the layer if need be, and calls it; on `KerasTensor`s, adds it to their graph."""
        self._check_super_called()
        if self._convert_input_args:
            args = tuple(self._convert_argument(x, positional=True) for x in args)
            if kwargs:
                kwargs = {k: self._convert_argument(v) for k, v in kwargs.items()}
        if not self._allow_non_tensor_positional_args:
            _check_positional(args)
        signature = self._call_signature
        arguments = signature.bind(args, kwargs)
        if self.input_spec is not None:
            self._check_input_spec(arguments)

        outer = current_call.context
        if outer is None:
            context = current_call.context = CallContext(self, None)
            self._clear_losses()
        else:
            context = outer
        inherited = context.training
        try:
            training = kwargs.get("training")
            if training is None:
                training = arguments.get("training", inherited)
            if training is None:
                training = inherited if inherited is not None else signature.training_default
            context.training = training
            with name_scope(self.name, caller=self):
                if not self.built:
                    self._maybe_build(arguments, args, kwargs)
                if any_symbolic(args, kwargs):
                    return self._call_symbolically(args, kwargs, arguments)
                return self._call_eagerly(args, kwargs, arguments, training)
        finally:
            context.training = inherited
            if outer is None:
                current_call.context = None

    # Old Keras and TensorFlow.js call a layer this way.
    apply = __call__

    def _call_eagerly(self, args, kwargs, arguments, training):
        signature = self._call_signature
        if signature.has_training:
            if training is not None and arguments.get("training") is None:
                kwargs = {**kwargs, "training": training}
        elif "training" in kwargs:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        if signature.mask_names:
            masks = self._masks_of(arguments)
            if masks:
                kwargs = {**kwargs, **masks}
        compute = self.compute_dtype if self._casts_variables() else None
        if compute != _autocast_dtype():
            with AutocastScope(compute):
                outputs = call_with_argument_info(self, self.call, args, kwargs)
        else:
            outputs = call_with_argument_info(self, self.call, args, kwargs)
        if self.activity_regularizer is not None:
            self._add_activity_losses(outputs)
        self._pass_masks_on(arguments, outputs, self.compute_mask)
        return outputs

    def _call_symbolically(self, args, kwargs, arguments):
        # The graph keeps only what the caller gave: masks and the training flag are found anew
        # at each run, so that they never freeze into the model.
        if "training" in kwargs and not self._call_signature.has_training:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        outputs = call_with_argument_info(self, self.symbolic_call, args, kwargs)

        def compute_mask(inputs, previous_mask):
            from addax.backend.symbolic import compute_output_spec

            if not any_symbolic((inputs, previous_mask)):
                return self.compute_mask(inputs, previous_mask)
            return compute_output_spec(self.compute_mask, inputs, previous_mask)

        self._pass_masks_on(arguments, outputs, compute_mask)
        return outputs

    def call(self, *args, **kwargs):
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented."
        )

    @property
    def _call_signature(self) -> CallSignature:
        cls = type(self)
        if "call" in self.__dict__:
            return CallSignature(self.call)
        kept = cls.__dict__.get("_kept_call_signature")
        if kept is None or kept[0] is not cls.call:
            kept = (cls.call, CallSignature(self.call))
            setattr(cls, "_kept_call_signature", kept)  # noqa: B010 - no attribute of Layer itself
        return kept[1]

    @property
    def _call_has_training_arg(self) -> bool:
        return self._call_signature.has_training

    def _check_super_called(self) -> None:
        if not self.__dict__.get("_super_was_called"):
            raise RuntimeError(
                f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as "
                "the first statement in the `__init__()` method. Go add it!"
            )

    def _check_input_spec(self, arguments: dict[str, Any]) -> None:
        if self.input_spec is not None and arguments:
            assert_input_compatibility(self.input_spec, next(iter(arguments.values())), self)

    def _convert_argument(self, x, positional: bool = False):
        if type(x) is Tensor:
            return self._dtype_policy.convert_input(x, self.autocast, self.input_dtype)
        if positional and isinstance(x, (list, tuple)) and _holds_only_numbers(x):
            x = convert_to_tensor(x)
        if tree.is_nested(x):
            return tree.map_structure(self._convert_argument, x)
        return self._dtype_policy.convert_input(x, self.autocast, self.input_dtype)

    # Shapes

    def compute_output_shape(self, *args, **kwargs):
        """Shape of the output for the shape of the input; found by running `call` symbolically."""
        shapes = [*args, *kwargs.values()]
        if len(shapes) != 1:
            raise NotImplementedError(
                f"Layer {type(self).__name__} has several input shapes and does not implement "
                "`compute_output_shape()`. Use `compute_output_spec()` with KerasTensors."
            )
        inputs = map_shapes(lambda s: KerasTensor(s, dtype=self.input_dtype), shapes[0])
        outputs = self.compute_output_spec(inputs)
        return tree.map_structure(lambda x: x.shape, outputs)

    compute_output_shape._is_default = True  # type: ignore[attr-defined]

    def compute_output_spec(self, *args, **kwargs):
        """`KerasTensor`s like the outputs of `call` for inputs like these.

        A subclass's `compute_output_shape` gives the shapes; without, `call` is run on symbolic
        values.
        """
        if getattr(type(self).compute_output_shape, "_is_default", False):
            compute = self.compute_dtype if self._casts_variables() else None
            with AutocastScope(compute):
                return super().compute_output_spec(*args, **kwargs)
        arguments = self._call_signature.bind(args, kwargs)
        shapes = shapes_for(self.compute_output_shape, shapes_of(arguments), self)
        return map_shapes(
            lambda shape: KerasTensor(shape, dtype=self.compute_dtype),
            self.compute_output_shape(**shapes),
        )

    # Masks

    @property
    def supports_masking(self) -> bool:
        """Whether the layer passes the mask of its input on, or makes a new one."""
        return self._supports_masking

    @supports_masking.setter
    def supports_masking(self, value: bool) -> None:
        self._supports_masking = value

    def compute_mask(self, inputs, previous_mask):
        """The mask of the outputs, from the inputs and their mask."""
        return previous_mask

    compute_mask._is_default = True  # type: ignore[attr-defined]

    def _masks_of(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The masks of tensor arguments under the names that `call` has for them."""
        tensors = {k: v for k, v in tensor_arguments(arguments).items() if not is_mask_name(k)}
        found = {}
        for name in self._call_signature.mask_names:
            if arguments.get(name) is not None:
                continue
            # `mask` belongs to the first tensor, `query_mask` to the argument `query`.
            source = tensors.get(name[: -len("_mask")])
            if name == "mask":
                source = next(iter(tensors.values()), None)
            if source is None:
                continue
            mask = tree.map_structure(get_keras_mask, source)
            if mask is not None and any(m is not None for m in tree.flatten(mask)):
                found[name] = mask
        return found

    def _pass_masks_on(self, arguments: dict[str, Any], outputs, compute_mask) -> None:
        if not arguments:
            return
        first = next(iter(arguments.values()))
        if (
            getattr(first, "_keras_mask", None) is None
            and not tree.is_nested(first)
            and (
                not self._supports_masking or getattr(type(self).compute_mask, "_is_default", False)
            )
        ):
            return  # no mask came in, and the layer makes none
        previous = tree.map_structure(get_keras_mask, first)
        if not self.supports_masking:
            if previous is not None and any(m is not None for m in tree.flatten(previous)):
                self._warn_of_lost_mask()
            return
        flat = tree.flatten(outputs)
        if all(get_keras_mask(x) is not None for x in flat):
            return
        masks = compute_mask(first, previous)
        if masks is None:
            return
        masks = tree.flatten(masks) if len(flat) > 1 or tree.is_nested(masks) else [masks]
        for x, mask in zip(flat, masks, strict=False):
            if get_keras_mask(x) is None and mask is not None:
                set_keras_mask(x, mask)

    def _warn_of_lost_mask(self) -> None:
        if self._call_signature.mask_names:
            return  # it consumes the mask
        warnings.warn(
            f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask "
            "attached to it. However, this layer does not support masking and will therefore "
            "destroy the mask information. Downstream layers will not see the mask.",
            stacklevel=2,
        )

    # Dtypes

    @property
    def dtype_policy(self):
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value) -> None:
        self._dtype_policy = dtype_policies.get(value)

    def _own_policy(self):
        policy = self._dtype_policy
        if isinstance(policy, dtype_policies.DTypePolicyMap) and self.path:
            return policy[self.path]
        return policy

    @property
    def dtype(self) -> str:
        """Alias of `variable_dtype`."""
        return self.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """Dtype that the layer computes in."""
        return self._own_policy().compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the layer's weights."""
        return self._own_policy().variable_dtype

    @property
    def input_dtype(self) -> str:
        """Dtype that floating-point inputs are cast to."""
        return self.compute_dtype

    def _casts_variables(self) -> bool:
        policy = self._own_policy()
        return self.autocast and policy.compute_dtype != policy.variable_dtype

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, for `from_config`."""
        self._check_super_called()
        from addax import regularizers

        base = super().get_config()
        config = {
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self._dtype_policy),
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return {**base, **config}

    get_config._is_default = True  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __str__(self) -> str:
        return self.__repr__()


def _tracked_build(build):
    """`build` that runs once at a time, under the layer's name, and notes shapes and success."""

    @wraps(build)
    def wrapper(self, *args, **kwargs):
        if self.__dict__.get("_building"):  # super().build() inside build()
            return build(self, *args, **kwargs)
        self._check_super_called()
        self._building = True
        try:
            with init_scope(), name_scope(self.name, caller=self):
                self._path = current_path()
                build(self, *args, **kwargs)
        finally:
            self._building = False
        self._build_shapes = _bound_shapes(build, self, args, kwargs)
        self.built = True
        if not self._trainable:
            self._freeze_own_variables()
        self._lock_state()

    return wrapper


def _bound_shapes(build, layer, args, kwargs) -> dict[str, Any]:
    bound = dict(inspect.signature(build).bind(layer, *args, **kwargs).arguments)
    bound.pop(next(iter(bound)))
    return bound


Layer.build._is_default = True  # type: ignore[attr-defined]
_plain_build = Layer.build
Layer.build = _tracked_build(_plain_build)  # type: ignore[method-assign]


def _check_positional(args: tuple) -> None:
    for arg in args:
        if arg is None or isinstance(arg, (Tensor, KerasTensor)):
            continue
        for leaf in tree.flatten(arg):
            if leaf is not None and not is_tensor_like(leaf):
                raise ValueError(
                    "Only input tensors may be passed as positional arguments. The following "
                    f"argument value should be passed as a keyword argument: {leaf} (of type "
                    f"{type(leaf)})"
                )


def _holds_only_numbers(x) -> bool:
    leaves = tree.flatten(x)
    return bool(leaves) and all(isinstance(leaf, (int, float)) for leaf in leaves)


def _declared_shape(kwargs: dict) -> tuple | None:
    """Takes the arguments that declare an input shape out of `kwargs`; returns it with batch."""
    batch_size = kwargs.pop("batch_size", None)
    input_dim = kwargs.pop("input_dim", None)
    input_shape = kwargs.pop("input_shape", None)
    batch_shape = kwargs.pop("batch_input_shape", None)
    if batch_shape is None:
        batch_shape = kwargs.pop("batch_shape", None)
    if batch_shape is not None:
        return tuple(batch_shape)
    if input_shape is None and input_dim is not None:
        input_shape = (input_dim,)
    if input_shape is None:
        return None
    if not isinstance(input_shape, (list, tuple)):
        input_shape = (input_shape,)
    return (batch_size, *input_shape)


def is_shape(x) -> bool:
    """Whether `x` is the shape of one tensor: a tuple or list of sizes and `None`s."""
    return isinstance(x, (list, tuple)) and all(
        d is None or (hasattr(d, "__index__") and not isinstance(d, Variable)) for d in x
    )


def map_shapes(function, shapes):
    """`function` of each shape in a nest of shapes."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {k: map_shapes(function, v) for k, v in shapes.items()}
    if isinstance(shapes, (list, tuple)):
        return type(shapes)(map_shapes(function, v) for v in shapes)
    return None if shapes is None else function(tuple(shapes))


def _shape_from_config(shapes):
    """Shapes of a JSON config, where tuples have become lists."""
    return map_shapes(tuple, shapes)
