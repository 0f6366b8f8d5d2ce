"""Fashion-MNIST: 70,000 pictures of clothes of 28 x 28 pixels, ten classes (Zalando Research)."""

from __future__ import annotations

import os
from typing import Any

from addax.datasets.source import TF_KERAS_DATASETS


def load_data() -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Loads the pictures of clothes.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(60000, 28, 28)` and `(10000,
        28, 28)`, and uint8 labels 0 to 9.
    """
    y_train = _read("train-labels-idx1-ubyte.gz", header=8).reshape(-1)
    x_train = _read("train-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
    y_test = _read("t10k-labels-idx1-ubyte.gz", header=8).reshape(-1)
    x_test = _read("t10k-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)
    return (x_train, y_train), (x_test, y_test)


def _read(name: str, header: int) -> Any:
    """The bytes of an IDX file behind its header."""
    import gzip

    import numpy as np

    from addax.utils.file_utils import get_file

    folder = os.path.join("datasets", "fashion-mnist")
    path = get_file(name, origin=TF_KERAS_DATASETS + name, cache_subdir=folder)
    with gzip.open(path, "rb") as f:
        return np.frombuffer(f.read(), dtype="uint8", offset=header).copy()
