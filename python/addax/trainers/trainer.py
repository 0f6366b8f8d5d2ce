"""Trainer: `compile`, `fit`, `evaluate` and `predict` of models."""

from __future__ import annotations

from typing import Any

from addax.trainers.batch_source import BatchSource
from addax.trainers.data_adapters import get_data_adapter
from addax.trainers.data_adapters.unpack import unpack_x_y_sample_weight
from addax.trainers.epoch import run_epoch
from addax.trainers.prediction import Prediction
from addax.trainers.single_batch import single_batch


class Trainer(Prediction):
    """Trains, evaluates and runs the model it is mixed into.

    Every step is recorded once as a program and then replayed; `run_eagerly=True` runs it as
    Python.
    """

    stop_training = False
    stop_evaluating = False
    history: Any = None
    _initial_epoch: int | None = None
    _shuffle_state: tuple[int, int] | None = None
    _shuffle_version: int | None = None

    # Programs

    def make_train_function(self, force: bool = False) -> Any:
        """The function that `fit` calls with each batch; recorded anew with `force`."""
        if self.train_function is None or force:
            self.train_function = self._step_function(self.train_step)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """The function that `evaluate` calls with each batch; recorded anew with `force`."""
        if self.test_function is None or force:
            self.test_function = self._step_function(self.test_step)
        return self.test_function

    # Training

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Trains the model.

        Args:
            x: Inputs: arrays (nested in lists, tuples, dicts), a generator, a `PyDataset`, a
                DataLoader or a tf.data.Dataset. All but arrays yield `(x, y)` or
                `(x, y, sample_weight)`.
            y: Targets, arrays.
            batch_size: Samples per batch, 32 if `None`.
            epochs: Number of the last epoch, counted from 1.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line per epoch.
            callbacks: List of `Callback`s.
            validation_split: Fraction at the end of the arrays that is kept for validation.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or a data set; wins over the split.
            shuffle: Whether arrays are shuffled in each epoch; "batch" shuffles whole batches.
            class_weight: Dict from class id to weight.
            sample_weight: Weights, one per sample (or per time step), nested like `y`.
            initial_epoch: Epoch to start from, counted from 0.
            steps_per_epoch: Batches per epoch, all if `None`.
            validation_steps: Batches per validation, all if `None`.
            validation_batch_size: Samples per batch of the validation.
            validation_freq: Validate after every so many epochs, or after those listed.

        Returns:
            A `History`.

        Raises:
            ValueError: If the model is not compiled or the data do not fit it.
        """
        self._assert_compile_called("fit")
        self._warn_if_trainable_changed()
        if validation_split and validation_data is None:
            from addax.trainers.data_adapters.array_adapter import train_validation_split

            (x, y, sample_weight), validation_data = train_validation_split(
                (x, y, sample_weight), validation_split
            )
        _check_validation_freq(validation_freq)
        source = BatchSource(
            get_data_adapter(
                x, y, sample_weight, batch_size, shuffle, class_weight, self._next_shuffle
            ),
            steps_per_epoch,
        )
        validation = None
        if validation_data is not None:
            validation = self._validation_source(
                validation_data, validation_batch_size or batch_size, validation_steps
            )
        callbacks = self._callback_list(
            callbacks, True, verbose=verbose, epochs=epochs, steps=source.num_batches
        )
        self.stop_training = False
        self._initial_epoch = None
        train_function = self.make_train_function()
        try:
            callbacks.on_train_begin()
            first = initial_epoch if self._initial_epoch is None else self._initial_epoch
            logs: dict[str, Any] = {}
            for epoch in range(first, epochs):
                self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                result = run_epoch(
                    train_function,
                    source,
                    callbacks,
                    "train",
                    self.steps_per_execution,
                    lambda: self.stop_training,
                )
                if result is None:  # no data are left
                    break
                logs = _as_dict(result())
                if validation is not None and _is_due(validation_freq, epoch):
                    found = self._evaluate(validation, callbacks)
                    logs.update({f"val_{name}": value for name, value in found.items()})
                callbacks.on_epoch_end(epoch, logs)
                if self.stop_training or source.exhausted:
                    break
            from addax.callbacks.callback_list import python_logs

            if self.optimizer is not None and epochs > first and self.optimizer.built:
                self.optimizer.finalize_variable_values(self.trainable_variables)
            callbacks.on_train_end(python_logs(logs))
        finally:
            source.close()
            if validation is not None:
                validation.close()
        return self.history

    def _validation_source(self, data: Any, batch_size: Any, steps: Any) -> BatchSource:
        x, y, sample_weight = data, None, None
        if isinstance(data, (tuple, list)):
            x, y, sample_weight = unpack_x_y_sample_weight(data)
        return BatchSource(get_data_adapter(x, y, sample_weight, batch_size), steps)

    def _next_shuffle(self) -> Any:
        """The NumPy generator for the next shuffle. `_shuffle_state`, (seed, count), decides it,
        and
        is saved with the model so that a reloaded model goes on with the same orders."""
        from addax.utils.rng_utils import new_seed, seed_version, shuffle_generator

        # `set_random_seed` starts the orders anew, but not those of a model that was just loaded.
        reseeded = self._shuffle_version not in (None, seed_version())
        if self._shuffle_state is None or reseeded:
            self._shuffle_state = (new_seed(), 0)
        self._shuffle_version = seed_version()
        seed, count = self._shuffle_state
        self._shuffle_state = (int(seed), int(count) + 1)
        return shuffle_generator((seed, count))

    # Evaluating

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Computes the loss and the metrics.

        Args:
            x, y, sample_weight, batch_size: Data as in `fit`.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line.
            steps: Number of batches, all if `None`.
            callbacks: List of `Callback`s.
            return_dict: Whether to return a dict by name.

        Returns:
            The loss, or a list of it and the metrics, or a dict.

        Raises:
            ValueError: If the model is not compiled or the data do not fit it.
        """
        self._assert_compile_called("evaluate")
        self._warn_if_trainable_changed()
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        source = BatchSource(get_data_adapter(x, y, sample_weight, batch_size), steps)
        callbacks = self._callback_list(
            callbacks, False, verbose=verbose, epochs=1, steps=source.num_batches
        )
        try:
            logs = self._evaluate(source, callbacks)
        finally:
            source.close()
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def _evaluate(self, source: BatchSource, callbacks: Any) -> dict[str, Any]:
        from addax.callbacks.callback_list import python_logs

        test_function = self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        result = run_epoch(
            test_function,
            source,
            callbacks,
            "test",
            self.steps_per_execution,
            lambda: self.stop_evaluating,
        )
        logs = python_logs(_as_dict(result()) if result is not None else {})
        callbacks.on_test_end(logs)
        return logs

    # One batch

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on one batch.

        Args:
            x, y, sample_weight: Arrays, nested.
            class_weight: Dict from class id to weight.
            return_dict: Whether to return a dict by name.

        Returns:
            The loss and metrics since the last `reset_metrics`, as `evaluate` does.
        """
        self._assert_compile_called("train_on_batch")
        if class_weight is not None and sample_weight is not None:
            raise ValueError(
                "Arguments `sample_weight` and `class_weight` cannot be specified at the same "
                f"time. Received: sample_weight={sample_weight}, class_weight={class_weight}"
            )
        batch = single_batch(x, y, sample_weight, class_weight)
        return self._one_step(self.make_train_function(), batch, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics of one batch, added to those since the last `reset_metrics`."""
        self._assert_compile_called("test_on_batch")
        batch = single_batch(x, y, sample_weight, None)
        return self._one_step(self.make_test_function(), batch, return_dict)

    def _one_step(self, function: Any, batch: Any, return_dict: bool) -> Any:
        from addax.callbacks.callback_list import python_logs

        logs = python_logs(_as_dict(function(batch)()))
        if return_dict:
            return logs
        # The order hangs on the model's metrics; finding them costs more than a small step.
        order = getattr(function, "result_order", None)
        if order is None or order.keys() != logs.keys():
            order = dict.fromkeys(self._result_names(logs))
            if hasattr(function, "result_order"):
                function.result_order = order
        results = [logs[name] for name in order]
        return results[0] if len(results) == 1 else results

    # Results

    def _flatten_metrics_in_order(self, logs: dict[str, Any]) -> Any:
        """Results as a list: loss and metrics in the order of `compile`, then the others by
        name.
        """
        results = [logs[name] for name in self._result_names(logs)]
        return results[0] if len(results) == 1 else results

    def _result_names(self, logs: dict[str, Any]) -> list[str]:
        from addax.trainers.compile_metrics import CompileMetrics

        names: list[str] = []
        for metric in self.metrics:
            if isinstance(metric, CompileMetrics):
                names += [single.name for single in metric.metrics]
            else:
                names.append(metric.name)
        known = dict.fromkeys(name for name in names if name in logs)
        return [*known, *sorted(name for name in logs if name not in known)]


def _as_dict(logs: Any) -> dict[str, Any]:
    """The results of a step, which a user's step may also give as a single loss."""
    if logs is None:
        return {}
    if isinstance(logs, dict):
        return dict(logs)
    if isinstance(logs, (list, tuple)):
        raise ValueError(
            "A train or test step must return a dict of results by name. "
            f"Received a {type(logs).__name__} of {len(logs)}."
        )
    return {"loss": logs}


def _check_validation_freq(validation_freq: Any) -> None:
    if not isinstance(validation_freq, (int, list, tuple, set)):
        raise ValueError(
            "Expected `validation_freq` to be a list or int. Received: "
            f"validation_freq={validation_freq} of the type {type(validation_freq)}."
        )


def _is_due(validation_freq: Any, epoch: int) -> bool:
    if isinstance(validation_freq, int):
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq
