"""Trial inputs for a model whose data are not at hand, how a model takes its inputs, and how far
outputs lie apart."""

from __future__ import annotations

import math
from typing import Any


def sample_inputs(model: Any, batch: int, open_size: int) -> list:
    """Random arrays that fit a model's inputs: floats within ±0.5, integers 0 and 1; the same in
    each run.

    Args:
        model: The model.
        batch: Number of samples.
        open_size: Size of the other dimensions that the model leaves open.

    Raises:
        ValueError: If the model does not know the shapes of its inputs.
    """
    import numpy as np

    from addax.backend.dtypes import numpy_dtype

    if not getattr(model, "inputs", None):
        raise ValueError("the shapes of the model's inputs are not known")
    rng = np.random.default_rng(0)
    samples = []
    for tensor in model.inputs:
        shape = [batch, *(open_size if size is None else size for size in tensor.shape[1:])]
        values = rng.random(shape) - 0.5 if "float" in tensor.dtype else rng.integers(0, 2, shape)
        samples.append(values.astype(numpy_dtype(tensor.dtype)))
    return samples


def nested(model: Any, arrays: list) -> Any:
    """The arrays as the model takes its inputs: alone, or in a list or dict."""
    from addax import tree

    if getattr(model, "inputs", None):
        return tree.pack_sequence_as(model.input, arrays)
    return arrays[0] if len(arrays) == 1 else arrays


def largest_difference(ours: list, theirs: list) -> float:
    """The largest absolute difference between two lists of arrays. NaN equals NaN; beside a number,
    and against another infinity, it is infinitely far.

    Raises:
        ValueError: If the shapes differ.
    """
    import numpy as np

    if [x.shape for x in ours] != [x.shape for x in theirs]:
        raise ValueError(
            f"the shapes differ: {[x.shape for x in ours]} and {[x.shape for x in theirs]}"
        )
    difference = 0.0
    for one, other in zip(ours, theirs, strict=True):
        a, b = one.astype("float64"), other.astype("float64")
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            apart = np.nan_to_num(np.where(same, 0.0, np.abs(a - b)), nan=math.inf, posinf=math.inf)
        difference = max(difference, float(apart.max(initial=0.0)))
    return difference
