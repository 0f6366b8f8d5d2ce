"""California housing: 20,640 districts of the 1990 census, 8 attributes, median price (Pace and
Barry, 1997).
"""

from __future__ import annotations

from addax.datasets.source import TF_KERAS_DATASETS, fetch, split


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple:
    """Loads the prices.

    Args:
        version: "large" for all samples, "small" for the first 600.
        path: Name in the cache folder, or path of a local file.
        test_split: Fraction of the samples that is kept for testing.
        seed: Seed of the shuffle before the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of shape `(n, 8)` and `(n,)`.

    Raises:
        ValueError: If `version` is neither.
    """
    import numpy as np

    if version not in ("small", "large"):
        raise ValueError(
            f"Argument `version` must be one of 'small', 'large'. Received: version={version}"
        )
    path = fetch(
        path,
        TF_KERAS_DATASETS + "california_housing.npz",
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    )
    with np.load(path, allow_pickle=False) as f:
        x, y = f["x"], f["y"]
    if version == "small":
        x, y = x[:600], y[:600]
    return split(x, y, test_split, seed)
