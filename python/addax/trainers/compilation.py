"""`compile`: the optimizer, loss and metrics of a model."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from addax.layers.layer import Layer as _Mixed
else:
    _Mixed = object


class Compilation(_Mixed):
    """What `compile` is given, and what it makes of it. Mixed into a layer."""

    compiled = False
    optimizer: Any = None
    loss: Any = None
    steps_per_execution = 1
    _run_eagerly = False
    _jit_compile: bool | str = "auto"
    _compile_loss: Any = None
    _compile_metrics: Any = None
    _loss_tracker: Any = None
    _compile_config: dict[str, Any] | None = None
    _compiled_trainable: dict[int, bool] | None = None
    train_function: Any = None
    test_function: Any = None
    predict_function: Any = None
    _quick_predict: Any = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Sets how the model is trained.

        Args:
            optimizer: Name, config or object of an optimizer.
            loss: Name, config, object or function `f(y_true, y_pred)`; a list, tuple or dict of
                them for several outputs.
            loss_weights: Float, or floats by output.
            metrics: List of names, objects or functions; for several outputs nested like them.
            weighted_metrics: Metrics that take sample weights into account.
            run_eagerly: Whether steps run as Python instead of as recorded programs, for debugging.
            steps_per_execution: Number of batches between two calls of batch hooks.
            jit_compile: Kept for Keras's signature: steps are always recorded programs.
            auto_scale_loss: Whether a float16 policy wraps the optimizer in loss scaling.

        Raises:
            ValueError: If an optimizer, loss or metric is unknown, or of a wrong type.
        """
        from addax import optimizers
        from addax.metrics import Mean
        from addax.trainers.compile_loss import CompileLoss, check_losses
        from addax.trainers.compile_metrics import CompileMetrics

        if run_eagerly and jit_compile is True:
            warnings.warn(
                "If `run_eagerly` is True, then `jit_compile` cannot also be True. "
                "Disabling `jit_compile`.",
                stacklevel=2,
            )
            jit_compile = False
        if not isinstance(steps_per_execution, int) or steps_per_execution < 0:
            raise ValueError(
                "`steps_per_execution` must be a positive integer. "
                f"Received: steps_per_execution={steps_per_execution}"
            )
        found = optimizers.get(optimizer)
        if auto_scale_loss and found is not None:
            found = self._with_loss_scale(found)
        check_losses(loss)
        names = getattr(self, "output_names", None)
        compile_loss = None
        if loss is not None:
            compile_loss = CompileLoss(loss, loss_weights, output_names=names)
        compile_metrics = None
        if metrics or weighted_metrics:
            compile_metrics = CompileMetrics(
                metrics, weighted_metrics, name="compile_metrics", output_names=names
            )
        self.optimizer = found
        self.loss = loss
        self._compile_loss = compile_loss
        self._compile_metrics = compile_metrics
        self._loss_tracker = Mean(name="loss")
        self.steps_per_execution = steps_per_execution or 1
        self._run_eagerly = bool(run_eagerly)
        self._jit_compile = jit_compile
        self.stop_training = False
        self._forget_programs()
        self._compile_config = {
            "optimizer": found,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": bool(run_eagerly),
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_compile,
        }
        self.compiled = True
        self._compiled_trainable = self._trainable_by_layer()

    def _with_loss_scale(self, optimizer: Any) -> Any:
        """The optimizer with loss scaling if the model computes in float16."""
        from addax import optimizers

        policy = getattr(self, "dtype_policy", None)
        if getattr(policy, "name", None) != "mixed_float16":
            return optimizer
        wrapper = getattr(optimizers, "LossScaleOptimizer", None)
        if wrapper is None or isinstance(optimizer, wrapper):
            return optimizer
        return wrapper(optimizer, name="loss_scale_optimizer")

    def _forget_programs(self) -> None:
        """Drops all recordings; to be called when the model computes something else from now on."""
        self.train_function = self.test_function = self.predict_function = None
        self._quick_predict = None

    # How steps run

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run as Python instead of as recorded programs."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._run_eagerly = bool(value)
        self._forget_programs()

    @property
    def jit_compile(self) -> bool:
        """Whether steps are compiled; they are unless they run eagerly."""
        if self._jit_compile == "auto":
            return not self._run_eagerly
        return bool(self._jit_compile)

    @jit_compile.setter
    def jit_compile(self, value: bool | str) -> None:
        self._jit_compile = value

    @property
    def compiled_loss(self) -> Any:
        """The losses of `compile` as one; `None` without."""
        return self._compile_loss

    @property
    def compiled_metrics(self) -> Any:
        """The metrics of `compile` as one; `None` without."""
        return self._compile_metrics

    def _assert_compile_called(self, method_name: str | None = None) -> None:
        if not self.compiled:
            raise ValueError("You must call `compile()` before using the model.")

    # Changes of `trainable` since `compile`

    def _trainable_by_layer(self) -> dict[int, bool]:
        return {id(layer): layer.trainable for layer in self._flatten_layers()}

    def _warn_if_trainable_changed(self) -> None:
        before = self._compiled_trainable or {}
        changed = [
            layer.name
            for layer in self._flatten_layers()
            if before.get(id(layer), layer.trainable) != layer.trainable
        ]
        if changed:
            warnings.warn(
                "A layer's `trainable` state has changed since the model was compiled. This can "
                "result in unexpected behavior, as the compiled optimizer and loss functions may "
                "not track the correct variables. Please recompile your model (e.g. "
                "`model.compile(...)`) before calling `fit()` or `evaluate()` so the change takes "
                f"effect. Changed layers: {changed}",
                stacklevel=3,
            )

    # Configs

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of `compile`, JSON-able; `None` for a model that is not compiled."""
        if not self.compiled or self._compile_config is None:
            return None
        from addax.saving.serialization import serialize_keras_object

        return {name: serialize_keras_object(value) for name, value in self._compile_config.items()}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with the arguments that `get_compile_config` gave, and builds the optimizer."""
        if _defining_class(type(self), "compile") is not Compilation:
            warnings.warn(
                "`compile()` was not called as part of model loading because the model's "
                "`compile()` method is custom. All subclassed Models that have `compile()` "
                "overridden should also override `get_compile_config()` and "
                "`compile_from_config(config)`. Alternatively, you can call `compile()` manually "
                "after loading.",
                stacklevel=2,
            )
            return
        from addax.saving.serialization import deserialize_keras_object

        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)


def _defining_class(cls: type, name: str) -> type | None:
    return next((c for c in cls.__mro__ if name in c.__dict__), None)
