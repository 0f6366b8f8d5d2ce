"""The numbers that an IntegerLookup knows: what may be one, and how one is found in data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from addax.layers.arguments import as_integer


def as_integers(vocabulary: Any) -> list[int]:
    """The integers of a list, tuple, array or tensor; ValueError if there are none or others."""
    if isinstance(vocabulary, str):
        raise ValueError(
            "A vocabulary is not read from a file. Pass the integers themselves. "
            f"Received: vocabulary={vocabulary}"
        )
    if hasattr(vocabulary, "tolist"):
        values = vocabulary.tolist()
    else:
        values = vocabulary.numpy().tolist() if hasattr(vocabulary, "numpy") else vocabulary
    if not isinstance(values, list | tuple) or any(as_integer(x) is None for x in values):
        raise ValueError(f"`vocabulary` must be a list of integers. Received: {vocabulary}")
    if not values:
        raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
    for x in values:
        if not -(2**63) <= x < 2**63:
            raise ValueError(f"The integers of `vocabulary` must fit into 64 bits. Received: {x}")
    return [int(x) for x in values]


def without_special(values: list[int], special: list, mask_token: Any, oov_token: Any) -> list[int]:
    """A vocabulary without the special tokens that may stand at its start.

    Args:
        values: The vocabulary.
        special: The special tokens as they would stand there.
        mask_token, oov_token: Must not be among the others, unless they are None.

    Raises:
        ValueError: If it holds one of them, or something twice.
    """
    tokens = values[len(special) :] if values[: len(special)] == special else values
    repeated = [token for token, count in Counter(tokens).items() if count > 1]
    if repeated:
        raise ValueError(
            "The passed vocabulary has at least one repeated term. Please uniquify your dataset. "
            f"The repeated terms are: {repeated}"
        )
    for kind, token in (("mask", mask_token), ("OOV", oov_token)):
        if token is not None and token in tokens:
            raise ValueError(
                f"Found reserved {kind} token at unexpected location in `vocabulary`. Note that "
                "passed `vocabulary` does not need to include the OOV and mask tokens. Either "
                "remove all mask and OOV tokens, or include them only at the start of the "
                f"vocabulary in precisely this order: {special}. Received: "
                f"{kind.lower()}_token={token} at vocabulary index {values.index(token)}"
            )
    return tokens


class TokenCounts:
    """How often each number occurs, and in how many documents, the rows of the batches."""

    def __init__(self) -> None:
        self.tokens: Counter[int] = Counter()
        self._in_documents: Counter[int] = Counter()
        self._documents = 0

    def update(self, batch: Any) -> None:
        """Adds a batch of documents `(documents, ...)`; a vector is one document."""
        import numpy as np

        for document in np.atleast_2d(np.asarray(batch, "int64")):
            found, counts = np.unique(document, return_counts=True)
            self.tokens.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
            self._in_documents.update(found.tolist())
            self._documents += 1

    def most_common(self, without: Iterable, limit: int | None) -> list[int]:
        """The tokens by falling count, the larger of two equally frequent ones first."""
        ignored = set(without)
        kept = [token for token in self.tokens if token not in ignored]
        return sorted(kept, key=lambda token: (self.tokens[token], token), reverse=True)[:limit]

    def inverse_document_frequencies(self, tokens: Iterable[int]) -> list[float]:
        """`log(1 + documents / (1 + documents with the token))` for each token."""
        from math import log

        return [log(1 + self._documents / (1 + self._in_documents[token])) for token in tokens]
