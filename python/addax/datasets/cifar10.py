"""CIFAR-10: 60,000 color pictures of 32 x 32 pixels, ten classes."""

from __future__ import annotations

import os


def load_data() -> tuple:
    """Loads the pictures.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(50000, 32, 32, 3)` and
        `(10000, 32, 32, 3)`, and uint8 labels 0 to 9 of shape `(n, 1)`.
    """
    from addax.datasets.cifar import assemble, load_batch
    from addax.utils.file_utils import get_file

    folder = get_file(
        "cifar-10-batches-py-target",
        origin="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        extract=True,
        file_hash="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    )
    folder = os.path.join(folder, "cifar-10-batches-py")
    train = [load_batch(os.path.join(folder, f"data_batch_{i}")) for i in range(1, 6)]
    return assemble(train, load_batch(os.path.join(folder, "test_batch")))
