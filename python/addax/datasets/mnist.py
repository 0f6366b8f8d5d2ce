"""MNIST: 70,000 handwritten digits of 28 x 28 pixels (http://yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

from typing import Any

from addax.datasets.source import TF_KERAS_DATASETS, fetch


def load_data(path: str = "mnist.npz") -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Loads the handwritten digits.

    Args:
        path: Name in the cache folder, or path of a local file.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(60000, 28, 28)` and `(10000,
        28, 28)`, and uint8 labels 0 to 9.

    Raises:
        FileNotFoundError: If `path` names a file in a folder that is not there.
    """
    import numpy as np

    path = fetch(
        path,
        TF_KERAS_DATASETS + "mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    )
    with np.load(path, allow_pickle=False) as f:
        return (f["x_train"], f["y_train"]), (f["x_test"], f["y_test"])
