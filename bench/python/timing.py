"""Times of a call, and the memory of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

# Long against the clock's own cost of some 50 ns, short against a scheduler's slice.
_CHUNK = 100e-6


def measure(call: Callable[[], object], steps: int, seconds: float) -> dict[str, float]:
    """Runs `call`, which does `steps` steps, for `seconds` or once.

    Returns:
        Seconds of a step: `wall`, the median, `wall_min`, and `cpu` of all threads: the mean, and
        the least, `cpu_min`. Short calls are timed in chunks.
    """
    calls = _calls_of_a_chunk(call)
    wall: list[float] = []
    cpu: list[float] = []
    end = time.perf_counter() + seconds
    before = time.process_time()
    while True:
        start, start_cpu = time.perf_counter(), time.process_time()
        for _ in range(calls):
            call()
        cpu.append(time.process_time() - start_cpu)
        now = time.perf_counter()
        wall.append(now - start)
        if now >= end:
            break
    whole = calls * steps
    return {
        "wall": median(wall) / whole,
        "wall_min": min(wall) / whole,
        "cpu": (time.process_time() - before) / (len(wall) * whole),
        "cpu_min": min(cpu) / whole,
    }


def _calls_of_a_chunk(call: Callable[[], object]) -> int:
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        taken = time.perf_counter() - start
        if taken >= _CHUNK:
            return calls
        calls *= 2


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
