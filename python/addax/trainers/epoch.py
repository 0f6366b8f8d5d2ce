"""One pass of steps over the data, with the callbacks' batch hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax.trainers.array_loop import ArrayLoop
from addax.trainers.batch_source import BatchSource


def run_epoch(
    function: Any,
    source: BatchSource,
    callbacks: Any,
    mode: str,
    group: int,
    stopped: Callable[[], bool],
) -> Any:
    """Runs the steps of one epoch.

    Args:
        function: The step.
        source: The batches.
        callbacks: A `CallbackList`.
        mode: "train" or "test", as the hooks are called.
        group: Steps between two calls of a hook.
        stopped: Tells whether to end early.

    Returns:
        The result of the last step, `None` if there was none.
    """
    hooks = BatchHooks(callbacks, mode)
    if source.loops(function):
        return _run_loop(function, source, hooks, group, stopped)
    result = None
    step = 0
    for batch in source.epoch():
        if step % group == 0:
            hooks.begin(step)
        result = function(batch)
        step += 1
        if step % group == 0:
            hooks.end(step - 1, result)
        if stopped():
            break
    if step % group:
        hooks.end(step - 1, result)
    return result


def _run_loop(
    function: Any, source: BatchSource, hooks: BatchHooks, group: int, stopped: Callable[[], bool]
) -> Any:
    step = 0
    loop = None
    count = source.num_batches or 0
    while step < count:
        hooks.begin(step)
        if loop is None:  # after the hook, which may change what is recorded
            loop = source.loop(function)
        step += hooks.run(loop, step, count, group)
        hooks.end(step - 1, loop.logs)
        if stopped():
            break
    return None if loop is None else loop.result()


class BatchHooks:
    """The batch hooks of callbacks, and how many steps may pass between them."""

    def __init__(self, callbacks: Any, mode: str) -> None:
        begin, end = f"on_{mode}_batch_begin", f"on_{mode}_batch_end"
        self.begin = getattr(callbacks, begin) if callbacks.has_batch_hook(begin) else _ignore
        self.end = getattr(callbacks, end) if callbacks.has_batch_hook(end) else _ignore
        self.each = callbacks.sees_each_batch(mode)
        self.any = self.end is not _ignore

    def run(self, loop: ArrayLoop, step: int, last: int, group: int) -> int:
        """Runs the steps up to the next call of the hooks; how many."""
        # The first step counts apart: it also compiles, and a progress bar leaves it out.
        in_group = self.each or (step == 0 and self.any)
        return loop.run(min(group, last - step) if in_group else last - step, not in_group)


def _ignore(step: int, logs: Any = None) -> None:
    """A hook that nobody has."""
