"""Arrays to TensorFlow.js and back, and how near they must be."""

from __future__ import annotations

import numpy as np
import pytest

TOLERANCE = 1e-5  # of the largest value


def encode(array) -> dict:
    """A tensor for client.js."""
    array = np.asarray(array)
    dtype = "int32" if array.dtype.kind in "iu" else "float32"
    return {"shape": list(array.shape), "dtype": dtype, "data": array.ravel().tolist()}


def decode(tensors) -> list[np.ndarray]:
    return [np.array(x["data"], "float64").reshape(x["shape"]) for x in tensors]


def predict(model, inputs) -> list[np.ndarray]:
    """What Addax predicts, always a list."""
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def distance(ours, theirs) -> float:
    """The largest difference, as a part of the largest value."""
    assert [x.shape for x in ours] == [x.shape for x in theirs]
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        scale = np.max(np.abs(b), initial=1e-30)
        worst = max(worst, float(np.max(np.abs(a - b), initial=0.0) / scale))
        assert np.isfinite(a).all() == np.isfinite(b).all(), "one side has NaN or infinity"
    return worst


def check(ours, theirs, known: str = "", tolerance: float = TOLERANCE) -> None:
    """The same numbers, or the difference that is known."""
    far = distance(ours, theirs)
    if known:
        assert far > tolerance, f"no longer differs, but it is noted that {known}"
        pytest.xfail(known)
    assert far <= tolerance, f"differs by {far:.2g} of the largest value"
