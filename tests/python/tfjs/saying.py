"""What saving says about the browser."""

from __future__ import annotations

import warnings


def warnings_of_saving(model, folder) -> list[str]:
    """The warnings about TensorFlow.js when a model is saved."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.save(folder)
    return [str(w.message) for w in caught if "TensorFlow.js" in str(w.message)]
