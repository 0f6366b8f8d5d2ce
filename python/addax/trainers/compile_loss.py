"""CompileLoss: the losses given to `compile`, as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax import losses as losses_module
from addax import tree
from addax.losses import Loss
from addax.trainers.output_structure import Outputs, deal_out, is_leaf_identifier


class CompileLoss:
    """Weighted sum of one loss per output.

    Args:
        loss: A loss (name, object, callable, config), or a list, tuple, dict of them by output.
        loss_weights: A float, or floats by output.
        reduction: Reduction of losses that are given as callables.
        output_names: Names of the outputs of a functional model.

    Raises:
        ValueError: If a loss is unknown or the weights are no numbers.
    """

    def __init__(
        self,
        loss: Any,
        loss_weights: Any = None,
        reduction: str | None = "sum_over_batch_size",
        output_names: list[str] | None = None,
    ) -> None:
        if loss_weights is not None and not isinstance(
            loss_weights, (list, tuple, dict, int, float)
        ):
            raise ValueError(
                "Expected `loss_weights` argument to be a float (single output case) or a list, "
                "tuple, or dict (multiple output case). "
                f"Received instead: loss_weights={loss_weights} of type {type(loss_weights)}"
            )
        self._user_loss = loss
        self._user_loss_weights = loss_weights
        self.reduction = reduction
        self.output_names = output_names
        self.built = False
        self._outputs: Any = None
        self._losses: list[Loss | None] = []
        self._weights: list[float | None] = []
        self._means: list[Any] = []

    @property
    def metrics(self) -> list[Any]:
        """With several outputs, the mean loss of each one."""
        return [mean for mean in self._means if mean is not None]

    @property
    def variables(self) -> list[Any]:
        return [variable for metric in self.metrics for variable in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Finds the loss of each output.

        Raises:
            ValueError, KeyError: If losses or weights do not fit the outputs.
        """
        outputs = Outputs(y_pred, self.output_names)
        given = self._user_loss
        while isinstance(given, (list, tuple)) and outputs.single and len(given) == 1:
            if tree.is_nested(y_pred):
                break
            given = given[0]
        self._losses = [
            self._make(part) for part in deal_out(given, outputs, self._refuse_loss(outputs))
        ]
        self._weights = self._deal_weights(outputs)
        self._means = self._make_means(outputs)
        self._outputs = outputs
        self.built = True

    def _refuse_loss(self, outputs: Outputs) -> Callable[[Any, tuple], None]:
        def fail(part: Any, path: tuple) -> None:
            if path and isinstance(part, dict):
                raise KeyError(
                    f"The path: {path} in the `loss` argument, can't be found in either the "
                    "model's output (`y_pred`) or in the labels (`y_true`)."
                )
            if isinstance(part, dict):
                names = outputs.declared_names or outputs.names
                raise ValueError(
                    f"Expected keys {names} in loss dict, but found loss.keys()={list(part)}"
                )
            raise ValueError(
                f"`loss` must have one entry per output: {len(outputs)} outputs "
                f"{outputs.names}, received loss={part}"
            )

        return fail

    def _make(self, identifier: Any) -> Loss | None:
        if identifier is None:
            return None
        if isinstance(identifier, (list, tuple)):
            raise ValueError(
                f"One output can have one loss. Received: loss={identifier}. Add the losses up in "
                "a function of your own to minimize their sum."
            )
        found = losses_module.get(identifier)
        if isinstance(found, Loss):
            return found
        if isinstance(found, type):
            found = found()
            return found if isinstance(found, Loss) else self._wrap(found)
        return self._wrap(found)

    def _wrap(self, fn: Any) -> Loss:
        from addax.losses.wrapper import LossFunctionWrapper

        name = getattr(fn, "__name__", None) or type(fn).__name__
        return LossFunctionWrapper(fn, name=name, reduction=self.reduction)

    def _deal_weights(self, outputs: Outputs) -> list[float | None]:
        given = self._user_loss_weights
        if given is None:
            return [None] * len(outputs)
        if isinstance(given, (list, tuple)):
            count = sum(loss is not None for loss in self._losses)
            flat = tree.flatten(given)
            if len(flat) not in (count, len(self._losses)):
                raise ValueError(
                    "`loss_weights` must match the number of losses, "
                    f"got {count} losses and {len(flat)} weights."
                )
            if len(flat) == len(self._losses):
                return flat
            remaining = iter(flat)
            return [None if loss is None else next(remaining) for loss in self._losses]

        def fail(part: Any, path: tuple) -> None:
            raise ValueError(
                f"`loss_weights` must have one entry per output {outputs.names}. "
                f"Received: loss_weights={self._user_loss_weights}"
            )

        return deal_out(given, outputs, fail)

    def _make_means(self, outputs: Outputs) -> list[Any]:
        from addax.metrics import Mean

        if sum(loss is not None for loss in self._losses) < 2:
            return [None] * len(self._losses)
        return [
            None if loss is None else Mean(name=f"{name}_loss")
            for name, loss in zip(outputs.names, self._losses)
        ]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The weighted sum, a scalar; `None` if no output has a loss.

        Args:
            y_true: Targets in the structure of the outputs, or a dict by output name.
            y_pred: Predictions.
            sample_weight: Weights in the structure of the targets, or one tensor for all.

        Raises:
            ValueError: If structures differ or an output that has a loss has no target.
        """
        if not self.built:
            self.build(y_true, y_pred)
        outputs = self._outputs
        predictions = tree.flatten(y_pred)
        if len(predictions) != len(outputs):
            outputs = Outputs(y_pred, self.output_names)
        targets = outputs.flatten_like(y_true, "y_true")
        if tree.is_nested(sample_weight):
            weights = outputs.flatten_like(sample_weight, "sample_weight")
        else:
            weights = [sample_weight] * len(outputs)
        total = None
        for i, loss in enumerate(self._losses):
            if loss is None:
                continue
            if targets[i] is None:
                raise ValueError(
                    f"Output '{outputs.names[i]}' has a loss but the data have no targets for it. "
                    "Pass `y`, or data that yield `(x, y)`."
                )
            value = compare(loss, outputs.names[i], targets[i], predictions[i], weights[i])
            if self._means[i] is not None:
                self._means[i].update_state(value, sample_weight=batch_size_of(predictions[i]))
            if self._weights[i] is not None:
                value = value * self._weights[i]
            total = value if total is None else total + value
        return total

    call = __call__

    def get_config(self) -> dict[str, Any]:
        return {
            "loss": self._user_loss,
            "loss_weights": self._user_loss_weights,
            "reduction": self.reduction,
        }


def compare(loss: Loss, output: str, target: Any, prediction: Any, weight: Any) -> Any:
    """The loss's value; when shapes do not fit, the error tells the loss, the output and both."""
    try:
        return loss(target, prediction, weight)
    except ValueError as error:
        if type(error) is not ValueError:
            raise  # a loss's own kind of error
        shapes = tuple(target.shape), tuple(prediction.shape)
        where = f"Loss '{loss.name}' of output '{output}'"
        if shapes[0] == shapes[1]:
            # The loss may be one that wants others (class ids), or fail for its own reasons.
            raise ValueError(
                f"{where}, with targets and predictions of shape {shapes[0]}: {error}"
            ) from error
        raise ValueError(
            f"{where} cannot compare targets of shape {shapes[0]} with predictions of shape "
            f"{shapes[1]}: {error}"
        ) from error


def check_losses(loss: Any) -> None:
    """Resolves names early, so that a misspelled loss is an error of `compile`."""
    if isinstance(loss, dict) and not is_leaf_identifier(loss):
        parts = list(loss.values())
    elif isinstance(loss, (list, tuple)):
        parts = list(loss)
    else:
        if loss is not None:
            losses_module.get(loss)
        return
    for part in parts:
        check_losses(part)


def batch_size_of(x: Any) -> Any:
    """Number of samples of a tensor as a scalar tensor, known or not; 1 for a scalar."""
    from addax import ops

    if len(x.shape) == 0:
        return 1.0
    return ops.cast(ops.shape(x)[0], "float32")
