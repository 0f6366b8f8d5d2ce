"""What tensors, variables and programs are in Python; the public names are those of
`keras.backend`."""

from addax.backend import names
from addax.backend import operators as _operators  # noqa: F401 - attaches operators
from addax.backend.config import (
    backend,
    device,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from addax.backend.dtypes import is_float_dtype, is_int_dtype, result_type, standardize_dtype
from addax.backend.function import CompiledFunction
from addax.backend.keras_tensor import KerasTensor, any_symbolic, is_keras_tensor
from addax.backend.names import auto_name, get_uid, name_scope
from addax.backend.symbolic import compute_output_spec
from addax.backend.tensor import cast, convert_to_numpy, convert_to_tensor, is_tensor
from addax.backend.variable import AutocastScope, StatelessScope, Variable

__all__ = [
    "AutocastScope",
    "CompiledFunction",
    "KerasTensor",
    "StatelessScope",
    "Variable",
    "any_symbolic",
    "auto_name",
    "backend",
    "cast",
    "clear_session",
    "compute_output_spec",
    "convert_to_numpy",
    "convert_to_tensor",
    "device",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "is_tensor",
    "name_scope",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def clear_session(free_memory: bool = True) -> None:
    """Starts automatic names anew and forgets the global random generator.

    Args:
        free_memory: Whether to run Python's garbage collector too.
    """
    names.reset()
    from addax.random.seed_generator import forget_global_seed_generator

    forget_global_seed_generator()
    if free_memory:
        import gc

        gc.collect()
