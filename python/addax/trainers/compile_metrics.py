"""CompileMetrics: the metrics given to `compile`, as one."""

from __future__ import annotations

from typing import Any

from addax import metrics as metrics_module
from addax import tree
from addax.metrics.metric import Metric
from addax.trainers.output_structure import Outputs, deal_out, is_leaf_identifier


class CompileMetrics(Metric):
    """Metrics per output, with and without sample weights.

    Args:
        metrics: List of metrics (names, objects, callables, configs), or lists by output.
        weighted_metrics: The same, for metrics that take sample weights into account.
        name: Name of the whole.
        output_names: Names of the outputs of a functional model.

    Raises:
        ValueError: If an argument is no list, tuple or dict.
    """

    def __init__(
        self,
        metrics: Any,
        weighted_metrics: Any,
        name: str = "compile_metric",
        output_names: list[str] | None = None,
    ) -> None:
        super().__init__(name=name)
        for argument, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if value and not isinstance(value, (list, tuple, dict)):
                raise ValueError(
                    f"Expected `{argument}` argument to be a list, tuple, or dict. "
                    f"Received instead: {argument}={value} of type {type(value)}"
                )
        # Kept in a tuple of a dict: metrics count as this metric's own only when they are built.
        self._given = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        self._output_names = output_names
        self._sets: list[dict[str, Any]] = []
        self._outputs: Any = None
        self.built = False

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, unweighted before weighted ones, output by output."""
        return [
            entry["metric"]
            for kind in (False, True)
            for entry in self._sets
            if entry["weighted"] is kind
        ]

    @property
    def variables(self) -> list[Any]:
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def names(self) -> list[str]:
        """The names under which results are reported."""
        return list(self.result_metrics())

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Finds the metrics of each output; the shapes decide what "accuracy" means.

        Raises:
            ValueError: If metrics do not fit the outputs or one is unknown.
        """
        outputs = Outputs(y_pred, self._output_names)
        targets = outputs.flatten_like(y_true, "y_true")
        predictions = tree.flatten(y_pred)
        sets: list[dict[str, Any]] = []
        for argument, weighted in (("metrics", False), ("weighted_metrics", True)):
            for i, identifiers in enumerate(self._deal(argument, outputs)):
                for identifier in identifiers:
                    metric = resolve_metric(identifier, targets[i], predictions[i])
                    sets.append({"metric": metric, "output": i, "weighted": weighted})
        self._sets = sets
        self._outputs = outputs
        self.built = True

    def _deal(self, argument: str, outputs: Outputs) -> list[list[Any]]:
        given = self._given[argument]
        if not given:
            return [[]] * len(outputs)

        def fail(part: Any, path: tuple) -> None:
            what = f"{len(part)} entries for {len(outputs)} outputs"
            if isinstance(part, dict):
                what = f"Keys {list(part)} for outputs {outputs.names}"
            structure = tree.map_structure(lambda _: "X", outputs.structure)
            names = ""
            if outputs.declared_names:
                names = (
                    "either be a dict or a list matching the output names of the functional model "
                    f"{outputs.declared_names} or "
                )
            raise ValueError(
                f"{what}.\nInvalid `{argument}`. `{argument}` should contain metrics objects and "
                f"{names}match the output structure of the model: {structure}.\n"
                f"Received: {argument}={given}"
            )

        if outputs.single and isinstance(given, (list, tuple)):
            return [_flat_list(given)]
        if isinstance(given, (list, tuple)) and len(given) != len(outputs):
            fail(given, ())
        return [_flat_list(part) for part in deal_out(given, outputs, fail)]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch; `sample_weight` reaches the weighted metrics only."""
        if not self.built:
            self.build(y_true, y_pred)
        outputs = self._outputs
        targets = outputs.flatten_like(y_true, "y_true")
        predictions = tree.flatten(y_pred)
        if tree.is_nested(sample_weight):
            weights = outputs.flatten_like(sample_weight, "sample_weight")
        else:
            weights = [sample_weight] * len(outputs)
        for entry in self._sets:
            i = entry["output"]
            if targets[i] is None:
                continue
            if entry["weighted"]:
                entry["metric"].update_state(targets[i], predictions[i], sample_weight=weights[i])
            else:
                entry["metric"].update_state(targets[i], predictions[i])

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def result_metrics(self) -> dict[str, Metric]:
        """The metrics by the name that `fit` reports: with the output's name if there are
        several.
        """
        found: dict[str, Metric] = {}
        for i in range(len(self._outputs) if self._outputs else 0):
            prefix = "" if self._outputs.single else f"{self._outputs.names[i]}_"
            for weighted in (False, True):
                for entry in self._sets:
                    if entry["output"] != i or entry["weighted"] is not weighted:
                        continue
                    name = base = prefix + entry["metric"].name
                    if name in found and weighted:
                        name = base = f"{prefix}weighted_{entry['metric'].name}"
                    index = 1
                    while name in found:
                        name = f"{base}_{index}"
                        index += 1
                    found[name] = entry["metric"]
        return found

    def result(self) -> dict[str, Any]:
        """Results by name.

        Raises:
            ValueError: If no batch was ever seen.
        """
        if not self.built:
            raise ValueError("Cannot get result() since the metric has not yet been built.")
        results: dict[str, Any] = {}
        for name, metric in self.result_metrics().items():
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[name] = value
        return results

    def get_config(self) -> dict[str, Any]:
        return {**self._given, "name": self.name}


def _flat_list(part: Any) -> list[Any]:
    """A list of metrics out of one metric or nested lists, without `None`."""
    if part is None:
        return []
    if is_leaf_identifier(part):
        return [part]
    if isinstance(part, dict):
        return [leaf for value in part.values() for leaf in _flat_list(value)]
    return [leaf for value in part for leaf in _flat_list(value)]


_BY_SHAPE = {
    "accuracy": ("BinaryAccuracy", "SparseCategoricalAccuracy", "CategoricalAccuracy"),
    "acc": ("BinaryAccuracy", "SparseCategoricalAccuracy", "CategoricalAccuracy"),
    "crossentropy": (
        "BinaryCrossentropy",
        "SparseCategoricalCrossentropy",
        "CategoricalCrossentropy",
    ),
    "ce": ("BinaryCrossentropy", "SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
}


def resolve_metric(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """The metric that an identifier means for these targets and predictions.

    Raises:
        ValueError: If it is unknown.
    """
    if isinstance(identifier, str) and identifier.lower() in _BY_SHAPE:
        names = _BY_SHAPE[identifier.lower()]
        metric_class = getattr(metrics_module, names[_kind(y_true, y_pred)])
        return metric_class(name=identifier)
    found: Any = metrics_module.get(identifier)
    if isinstance(found, type):
        found = found()
    if not isinstance(found, Metric):
        name = getattr(found, "__name__", None) or getattr(found, "name", None)
        if name is None:
            name = type(found).__name__
        if name == "<lambda>":
            name = "lambda"
        found = metrics_module.MeanMetricWrapper(found, name=name)
    if isinstance(identifier, str):
        found.name = identifier
    return found


def _kind(y_true: Any, y_pred: Any) -> int:
    """0 for binary, 1 for class ids, 2 for one-hot targets."""
    predicted = y_pred.shape[-1] if len(y_pred.shape) > 1 else 1
    if predicted == 1:
        return 0
    if y_true is None:
        return 2
    rank, last = len(y_true.shape), y_true.shape[-1] if len(y_true.shape) else 1
    if rank < len(y_pred.shape) or last == 1:
        return 1
    return 2
