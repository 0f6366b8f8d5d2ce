"""IMDB: 50,000 film reviews as word ids, labeled by sentiment (Maas et al., 2011)."""

from __future__ import annotations

from addax.datasets.source import TF_KERAS_DATASETS, fetch, load_object_arrays
from addax.datasets.word_ids import as_objects, drop_long, limit_ids, shift_ids


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs,
) -> tuple:
    """Loads the reviews; a word's id is its rank by frequency plus `index_from`.

    Args:
        path: Name in the cache folder, or path of a local file.
        num_words: Ids from here on count as unknown; `None` for the largest id.
        skip_top: Ids below count as unknown.
        maxlen: Reviews of this many words or more are left out.
        seed: Seed of the shuffle.
        start_char: Id put before each review, `None` for none.
        oov_char: Id of unknown words; `None` drops them.
        index_from: Added to each id.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists of ints, and labels 0 and 1.

    Raises:
        ValueError: If `maxlen` leaves nothing over.
        TypeError: For unknown arguments.
    """
    import numpy as np

    if "nb_words" in kwargs:
        num_words = kwargs.pop("nb_words")
    if kwargs:
        raise TypeError(f"Unrecognized keyword arguments: {kwargs}.")
    path = fetch(
        path,
        TF_KERAS_DATASETS + "imdb.npz",
        "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    )
    x_train, y_train, x_test, y_test = load_object_arrays(
        path, ("x_train", "y_train", "x_test", "y_test")
    )
    generator = np.random.RandomState(seed)
    parts = []
    for texts, labels in ((x_train, y_train), (x_test, y_test)):
        order = np.arange(len(texts))
        generator.shuffle(order)
        texts, labels = shift_ids(texts[order], start_char, index_from), labels[order]
        if maxlen:
            texts, labels = drop_long(texts, labels, maxlen)
            if not texts:
                raise ValueError(
                    f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was "
                    "kept. "
                    "Increase maxlen."
                )
        parts.append((texts, np.asarray(labels)))
    (x_train, y_train), (x_test, y_test) = parts
    texts = limit_ids(x_train + x_test, num_words, skip_top, oov_char)
    cut = len(x_train)
    return (as_objects(texts[:cut]), y_train), (as_objects(texts[cut:]), y_test)


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Words and their rank by frequency, from 1."""
    import json

    path = fetch(
        path, TF_KERAS_DATASETS + "imdb_word_index.json", "bfafd718b763782e994055a2d397834f"
    )
    with open(path, encoding="utf-8") as f:
        return json.load(f)
