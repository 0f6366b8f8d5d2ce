"""Training in 16 bits with variables in float32: Keras's older names for dtype policies."""

from __future__ import annotations

from addax.dtype_policies import DTypePolicy
from addax.dtype_policies.dtype_policy import dtype_policy, set_dtype_policy
from addax.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
