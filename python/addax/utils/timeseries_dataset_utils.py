"""Windows of a time series as a data set."""

from __future__ import annotations

from typing import Any


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Any:
    """Windows of a time series, gathered when they are needed.

    Args:
        data: Array whose first axis is time.
        targets: Array; the target of the window that starts at step i is `targets[i]`. `None` for
            windows alone.
        sequence_length: Steps in a window.
        sequence_stride: Steps between the starts of two windows.
        sampling_rate: Steps between two steps of a window.
        batch_size: Windows per batch; `None` for one window at a time, without a batch axis.
        shuffle: Whether to shuffle the windows.
        seed: Seed of the shuffle.
        start_index, end_index: Part of the data to use, the end excluded.
        format: Kept for Keras's signature.

    Returns:
        A `BatchedDataset` of windows, with targets if there are some.

    Raises:
        ValueError: If an argument is out of range.
    """
    import numpy as np

    from addax.utils.batched_dataset import BatchedDataset

    data = np.asarray(data)
    _check(data, start_index, end_index, sampling_rate, sequence_stride)
    start = start_index or 0
    end = len(data) if end_index is None else end_index
    # As in Keras, a window with a target needs no room behind it but its own start's target.
    count = end - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = np.asarray(targets)
        count = min(count, len(targets) - start if end_index is None else end - start)
    starts = np.arange(0, max(count, 0), sequence_stride) + start
    if shuffle:
        if seed is None:
            seed = int(np.random.randint(1_000_000))
        np.random.RandomState(seed).shuffle(starts)
    steps = np.arange(sequence_length) * sampling_rate

    def make(indices: Any) -> Any:
        chosen = starts[indices]
        windows = data[chosen[:, None] + steps]
        if batch_size is None:
            return (windows[0],) if targets is None else (windows[0], targets[chosen[0]])
        return (windows,) if targets is None else (windows, targets[chosen])

    return BatchedDataset(make, len(starts), batch_size or 1, seed if shuffle else None)


def _check(data: Any, start: Any, end: Any, sampling_rate: int, sequence_stride: int) -> None:
    length = len(data)
    if start is not None and start < 0:
        raise ValueError(f"`start_index` must be 0 or greater. Received: start_index={start}")
    if start is not None and start >= length:
        raise ValueError(
            "`start_index` must be lower than the length of the data. "
            f"Received: start_index={start}, for data of length {length}"
        )
    if start is not None and end is not None and end <= start:
        raise ValueError(
            "`end_index` must be higher than `start_index`. "
            f"Received: start_index={start}, and end_index={end} "
        )
    if end is not None and end > length:
        raise ValueError(
            "`end_index` must be lower than the length of the data. "
            f"Received: end_index={end}, for data of length {length}"
        )
    if end is not None and end <= 0:
        raise ValueError(f"`end_index` must be higher than 0. Received: end_index={end}")
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if value <= 0:
            raise ValueError(f"`{name}` must be higher than 0. Received: {name}={value}")
        if value >= length:
            raise ValueError(
                f"`{name}` must be lower than the length of the data. "
                f"Received: {name}={value}, for data of length {length}"
            )
