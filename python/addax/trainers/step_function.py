"""Steps of training, testing and predicting as recorded programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from addax import tree
from addax.backend.function import CompiledFunction, RecordedFunction

_KEPT_SHAPES = 64


class StepResult:
    """What a step gave. Its structure is only put together when somebody looks at it."""

    __slots__ = ("_recorded", "_values")

    def __init__(self, recorded: RecordedFunction | None, values: Any) -> None:
        self._recorded = recorded
        self._values = values

    def __call__(self) -> Any:
        """The step's result as the step returned it, with tensors."""
        recorded, values = self._recorded, self._values
        if recorded is None:
            return values
        return recorded.assemble(values)


class EagerStep:
    """A step that runs as Python, operation by operation (`run_eagerly=True`)."""

    def __init__(self, step: Callable) -> None:
        self._step = step
        self.result_order: dict[str, None] | None = None

    def __call__(self, data: Any) -> StepResult:
        from addax.backend.tensor import convert_to_tensor

        def to_tensor(x: Any) -> Any:
            return None if x is None else convert_to_tensor(x)

        return StepResult(None, self._step(tree.map_structure(to_tensor, data)))

    def __reduce__(self) -> tuple:
        return type(None), ()  # a copy of the model makes its own


class ProgramStep:
    """A step that is recorded at its first batch and replayed for all that are like it.

    For batches that are flat tuples of arrays, as most are, the program is found by their shapes
    and dtypes alone.

    Args:
        step: Function of a batch.
        input_shape, output_shape: Shapes of the model's input, nested as the inputs are, and of its
            output, if it has them. Where an input leaves a size open (a sequence's length), one
            program serves all sizes.
        names: What the arrays of inputs, targets and weights are called, a list of names each.
    """

    def __init__(
        self,
        step: Callable,
        input_shape: Any = None,
        output_shape: Any = None,
        names: Sequence[list[str]] = (),
    ) -> None:
        self._step = step
        self._names = names
        self.result_order: dict[str, None] | None = None  # names of a step's results as listed
        self._input_shape = input_shape if _leaves_sizes_open(input_shape) else None
        self._shape_alone = _only_shape(input_shape)
        self._output_shape = output_shape if _is_shape(output_shape) else None
        # By the shapes of inputs, which may come without the list or dict around them, and of
        # targets and weights, of which one number of axes has several readings.
        self._functions: dict[tuple, CompiledFunction] = {}
        self._kept: dict[tuple, RecordedFunction] = {}

    def __call__(self, data: Any) -> StepResult:
        key = None
        if type(data) is tuple:
            try:
                key = tuple([(x.shape, x.dtype) for x in data])
            except AttributeError:  # a nested batch
                key = None
            else:
                recorded = self._kept.get(key)
                if recorded is not None:
                    return StepResult(recorded, recorded.executable.run(list(data)))
        recorded = self.recorded(data)
        values = recorded.executable.run(self.inputs_of(data))
        if key is not None:
            if len(self._kept) >= _KEPT_SHAPES:
                self._kept.clear()
            self._kept[key] = recorded
        return StepResult(recorded, values)

    def recorded(self, data: Any) -> RecordedFunction:
        """The program for data like these, recorded now if need be."""
        shapes: tuple = ()
        if self._input_shape is not None:
            alone = isinstance(data, tuple) and hasattr(data[0], "shape")
            known = self._shape_alone if alone else self._input_shape
            shapes = (known, *self._shapes_of_targets(data))
        key = shapes[1:], shapes[:1] == (self._shape_alone,)
        function = self._functions.get(key)
        if function is None:
            function = CompiledFunction(self._step, (shapes,) if shapes else None, self._names)
            self._functions[key] = function
        return function.recorded(data)

    def _shapes_of_targets(self, data: Any) -> tuple:
        """Shapes of targets and weights with open sizes where the output has them; `None` unknown.

        Targets have the output's axes, or all but the last (class ids); weights the targets' first.
        """
        targets = data[1:] if isinstance(data, tuple) else ()
        shapes: list[tuple | None] = []
        known = self._output_shape
        for position, array in enumerate(targets):
            if known is not None:
                rank = len(array.shape) if hasattr(array, "shape") else -1
                missing = len(known) - rank
                most = 1 if position == 0 else len(known)
                known = known[:rank] if 0 <= missing <= most else None
            shapes.append(known)
        return tuple(shapes)

    @staticmethod
    def inputs_of(data: Any) -> list[Any]:
        """The arrays of a batch in the order of the program's inputs."""
        return [x for x in tree.flatten(data) if x is not None]

    def __reduce__(self) -> tuple:
        return type(None), ()  # a copy of the model records its own


def _is_shape(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(size is None or isinstance(size, int) for size in shape)


def _leaves_sizes_open(shapes: Any) -> bool:
    """Whether a size other than the batch's is unknown in a structure of shapes."""
    if _is_shape(shapes):
        return None in shapes[1:]
    if isinstance(shapes, dict):
        shapes = shapes.values()
    elif not isinstance(shapes, (list, tuple)):
        return False
    return any(map(_leaves_sizes_open, shapes))


def _only_shape(shapes: Any) -> tuple | None:
    """The shape in a structure that has one; `None` if it has none or several."""
    while not _is_shape(shapes):
        if isinstance(shapes, dict):
            shapes = list(shapes.values())
        if not isinstance(shapes, (list, tuple)) or len(shapes) != 1:
            return None
        shapes = shapes[0]
    return shapes


class KeptPrograms(dict):
    """Programs by the shape of their input. A copy of the model starts without any."""

    def __reduce_ex__(self, protocol: object) -> tuple:
        return type(None), ()
