"""Reading of the CIFAR batch files (https://www.cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

from typing import Any


def load_batch(fpath: str, label_key: str = "labels") -> tuple[Any, Any]:
    """Images `(n, 3, 32, 32)` uint8 and labels of a batch file, a pickle that Python 2 wrote.

    Raises:
        UnpicklingError: If the file holds more than arrays, numbers, strings, lists and dicts.
    """
    from addax.datasets.source import ArrayUnpickler

    with open(fpath, "rb") as f:
        content = ArrayUnpickler(f, encoding="bytes").load()
    content = {k.decode("utf8") if isinstance(k, bytes) else k: v for k, v in content.items()}
    images = content["data"]
    return images.reshape(len(images), 3, 32, 32), content[label_key]


def assemble(train: list[tuple[Any, Any]], test: tuple[Any, Any]) -> tuple:
    """Joins batches into Keras's arrays: images in the configured layout, labels as uint8
    columns.
    """
    import numpy as np

    from addax.backend import config

    def images(parts: list) -> Any:
        x = np.concatenate(parts)
        return x.transpose(0, 2, 3, 1) if config.image_data_format() == "channels_last" else x

    def labels(parts: list) -> Any:
        return np.concatenate([np.asarray(p, "uint8") for p in parts]).reshape(-1, 1)

    return (
        (images([x for x, _ in train]), labels([y for _, y in train])),
        (images([test[0]]), labels([test[1]])),
    )
