"""The progress bar, in the line format of Keras 3."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from addax.utils.io_utils import print_msg

# A bar that cannot be redrawn in place (a file, a pipe) would fill it with copies of itself.
_INTERVAL_WHEN_NOT_REDRAWN = 10.0


def _redraws_in_place() -> bool:
    isatty = getattr(sys.stdout, "isatty", None)
    return (
        (isatty is not None and isatty())
        or "ipykernel" in sys.modules
        or "PYCHARM_HOSTED" in os.environ
    )


class Progbar:
    """Shows how far a loop has come, how long it takes, and the values it has computed.

    On a terminal or in a notebook the line is redrawn in place, with colors; elsewhere it is plain
    text that is written when the loop ends (and every 10 s, so that a long loop is seen to live).

    Args:
        target: Number of steps; `None` if unknown.
        width: Length of the bar in characters.
        verbose: 0 silent, 1 a bar, 2 one line when the loop ends.
        interval: Least time between two redraws, in seconds.
        stateful_metrics: Names of values shown as they are; the others are averaged over the steps.
        stateless_metrics: Names of values that are averaged; the others are shown as they are.
        unit_name: What is counted, "step" unless said.

    Raises:
        ValueError: If both `stateful_metrics` and `stateless_metrics` are given.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Only one of `stateful_metrics` or `stateless_metrics` can be provided. "
                "`stateful_metrics` is used to make metrics stateless by default (with an "
                "exclusion list), while "
                "`stateless_metrics` is used to make metrics stateful by default (with an "
                "exclusion list)."
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._redraws = _redraws_in_place()
        self._seen_so_far = 0
        self._values: dict[str, list[float]] = {}  # name -> [weighted sum, weight]
        self._start = time.perf_counter()
        self._after_first_step: float | None = None
        self._last_update = self._start if not self._redraws else -math.inf
        self._line_length = 0

    def due(self) -> bool:
        """Whether enough time has passed for a redraw; lets a loop skip computing values that
        nobody would see.
        """
        if self._after_first_step is None:
            return True
        if self.verbose != 1:
            return False
        interval = self.interval if self._redraws else _INTERVAL_WHEN_NOT_REDRAWN
        return time.perf_counter() - self._last_update >= interval

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Sets the number of steps done and the values, and redraws if it is time.

        Args:
            current: Steps done.
            values: Pairs of name and value; a value that is not stateful enters an average weighted
                by steps, but is shown as it is when the bar ends.
            finalize: Whether this is the last update; `None` means when `current` reaches the
                target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._take(name, value, current, finalize)
        self._seen_so_far = current
        now = time.perf_counter()
        first = self._after_first_step is None
        if first:
            # A bar that is only told of the end knows nothing of a first step.
            self._after_first_step = self._start if current > 1 else now
        if self.verbose == 1 and (finalize or self._is_time(now, first)):
            self._draw(current, now, finalize)
        elif self.verbose == 2 and finalize:
            print_msg(self._summary(current, now), line_break=False)
        else:
            return
        self._last_update = now

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Counts `n` more steps; `values` as in `update`."""
        self.update(self._seen_so_far + n, values)

    def _is_time(self, now: float, first: bool) -> bool:
        if not self._redraws:
            return now - self._last_update >= _INTERVAL_WHEN_NOT_REDRAWN
        return first or now - self._last_update >= self.interval

    def _take(self, name: str, value: Any, current: int, finalize: bool) -> None:
        if self.stateless_metrics is not None:
            averaged = name in self.stateless_metrics
        else:
            averaged = name not in self.stateful_metrics
        value = _as_float(value)
        if finalize or not averaged:
            self._values[name] = [value, 1]
            return
        weight = max(current - self._seen_so_far, 1)
        total = self._values.setdefault(name, [0.0, 0])
        total[0] += value * weight
        total[1] += weight

    def _draw(self, current: int, now: float, finalize: bool) -> None:
        parts = []
        if self.target is not None:
            digits = int(math.log10(self.target)) + 1 if self.target > 0 else 1
            done = min(current / self.target, 1.0) if self.target > 0 else 1.0
            filled = int(done * self.width)
            parts.append(self._styled(f"{current:>{digits}}/{self.target}", "1") + " ")
            parts.append(self._styled("━" * filled, "32"))
            parts.append(self._styled("━" * (self.width - filled), "37"))
        else:
            parts.append(f"{current:>7}/Unknown")
        time_per_step = self._time_per_step(current, now)
        if finalize or self.target is None:
            clock = f"{now - self._start:.0f}s"
        else:
            clock = _clock(time_per_step * (self.target - current))
        parts.append(" " + self._styled(clock, "1"))
        parts.append(_per_unit(time_per_step, self.unit_name))
        parts.append(self._shown_values())
        line = "".join(parts)
        visible = _visible_length(line)
        erased = " " * max(
            self._line_length - visible, 0
        )  # what an earlier, longer line left behind
        self._line_length = visible
        start = "\r" if self._redraws else ""
        end = "\n" if finalize or not self._redraws else ""
        print_msg(start + line + erased + end, line_break=False)

    def _summary(self, current: int, now: float) -> str:
        count = f"{current}/{self.target}" if self.target is not None else f"{current}/Unknown"
        per_unit = _per_unit(self._time_per_step(current, now), self.unit_name)
        return f"{count} - {now - self._start:.0f}s -{per_unit}{self._shown_values()}\n"

    def _shown_values(self) -> str:
        text = ""
        for name, (total, weight) in self._values.items():
            mean = total / max(weight, 1)
            text += f" - {name}: {mean:.4f}" if abs(mean) > 1e-3 else f" - {name}: {mean:.4e}"
        return text

    def _time_per_step(self, current: int, now: float) -> float:
        """Mean time of a step without the first one, which also compiles."""
        if current <= 0:
            return 0.0
        after_first = self._after_first_step
        if current > 1 and after_first is not None and after_first > self._start:
            return (now - after_first) / (current - 1)
        return (now - self._start) / current

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._redraws else text


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        import numpy as np

        return float(np.mean(np.asarray(value)))


def _clock(seconds: float) -> str:
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def _per_unit(seconds: float, unit: str) -> str:
    if seconds >= 1 or seconds == 0:
        return f" {seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f" {seconds * 1e3:.0f}ms/{unit}"
    return f" {seconds * 1e6:.0f}us/{unit}"


def _visible_length(line: str) -> int:
    import re

    return len(re.sub(r"\x1b\[\d+m", "", line))
