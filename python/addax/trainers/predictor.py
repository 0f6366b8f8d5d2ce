"""A model's prediction held ready behind one call."""

from __future__ import annotations

from typing import Any

from addax import _core, tree
from addax.backend.dtypes import numpy_dtype, standardize_dtype
from addax.trainers.step_function import ProgramStep


def make_predictor(model: Any, example: Any = None, dtype: Any = None) -> Any:
    """See `Model.predictor`."""
    products = "float32" if dtype is None else standardize_dtype(dtype)
    if products not in ("float32", "bfloat16"):
        raise ValueError(
            "`dtype` is what matrix products and convolutions multiply: 'float32' or 'bfloat16'. "
            f"Received: dtype={dtype!r}"
        )
    step = model.make_predict_function()
    if not isinstance(step, ProgramStep):
        raise ValueError(
            "A predictor runs a recorded program; this model was compiled with `run_eagerly=True`. "
            "Call `model.compile(...)` without it first."
        )
    if example is None:
        data, names = _described(model)
    else:
        data, names = _like(example)
    recorded = step.recorded((data,))
    if not all(isinstance(leaf, int) for leaf in tree.flatten(recorded.outputs)):
        raise ValueError("A predictor needs outputs that are tensors, all of them.")
    assemble = None if recorded.single else recorded.assemble
    executable = recorded.executable
    if products != "float32":
        executable = _core.Executable(recorded.program, products=products)
    return _core.predictor(executable, names, assemble)


def _described(model: Any) -> tuple[Any, list[str]]:
    """Stand-ins for a batch in the structure of the model's inputs, and the inputs' names."""
    import numpy as np

    structure = getattr(model, "_inputs_struct", None)
    inputs = (
        tree.flatten(structure)
        if structure is not None
        else list(getattr(model, "inputs", None) or ())
    )
    if not inputs:
        raise ValueError(
            f"The shapes of the inputs of model '{model.name}' are not known. Give `predictor` an "
            "example batch."
        )
    if structure is None:
        structure = inputs[0] if len(inputs) == 1 else inputs
    # Open sizes differ from each other, so that they may differ at a call.
    stand_ins = []
    size = 2
    for tensor in inputs:
        shape = [2]
        for known in tensor.shape[1:]:
            size += known is None
            shape.append(size if known is None else known)
        stand_ins.append(np.broadcast_to(np.zeros((), numpy_dtype(tensor.dtype)), shape))
    names = [tensor.name for tensor in inputs]
    if isinstance(structure, dict):
        paths = [path for path, _ in tree.flatten_with_path(structure)]
        names = [
            str(path[0]) if len(path) == 1 else name
            for path, name in zip(paths, names, strict=True)
        ]
    return tree.pack_sequence_as(structure, stand_ins), names


def _like(example: Any) -> tuple[Any, list[str]]:
    """The example as the model gets it, and names for its parts."""
    from addax.trainers.data_adapters.array_adapter import ArrayAdapter
    from addax.trainers.data_adapters.conversion import to_arrays

    adapter = ArrayAdapter(to_arrays(example, "x"))
    (data,) = adapter.first_batch()
    names = []
    for i, (path, _) in enumerate(tree.flatten_with_path(data)):
        names.append(str(path[-1]) if isinstance(data, dict) else f"x{i or ''}")
    return data, names
