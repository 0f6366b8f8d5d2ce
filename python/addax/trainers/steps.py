"""The steps of a model: what happens to one batch. All of them may be overridden."""

from __future__ import annotations

import inspect
from typing import Any

from addax import ops, tree
from addax.backend.tensor import is_tensor
from addax.trainers.compilation import Compilation
from addax.trainers.data_adapters.unpack import unpack_x_y_sample_weight


class Steps(Compilation):
    """`train_step`, `test_step`, `predict_step`, and the loss and metrics in them."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Forward, backward, and the optimizer's step on one batch.

        Args:
            data: `(x,)`, `(x, y)` or `(x, y, sample_weight)`, tensors.

        Returns:
            Dict of results by name.
        """
        from addax.gradient_tape import GradientTape

        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self._compute_loss(x, y, y_pred, sample_weight, training=True)
            self._track_loss(loss, x)
            variables = self.trainable_variables
            if self.optimizer is not None:
                if not self.optimizer.built:
                    # The recorded scale of the loss must be the optimizer's variable.
                    self.optimizer.build(variables)
                loss = self.optimizer.scale_loss(loss)
        if variables and self.optimizer is not None:
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Forward, loss and metrics of one batch; see `train_step`."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        loss = self._compute_loss(x, y, y_pred, sample_weight, training=False)
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)

    def _predict_arrays(self, data: Any) -> Any:
        """The outputs of `predict_step` in dtypes that NumPy has: bfloat16 becomes float32."""
        return tree.map_structure(_for_numpy, self.predict_step(data))

    def _track_loss(self, loss: Any, x: Any) -> None:
        from addax.trainers.compile_loss import batch_size_of

        if self._loss_tracker is not None and loss is not None:
            first = tree.flatten(x)[0]
            self._loss_tracker.update_state(loss, sample_weight=batch_size_of(first))

    # The loss

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of `compile` plus those that layers added (regularizers, `add_loss`), a scalar.

        Args:
            x: Inputs.
            y: Targets.
            y_pred: Predictions.
            sample_weight: Weights.
            training: Whether this is a training step.

        Raises:
            ValueError: If there is nothing to minimize.
        """
        from addax import ops

        total = None
        if self._compile_loss is not None:
            total = self._compile_loss(y, y_pred, sample_weight)
        for added in self.losses:
            added = ops.sum(ops.cast(added, "float32"))
            total = added if total is None else total + added
        if total is None:
            if training:
                raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
            total = ops.zeros(())
        return total

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """Calls `compute_loss`, which may be overridden without `training`."""
        arguments = inspect.signature(self.compute_loss).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in arguments.values())
        given = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        if "training" in arguments or takes_any:
            given["training"] = training
        return self.compute_loss(**given)

    # Metrics

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Adds a batch to the metrics of `compile`.

        Returns:
            Dict of all results so far by name.
        """
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Results of all metrics so far by name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            if metric is self._compile_metrics and not metric.built:
                continue
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[metric.name] = value
        return results

    @property
    def metrics(self) -> list[Any]:
        """The loss's mean, the metrics of `compile`, then those of the model and its layers."""
        found: list[Any] = []
        if self.compiled:
            if self._loss_tracker is not None:
                found.append(self._loss_tracker)
            if self._compile_metrics is not None:
                found.append(self._compile_metrics)
            if self._compile_loss is not None:
                found.extend(self._compile_loss.metrics)
        own = [metric for layer in self._flatten_layers() for metric in layer._metrics]
        seen = {id(metric) for metric in found}
        return found + [metric for metric in own if id(metric) not in seen]

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Sets all metrics to their beginning."""
        for metric in self.metrics:
            metric.reset_state()


def _for_numpy(x: Any) -> Any:
    return ops.cast(x, "float32") if is_tensor(x) and x.dtype == "bfloat16" else x
