"""Reuters: 11,228 newswires as word ids, in 46 topics."""

from __future__ import annotations

from addax.datasets.source import TF_KERAS_DATASETS, fetch, load_object_arrays, permutation
from addax.datasets.word_ids import as_objects, drop_long, limit_ids, shift_ids

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves "
    "ship cotton carcass "
    "crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal "
    "livestock retail ipi "
    "iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple:
    """Loads the newswires; the arguments mean what they mean for `imdb.load_data`.

    Args:
        test_split: Fraction of the samples that is kept for testing.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists of ints, and labels 0 to 45.
    """
    import numpy as np

    path = fetch(
        path,
        TF_KERAS_DATASETS + "reuters.npz",
        "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    )
    texts, labels = load_object_arrays(path, ("x", "y"))
    order = permutation(len(texts), seed)
    labels = labels[order]
    texts = shift_ids(texts[order], start_char, index_from)
    if maxlen:
        texts, labels = drop_long(texts, labels, maxlen)
    texts = limit_ids(texts, num_words, skip_top, oov_char)
    labels = np.asarray(labels)
    cut = int(len(texts) * (1 - test_split))
    return (as_objects(texts[:cut]), labels[:cut]), (as_objects(texts[cut:]), labels[cut:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Words and their rank by frequency, from 1."""
    import json

    path = fetch(
        path, TF_KERAS_DATASETS + "reuters_word_index.json", "4d44cc38712099c9e383dc6e5f11a921"
    )
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def get_label_names() -> tuple[str, ...]:
    """Names of the topics, by label."""
    return tuple(_TOPICS.split())
