"""What `compile` makes of its losses and metrics."""

from addax.trainers.compile_loss import CompileLoss
from addax.trainers.compile_metrics import CompileMetrics

__all__ = ["CompileLoss", "CompileMetrics"]
