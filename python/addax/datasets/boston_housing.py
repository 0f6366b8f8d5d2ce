"""Boston housing: 506 districts, 13 attributes, median price (Harrison and Rubinfeld, 1978).

One attribute was made from the share of black inhabitants; use it to study bias, not to set prices.
"""

from __future__ import annotations

from addax.datasets.source import TF_KERAS_DATASETS, fetch, split


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> tuple:
    """Loads the prices.

    Args:
        path: Name in the cache folder, or path of a local file.
        test_split: Fraction of the samples that is kept for testing.
        seed: Seed of the shuffle before the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float64 arrays of shape `(n, 13)` and `(n,)`.
    """
    import numpy as np

    path = fetch(
        path,
        TF_KERAS_DATASETS + "boston_housing.npz",
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    )
    with np.load(path, allow_pickle=False) as f:
        x, y = f["x"], f["y"]
    return split(x, y, test_split, seed)
