"""CIFAR-100: 60,000 color pictures of 32 x 32 pixels, a hundred classes in twenty groups."""

from __future__ import annotations

import os


def load_data(label_mode: str = "fine") -> tuple:
    """Loads the pictures.

    Args:
        label_mode: "fine" for the hundred classes, "coarse" for the twenty groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(50000, 32, 32, 3)` and
        `(10000, 32, 32, 3)`, and uint8 labels of shape `(n, 1)`.

    Raises:
        ValueError: If `label_mode` is neither.
    """
    from addax.datasets.cifar import assemble, load_batch
    from addax.utils.file_utils import get_file

    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: label_mode={label_mode}.'
        )
    folder = get_file(
        "cifar-100-python-target",
        origin="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        extract=True,
        file_hash="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    )
    folder = os.path.join(folder, "cifar-100-python")
    key = f"{label_mode}_labels"
    train = [load_batch(os.path.join(folder, "train"), label_key=key)]
    return assemble(train, load_batch(os.path.join(folder, "test"), label_key=key))
