"""Settings, under the names of `keras.config`."""

from __future__ import annotations

from typing import Any

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
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
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
