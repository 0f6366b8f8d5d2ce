"""Sequences of different lengths as one array."""

from addax.utils.sequence_utils import pad_sequences

__all__ = ["pad_sequences"]
