"""Steps over arrays that run in the core, many between two looks of Python."""

from __future__ import annotations

from typing import Any

from addax import _core
from addax.backend.function import RecordedFunction
from addax.trainers.data_adapters.data_adapter import DataAdapter
from addax.trainers.step_function import ProgramStep, StepResult

# How long the core may keep going without Python: an interrupt, a progress bar and other threads
# wait no longer than this and a step.
_VISIT = 0.02


class ArrayLoop:
    """A step that is replayed for the batches of arrays.

    The core gathers the batches, in the order and with the bits that the adapter would give them.

    Args:
        recorded: The step's program.
        adapter: The arrays; `suits` says whether they can be looped over.
        keep_all: Whether to keep the results of all steps, joined, instead of the last step's.
    """

    def __init__(self, recorded: RecordedFunction, adapter: Any, keep_all: bool = False) -> None:
        self._adapter = adapter
        self._recorded = recorded
        self._size = adapter.batch_size
        self._steps = 0
        self._loop = _core.BatchLoop(recorded.executable, adapter.arrays, self._size, keep_all)

    @staticmethod
    def suits(function: Any, adapter: DataAdapter) -> bool:
        """Whether this step and these data can be left to the core."""
        from addax.trainers.data_adapters.array_adapter import ArrayAdapter

        return (
            type(function) is ProgramStep and type(adapter) is ArrayAdapter and adapter.core_reads
        )

    @classmethod
    def of(cls, function: ProgramStep, adapter: Any) -> ArrayLoop:
        """A loop that keeps the results of the last step."""
        return cls(function.recorded(adapter.first_batch()), adapter)

    @classmethod
    def joining(cls, function: ProgramStep, adapter: Any) -> ArrayLoop | None:
        """A loop that joins the results; `None` if they are not all arrays with a row for each
        sample."""
        recorded = function.recorded(adapter.first_batch())
        return cls(recorded, adapter, keep_all=True) if recorded.is_per_sample() else None

    def begin(self) -> None:
        """Starts a pass over the arrays, in a new order if they are shuffled."""
        self._loop.begin(self._adapter.order())

    def run(self, most: int, visit: bool) -> int:
        """Runs steps, into the next pass if need be: `most`, or in a visit what it has time for.

        Returns:
            How many it ran, at least one.
        """
        done = 0
        while done < most:
            if self._loop.done:
                self.begin()
            done += self._loop.run(most - done, _VISIT)
            if visit:
                break
        self._steps += done
        return done

    def result(self) -> StepResult:
        """What the last step gave."""
        return StepResult(self._recorded, self._loop.results())

    def logs(self) -> Any:
        """The same, put together."""
        return self.result()()

    def joined(self) -> Any:
        """The results of all steps, arrays in the structure that the step returned."""
        arrays = self._loop.arrays()
        if not self._loop.done:  # ended early: the rest has no values
            arrays = [array[: self._steps * self._size] for array in arrays]
        return self._recorded.assemble(arrays)
