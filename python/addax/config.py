"""Settings, under the names of `keras.config`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from addax.backend.config import (
    backend,
    disable_interactive_logging,
    disable_traceback_filtering,
    enable_interactive_logging,
    enable_traceback_filtering,
    epsilon,
    floatx,
    image_data_format,
    is_interactive_logging_enabled,
    is_traceback_filtering_enabled,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "backend",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "num_threads",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_num_threads",
    "threads",
]


def dtype_policy() -> Any:
    """The dtype policy of layers that get none."""
    from addax import dtype_policies

    return dtype_policies.dtype_policy()


def set_dtype_policy(policy: Any) -> None:
    """Sets the dtype policy of layers that get none (a policy or its name)."""
    from addax import dtype_policies

    dtype_policies.set_dtype_policy(policy)


def enable_unsafe_deserialization() -> None:
    """Allows loading what holds Python code (lambdas). Only for files that you trust."""
    from addax.saving import serialization

    serialization.enable_unsafe_deserialization()


def num_threads() -> int:
    """How many threads an operation may use at most, the calling one included.

    At first that is `ADDAX_NUM_THREADS`, else `OMP_NUM_THREADS`, else as many as the process may
    have. Results are the same, bit for bit, for any number.
    """
    from addax import _core

    return _core.thread_count()


def set_num_threads(n: int) -> None:
    """Sets how many threads an operation may use, for the whole process.

    Raises:
        ValueError: If `n` is not a positive integer.
    """
    from addax import _core

    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1:
        raise ValueError(f"The number of threads must be a positive integer. Received: n={n!r}")
    _core.set_thread_count(min(n.__index__(), 2**31 - 1))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Sets the number of threads for a `with` block, and sets it back after.

    Raises:
        ValueError: If `n` is not a positive integer.
    """
    before = num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
