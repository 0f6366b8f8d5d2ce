"""What the two text data sets do to their lists of word ids."""

from __future__ import annotations

from typing import Any


def shift_ids(texts: Any, start_char: int | None, index_from: int | None) -> list[list[int]]:
    """Adds `index_from` to each id and puts `start_char` in front."""
    shift = index_from or 0
    start = [] if start_char is None else [start_char]
    if start_char is not None or index_from:
        return [start + [word + shift for word in text] for text in texts]
    return [list(text) for text in texts]


def limit_ids(
    texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None
) -> list[list[int]]:
    """Replaces ids outside `[skip_top, num_words)` by `oov_char`, or drops them if it is `None`."""
    if not num_words:
        num_words = max(max(text) for text in texts)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < num_words] for text in texts]
    return [[word if skip_top <= word < num_words else oov_char for word in text] for text in texts]


def drop_long(texts: list[list[int]], labels: Any, maxlen: int) -> tuple[list[list[int]], list]:
    """Keeps the texts of fewer than `maxlen` words."""
    kept = [(text, label) for text, label in zip(texts, labels) if len(text) < maxlen]
    return [text for text, _ in kept], [label for _, label in kept]


def as_objects(texts: list[list[int]]) -> Any:
    """A rank-1 array of lists."""
    import numpy as np

    array = np.empty(len(texts), dtype="object")
    array[:] = texts
    return array
