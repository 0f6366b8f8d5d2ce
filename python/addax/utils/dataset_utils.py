"""Splitting of data sets, and what loading from folders shares."""

from __future__ import annotations

import os
from typing import Any

from addax.utils.io_utils import print_msg


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Splits samples into two data sets.

    Args:
        dataset: An array, a list or tuple of arrays of one length, or an iterable of samples.
        left_size: Number of samples in the first, or its fraction.
        right_size: The same for the second; the rest if `None`.
        shuffle: Whether to shuffle before the split.
        seed: Seed of the shuffle.
        preferred_backend: Kept for Keras's signature.

    Returns:
        Two `SampleDataset`s: iterable, with a length and `batch(n)`.

    Raises:
        ValueError: If the data are empty, arrays differ in length, or sizes do not fit.
        TypeError: If sizes are no numbers or the data no samples.
    """
    import numpy as np

    from addax.utils.batched_dataset import SampleDataset

    arrays = _sample_arrays(dataset)
    total = len(arrays[0] if isinstance(arrays, tuple) else arrays)
    left, right = _split_sizes(total, left_size, right_size)
    order = np.arange(total)
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    stop = total if left + right >= total else left + right
    return SampleDataset(arrays, order[:left]), SampleDataset(arrays, order[left:stop])


def _sample_arrays(dataset: Any) -> Any:
    import numpy as np

    if isinstance(dataset, np.ndarray):
        return dataset
    if isinstance(dataset, (list, tuple)):
        kind = "list" if isinstance(dataset, list) else "tuple"
        if not dataset:
            raise ValueError(
                f"Received an empty {kind} dataset. Please provide a non-empty {kind} of arrays."
            )
        if all(isinstance(part, np.ndarray) and part.ndim for part in dataset):
            for i, part in enumerate(dataset):
                if len(part) != len(dataset[0]):
                    raise ValueError(
                        f"Received a {kind} of NumPy arrays with different lengths. Mismatch found "
                        f"at index {i}, Expected shape={dataset[0].shape} Received "
                        f"shape={part.shape}. Please provide a {kind} of NumPy arrays of the same "
                        "length."
                    )
            return tuple(dataset)
        raise ValueError(
            f"Expected a {kind} of `numpy.ndarray` objects, Received: {type(dataset[0])} at index "
            "0."
        )
    if hasattr(dataset, "as_numpy_iterator"):
        dataset = dataset.as_numpy_iterator()
    if not hasattr(dataset, "__iter__"):
        raise TypeError(
            "The `dataset` argument must be an iterable of samples or a list/tuple of arrays. "
            f"Received: dataset={dataset} of type {type(dataset)}"
        )
    samples = list(dataset)
    if not samples:
        raise ValueError(
            "Received an empty dataset. Argument `dataset` must be a non-empty list/tuple of "
            "`numpy.ndarray` objects or `tf.data.Dataset` objects."
        )
    if isinstance(samples[0], (list, tuple)):
        return tuple(np.stack([np.asarray(part) for part in column]) for column in zip(*samples))
    return np.stack([np.asarray(sample) for sample in samples])


def _split_sizes(total: int, left: Any, right: Any) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. "
            "Received: left_size=None and right_size=None"
        )
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None and (isinstance(size, bool) or not isinstance(size, (int, float))):
            raise TypeError(
                f"Invalid `{name}` Type. Expected: int or float or None, "
                f"Received: type({name})={type(size)}."
            )
        too_large = (isinstance(size, int) and size >= total) or (
            isinstance(size, float) and size > 1
        )
        if size is not None and (size < 0 or too_large):
            raise ValueError(
                f"`{name}` should be either a positive integer smaller than {total}, or a float "
                f"within the range `[0, 1]`. Received: {name}={size}"
            )
    if left == 0 and right == 0:
        raise ValueError(
            "Both `left_size` and `right_size` are zero. At least one of the split sizes must be "
            "non-zero."
        )
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or "
            "equal to 1."
        )
    left_count = round(left * total) if isinstance(left, float) else left
    right_count = round(right * total) if isinstance(right, float) else right
    if left_count is None:
        left_count = total - right_count
    if right_count is None:
        right_count = total - left_count
    if left_count + right_count > total:
        raise ValueError(
            "The sum of `left_size` and `right_size` should be smaller than the "
            f"{total}. Received: left_size + right_size = {left_count + right_count}"
            f"and total_length = {total}"
        )
    for side, count in (("left", left_count), ("right", right_count)):
        if count == 0:
            raise ValueError(
                f"With `dataset` of length={total}, `left_size`={left} and `right_size`={right}."
                f"Resulting {side} side dataset split will be empty. Adjust any of the "
                "aforementioned parameters"
            )
    return left_count, right_count


def index_directory(
    directory: Any,
    labels: Any,
    formats: tuple[str, ...],
    class_names: Any = None,
    shuffle: bool = True,
    seed: int | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> tuple[list[str], list[int] | None, list[str]]:
    """The files of a folder and their labels.

    Args:
        directory: The folder; with `labels="inferred"` one folder per class.
        labels: "inferred", `None`, or one label per file in the order of their sorted paths.
        formats: Endings of the files that count, in small letters.
        class_names: The classes' folders, to fix their order.
        shuffle: Whether to shuffle the files.
        seed: Seed of the shuffle.
        follow_links: Whether to go into linked folders.
        verbose: Whether to say how many files were found.

    Returns:
        Paths, labels (`None` without) and class names.

    Raises:
        ValueError: If class names or labels do not fit the folder.
    """
    import numpy as np

    directory = os.fspath(directory)
    inferred = isinstance(labels, str)
    if inferred:
        subdirs = sorted(
            name
            for name in os.listdir(directory)
            if os.path.isdir(os.path.join(directory, name)) and not name.startswith(".")
        )
        if class_names and not set(class_names) <= set(subdirs):
            raise ValueError(
                "The `class_names` passed did not match the names of the subdirectories of the "
                f"target directory. Expected: {subdirs} (or a subset of it), but received: "
                f"class_names={class_names}"
            )
        class_names = list(class_names or subdirs)
    else:
        if class_names:
            raise ValueError(
                "When argument `labels` is specified, argument `class_names` cannot be specified "
                "(the `class_names` will be the sorted list of labels)."
            )
        class_names = [] if labels is None else [str(label) for label in sorted(set(labels))]
    paths: list[str] = []
    found: list[int] = []
    for label, folder in enumerate(class_names if inferred else [""]):
        root = os.path.join(directory, folder)
        files = sorted(_files_below(root, formats, follow_links))
        paths += files
        found += [label] * len(files)
    if not inferred and labels is not None:
        if len(labels) != len(paths):
            raise ValueError(
                "Expected the lengths of `labels` to match the number of files in the target "
                f"directory. len(labels) is {len(labels)} while we found {len(paths)} files in "
                f"directory {directory}."
            )
        found = list(labels)
    if verbose:
        classes = "" if labels is None else f" belonging to {len(class_names)} classes"
        print_msg(f"Found {len(paths)} files{classes}.")
    if shuffle:
        if seed is None:
            seed = int(np.random.randint(1_000_000))
        order = np.random.RandomState(seed).permutation(len(paths))
        paths, found = [paths[i] for i in order], [found[i] for i in order]
    return paths, None if labels is None else found, class_names


def _files_below(root: str, formats: tuple[str, ...], follow_links: bool) -> list[str]:
    found = []
    for folder, _, names in os.walk(root, followlinks=follow_links):
        found += [os.path.join(folder, n) for n in names if n.lower().endswith(formats)]
    return found


def part_of_split(
    samples: list, labels: list | None, validation_split: float | None, subset: str | None
) -> tuple[list, list | None]:
    """The training part (the first) or the validation part (the last) of the samples."""
    if not validation_split:
        return samples, labels
    held = int(validation_split * len(samples))
    cut = len(samples) - held
    if subset == "training":
        print_msg(f"Using {cut} files for training.")
        return samples[:cut], labels and labels[:cut]
    print_msg(f"Using {held} files for validation.")
    return samples[cut:], labels and labels[cut:]


def check_split_arguments(
    validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None
) -> None:
    """Raises ValueError if the arguments of a split do not fit each other."""
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(
            f"`validation_split` must be between 0 and 1, received: {validation_split}"
        )
    if bool(validation_split) != bool(subset):
        raise ValueError("If `subset` is set, `validation_split` must be set, and inversely.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(
            f'`subset` must be either "training", "validation" or "both", received: {subset}'
        )
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` "
            "argument, to make sure that there is no overlap between the training and validation "
            "subset."
        )


def encoded_labels(labels: list[int], label_mode: str, num_classes: int) -> Any:
    """Labels as `label_mode` says: ids, a column of floats, or one-hot rows."""
    import numpy as np

    if label_mode == "binary":
        return np.asarray(labels, "float32")[:, None]
    if label_mode == "categorical":
        return np.eye(num_classes, dtype="float32")[np.asarray(labels, "int64")]
    return np.asarray(labels, "int32")


def check_label_arguments(labels: Any, label_mode: str | None, class_names: Any, what: str) -> None:
    """Raises ValueError if `labels`, `label_mode` and `class_names` do not fit each other."""
    if labels not in ("inferred", None) if isinstance(labels, str) else False:
        labels_are_fine = False
    else:
        labels_are_fine = labels is None or isinstance(labels, (str, list, tuple))
    if not labels_are_fine:
        raise ValueError(
            "`labels` argument should be a list/tuple of integer labels, of the same size as the "
            f"number of {what} files in the target directory. If you wish to infer the labels from "
            'the subdirectory names in the target directory, pass `labels="inferred"`. If you wish '
            f"to get a dataset that only contains {what}s (no labels), pass `labels=None`. "
            f"Received: labels={labels}"
        )
    if class_names and labels != "inferred":
        raise ValueError(
            'You can only pass `class_names` if `labels="inferred"`. '
            f"Received: labels={labels}, and class_names={class_names}"
        )
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            '`label_mode` argument must be one of "int", "categorical", "binary", or None. '
            f"Received: label_mode={label_mode}"
        )
