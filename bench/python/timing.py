"""Times of a call, and the memory of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

# Long against the clocks' own cost of half a microsecond, short against a scheduler's slice.
_CHUNK = 200e-6
# An interruption is nothing beside this.
_LONG = 0.05


class Timer:
    """Times a call that does `steps` steps; short calls in chunks.

    Args:
        calls: That make a chunk; found out, by warming up, if not given.
    """

    def __init__(self, call: Callable[[], object], steps: int = 1, calls: int = 0) -> None:
        self._call = call
        self._steps = steps
        self._calls = calls or 1
        if calls:
            return
        call()  # may compile
        while self._quickest() < _CHUNK:
            self._calls *= 2

    def measure(self, seconds: float) -> dict[str, float]:
        """Runs for `seconds`, or one chunk, after one that is not counted: the caches hold what the
        process before it left.

        Returns:
            Seconds of a step: `wall`, the median, `wall_min`, and `cpu` of all threads: the mean,
            and the least, `cpu_min`.
        """
        self._chunk()
        start, before = time.perf_counter(), time.process_time()
        chunks = [self._chunk()]
        while time.perf_counter() - start < seconds:
            chunks.append(self._chunk())
        total = time.process_time() - before
        whole = self._calls * self._steps
        wall = [one[0] for one in chunks]
        return {
            "wall": median(wall) / whole,
            "wall_min": min(wall) / whole,
            "cpu": total / (len(chunks) * whole),
            "cpu_min": min(one[1] for one in chunks) / whole,
        }

    def _quickest(self) -> float:
        """Wall time of the quickest of a few chunks, as any may be interrupted."""
        best = self._chunk()[0]
        for _ in range(4):
            if best > _LONG:
                break
            best = min(best, self._chunk()[0])
        return best

    def _chunk(self) -> tuple[float, float]:
        """Wall and CPU time of a chunk."""
        start, before = time.perf_counter(), time.process_time()
        for _ in range(self._calls):
            self._call()
        return time.perf_counter() - start, time.process_time() - before


class Clock:
    """Seconds since it was made: `wall`, and `cpu` of all threads of this process."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {"wall": wall, "cpu": cpu}


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes.

    Raises:
        OSError: On a system without /proc.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("This system does not tell the resident memory of a process.")
