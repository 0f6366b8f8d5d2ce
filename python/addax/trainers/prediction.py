"""Prediction: `predict`, `predict_on_batch` and predictors of models."""

from __future__ import annotations

from typing import Any

from addax import _core, tree
from addax.trainers.array_loop import ArrayLoop
from addax.trainers.batch_source import BatchSource
from addax.trainers.data_adapters import get_data_adapter
from addax.trainers.epoch import BatchHooks
from addax.trainers.single_batch import single_batch
from addax.trainers.step_function import EagerStep, KeptPrograms, ProgramStep
from addax.trainers.steps import Steps

_QUICK_KEPT = 64


class Prediction(Steps):
    """Runs the model it is mixed into."""

    stop_predicting = False

    def _step_function(self, step: Any) -> Any:
        if self.run_eagerly:
            return EagerStep(step)
        inputs = getattr(self, "_inputs_struct", None)
        if inputs is None:
            shapes = getattr(self, "input_shape", None)
        else:
            shapes = tree.map_structure(lambda x: tuple(x.shape), inputs)
        return ProgramStep(step, shapes, getattr(self, "output_shape", None), _names_in_batch(self))

    def make_predict_function(self, force: bool = False) -> Any:
        """The function that `predict` calls with each batch; recorded anew with `force`."""
        if self.predict_function is None or force:
            self._quick_predict = KeptPrograms()
            self.predict_function = self._step_function(self._predict_arrays)
        return self.predict_function

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Computes the outputs for all samples, batch by batch.

        Args:
            x: Inputs as in `fit`; targets that a data set yields are ignored.
            batch_size: Samples per batch, 32 if `None`.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line.
            steps: Number of batches, all if `None`.
            callbacks: List of `Callback`s.

        Returns:
            NumPy arrays in the structure of the model's outputs.

        Raises:
            ValueError: If the data do not fit the model.
        """
        if verbose == 0 and steps is None and callbacks is None:
            found = self._predict_quickly(x, batch_size)
            if found is not None:
                return found
        source = BatchSource(get_data_adapter(x, None, None, batch_size), steps)
        callbacks = self._callback_list(
            callbacks, False, verbose=verbose, epochs=1, steps=source.num_batches
        )
        try:
            return self._predict(source, callbacks)
        finally:
            source.close()

    def _predict(self, source: BatchSource, callbacks: Any) -> Any:
        import numpy as np

        predict_function = self.make_predict_function()
        group = self.steps_per_execution
        hooks = BatchHooks(callbacks, "predict")
        self.stop_predicting = False
        callbacks.on_predict_begin()
        loop = None if hooks.each else source.joining_loop(predict_function)
        if loop is not None:
            return self._predict_by_loop(loop, source.num_batches or 0, hooks, callbacks)
        parts: list[list[Any]] = []
        structure = outputs = None
        step = 0
        for batch in source.epoch():
            if step % group == 0:
                hooks.begin(step)
            outputs = tree.map_structure(_to_numpy, predict_function(batch)())
            structure = outputs
            parts.append(tree.flatten(outputs))
            step += 1
            if step % group == 0:
                hooks.end(step - 1, {"outputs": outputs})
            if self.stop_predicting:
                break
        if step % group:
            hooks.end(step - 1, {"outputs": outputs})
        callbacks.on_predict_end()
        if not parts:
            raise ValueError("`predict` got no data: the data set yielded no batch.")
        if len(parts) == 1:
            return structure
        joined = [np.concatenate(column) for column in zip(*parts)]
        return tree.pack_sequence_as(structure, joined)

    def _predict_by_loop(
        self, loop: ArrayLoop, count: int, hooks: BatchHooks, callbacks: Any
    ) -> Any:
        step = 0
        while step < count and not (step and self.stop_predicting):
            step += hooks.run(loop, step, count, self.steps_per_execution)
            hooks.end(step - 1, {})
        callbacks.on_predict_end()
        return loop.joined()

    def _predict_quickly(self, x: Any, batch_size: int | None) -> Any:
        """The output for one array that fits one batch, without any machinery; `None` if it is not
        so simple. Programs are kept by shape, so that a call is a look-up and a replay."""
        kept = self._quick_predict
        if kept is None or self.predict_function is None:
            self.make_predict_function()
            kept = self._quick_predict
        try:
            key = (type(x), x.shape, x.dtype, batch_size)
            quick = kept.get(key)
        except (AttributeError, TypeError):  # no array
            return None
        if quick is None:
            quick = self._record_quickly(x, batch_size)
            if quick is None:
                return None
            if len(kept) >= _QUICK_KEPT:
                kept.clear()
            kept[key] = quick
        return quick(x)

    def _record_quickly(self, x: Any, batch_size: int | None) -> Any:
        import numpy as np

        from addax.trainers.data_adapters.array_adapter import check_batch_size

        step = self.predict_function
        simple = type(x) is np.ndarray and x.dtype in (np.float32, np.int32) and x.ndim > 0
        if not simple or not isinstance(step, ProgramStep):
            return None
        if not 0 < len(x) <= check_batch_size(batch_size):
            return None
        recorded = step.recorded((x,))
        return _core.predictor(recorded.executable, ["x"]) if recorded.single else None

    def predictor(self, example: Any = None, dtype: Any = None) -> Any:
        """The model's prediction behind one cheap call, for loops that predict a row at a time.

        `predictor(x)` gives what `predict_on_batch(x)` gives, without looking at anything but the
        arrays' shapes and dtypes. Memory and plan are kept for each input shape. The predictor
        reads the model's weights as they are at each call; after a change of the layers, or of
        what they do, ask for a new one.

        Any number of threads may call it at once. Its memory belongs to it: the arrays that it
        returns are the caller's own.

        Args:
            example: A batch like those to come; needed where the model does not know its inputs'
                shapes.
            dtype: "bfloat16" makes matrix products and convolutions of float32 round their
                operands and results to bfloat16, with float32 sums, bias and activation; expect
                relative errors of about 2⁻⁸ a layer. Everything else stays float32. It is for
                models of large products on machines with AVX512-BF16; other machines only convert
                more, and 3×3 convolutions gain little (`docs/performance.md` has figures).

        Returns:
            A function `predictor(x, out=None)`. `x`: the input as a NumPy array of exactly the
            model's dtype, or a list of arrays (or a dict of them by input name) for several inputs.
            `out`: an array (a list of them for several outputs) to write the results to instead
            of new ones. The results have the structure of the model's outputs. It raises
            `TypeError` for other dtypes and `ValueError` for shapes that the model does not take.

        Raises:
            ValueError: If the inputs' shapes are unknown, the model runs eagerly, or `dtype` is
                another.
        """
        from addax.trainers.predictor import make_predictor

        return make_predictor(self, example, dtype)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, NumPy arrays."""
        try:
            found = self._predict_quickly(x, len(x))
        except TypeError:
            found = None
        if found is not None:
            return found
        batch = single_batch(x, None, None, None)
        return tree.map_structure(_to_numpy, self.make_predict_function()(batch)())

    def _callback_list(self, callbacks: Any, add_history: bool, **params: Any) -> Any:
        from addax.callbacks.callback_list import CallbackList

        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=params["verbose"] != 0,
            model=self,
            **params,
        )


def _names_in_batch(model: Any) -> tuple[list[str], ...]:
    """What a model's inputs, targets and sample weights are called."""
    inputs = list(getattr(model, "input_names", None) or ["x"])
    outputs = list(getattr(model, "output_names", None) or [""])
    if len(outputs) == 1:
        return inputs, ["y"], ["sample_weight"]
    weights = [f"sample_weight_{i}" for i in range(len(outputs))]
    return inputs, [f"y_{name}" for name in outputs], weights


def _to_numpy(x: Any) -> Any:
    return x.numpy() if hasattr(x, "numpy") else x
