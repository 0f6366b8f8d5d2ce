"""Images and texts of a folder as data sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax.utils.dataset_utils import (
    check_label_arguments,
    check_split_arguments,
    encoded_labels,
    index_directory,
    part_of_split,
)

IMAGE_FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the images in a folder, one folder per class; read when they are needed.

    Args:
        directory: The folder.
        labels: "inferred" from the folders, `None`, or a list with a label per file.
        label_mode: "int", "categorical" (one-hot), "binary" (a float column) or `None`.
        class_names: The classes' folders, to fix their order.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: Images per batch.
        image_size: Height and width that images are resized to.
        shuffle: Whether each epoch has another order.
        seed: Seed of the shuffle.
        validation_split: Fraction that is kept for validation.
        subset: "training", "validation" or "both" (a pair), with `validation_split`.
        interpolation: Method of resizing.
        follow_links: Whether to go into linked folders.
        crop_to_aspect_ratio: Whether to cut images instead of stretching them.
        pad_to_aspect_ratio: Whether to pad images instead of stretching them.
        data_format: "channels_last" or "channels_first".
        format: Kept for Keras's signature.
        verbose: Whether to say how many files were found.

    Returns:
        A `BatchedDataset` of float32 images, with labels; it has `class_names` and `file_paths`.

    Raises:
        ValueError: If arguments do not fit each other or there are no images.
    """
    import numpy as np

    from addax.utils.image_utils import PIL_INTERPOLATION_METHODS, img_to_array, load_fitted

    check_label_arguments(labels, label_mode, class_names, "image")
    if color_mode not in ("rgb", "rgba", "grayscale"):
        raise ValueError(
            '`color_mode` must be one of {"rgb", "rgba", "grayscale"}. '
            f"Received: color_mode={color_mode}"
        )
    if interpolation not in PIL_INTERPOLATION_METHODS:
        raise ValueError(
            f"Argument `interpolation` should be one of {tuple(PIL_INTERPOLATION_METHODS)}. "
            f"Received: interpolation={interpolation}"
        )
    if len(image_size) != 2:
        raise ValueError(
            "Invalid `image_size` value. Expected a tuple of 2 integers. "
            f"Received: image_size={image_size}"
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`."
        )

    def read(path: str) -> Any:
        image = load_fitted(
            path, color_mode, image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio
        )
        return img_to_array(image, data_format=data_format, dtype="float32")

    return _from_directory(
        directory,
        labels,
        label_mode,
        class_names,
        IMAGE_FORMATS,
        lambda paths: np.stack([read(path) for path in paths]),
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
        f"images found in directory {directory}. Allowed formats: {IMAGE_FORMATS}",
    )


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the `.txt` files in a folder as arrays of strings; else as
    `image_dataset_from_directory`.

    Args:
        max_length: Characters that are kept of a text; all if `None`.

    Raises:
        ValueError: If arguments do not fit each other or there are no texts.
    """
    import numpy as np

    check_label_arguments(labels, label_mode, class_names, "text")

    def read(path: str) -> str:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read(-1 if max_length is None else max_length)

    return _from_directory(
        directory,
        labels,
        label_mode,
        class_names,
        (".txt",),
        lambda paths: np.array([read(path) for path in paths], dtype=object),
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
        f"text files found in directory {directory}. Allowed format: .txt",
    )


def _from_directory(
    directory: Any,
    labels: Any,
    label_mode: str | None,
    class_names: Any,
    formats: tuple[str, ...],
    read: Callable,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    follow_links: bool,
    verbose: bool,
    nothing: str,
) -> Any:
    import numpy as np

    check_split_arguments(validation_split, subset, shuffle, seed)
    if seed is None:
        seed = int(np.random.randint(1_000_000))
    if label_mode is None:
        labels_wanted = None if labels is None else labels
    else:
        labels_wanted = labels
    paths, ids, names = index_directory(
        directory, labels_wanted, formats, class_names, shuffle, seed, follow_links, verbose
    )
    if label_mode is None:
        ids = None
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. '
            f"Received: class_names={names}"
        )

    def part(which: str | None) -> Any:
        chosen, chosen_ids = part_of_split(paths, ids, validation_split, which)
        if not chosen:
            kind = f"{which} " if which else ""
            raise ValueError(f"No {kind}{nothing}")
        return _dataset(
            chosen, chosen_ids, names, label_mode, read, batch_size, seed if shuffle else None
        )

    if subset == "both":
        return part("training"), part("validation")
    return part(subset)


def _dataset(
    paths: list[str],
    ids: list[int] | None,
    names: list[str],
    label_mode: str | None,
    read: Callable,
    batch_size: int | None,
    seed: int | None,
) -> Any:
    from addax.utils.batched_dataset import BatchedDataset

    def make(indices: Any) -> Any:
        batch = read([paths[i] for i in indices])
        if ids is None or label_mode is None:
            return (batch,)
        return batch, encoded_labels([ids[i] for i in indices], label_mode, len(names))

    dataset = BatchedDataset(make, len(paths), batch_size or 1, seed)
    dataset.class_names = names
    dataset.file_paths = paths
    return dataset
