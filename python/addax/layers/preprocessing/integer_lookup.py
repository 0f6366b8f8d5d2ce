"""Integers as their places in a vocabulary."""

from __future__ import annotations

from typing import Any

from addax import backend, ops
from addax.backend.keras_tensor import KerasTensor
from addax.backend.tensor import Tensor
from addax.layers.arguments import as_integer, refuse_options
from addax.layers.layer import Layer
from addax.layers.preprocessing.batches import batches_of
from addax.layers.preprocessing.encoding import MODES, encode, encoded_shape
from addax.layers.preprocessing.vocabulary import TokenCounts, as_integers, without_special

_OUTPUT_MODES = ("int", *MODES, "tf_idf")
_OLD_NAMES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class IntegerLookup(Layer):
    """Replaces integers by their places in a vocabulary.

    The places are numbered: the mask token first, if there is one and the output is "int", then
    those for integers that are not in the vocabulary (OOV), then the vocabulary's.

    Args:
        max_tokens: Largest number of places; None for no limit.
        num_oov_indices: Number of places for unknown integers x, who share them by
            `x mod num_oov_indices`. With 0 an unknown integer is an error, and -1 in a program.
        mask_token: Integer that stands for "no data".
        oov_token: What stands for unknown integers in `get_vocabulary()` and with `invert`.
        vocabulary: The integers, each once; None if `adapt(data)` is to find them.
        vocabulary_dtype: "int64".
        idf_weights: With "tf_idf", the weight of each token of the vocabulary.
        invert: Whether places are replaced by integers instead.
        output_mode: "int" (default) for places, "one_hot", "multi_hot" or "count" for vectors as
            `CategoryEncoding` makes them of the places, "tf_idf" for counts times weights.
            Mask tokens leave no trace in vectors.
        sparse: False; there are no sparse tensors.
        pad_to_max_tokens: Whether vectors have `max_tokens` places, however many are used.
        oov_method: "floormod"; with `salt`, which must be None, kept for Keras's signature.

    Call arguments:
        inputs: Tensor of integers.

    Returns:
        int64 tensor of the inputs' shape, or vectors of dtype `floatx()`.

    Raises:
        ValueError: If an argument is none of the above, or there is no vocabulary yet.
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        output_mode = _OLD_NAMES.get(str(output_mode), output_mode)
        _check(max_tokens, num_oov_indices, mask_token, oov_token, pad_to_max_tokens)
        _check_modes(output_mode, invert, idf_weights, vocabulary, vocabulary_dtype, oov_method)
        refuse_options("IntegerLookup", sparse=sparse, salt=salt)
        # What Keras writes of the vocabulary besides the vocabulary.
        kwargs.pop("vocabulary_size", None)
        kwargs.pop("has_input_vocabulary", None)
        super().__init__(name=name, **kwargs)
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.vocabulary_dtype = vocabulary_dtype
        self.invert = invert
        self.output_mode = output_mode
        self.sparse = False
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = None
        self._tokens: list[int] = []
        self._weights: list[float] = []
        self._config: dict[str, Any] = {"vocabulary": None, "idf_weights": None}
        self._adaptable = vocabulary is None
        self.autocast = False  # Integers stay exact whatever the compute dtype.
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        self._build_at_init()

    # Vocabulary

    @property
    def _start(self) -> int:
        """The place of the vocabulary's first integer, behind those of the special tokens."""
        return self._masked + self.num_oov_indices

    @property
    def _masked(self) -> bool:
        """Whether place 0 is the mask token's."""
        return self.mask_token is not None and self.output_mode == "int"

    @property
    def _special(self) -> list[int]:
        """The special tokens in the order of their places."""
        return [self.mask_token] * self._masked + [self.oov_token] * self.num_oov_indices

    @property
    def _depth(self) -> int:
        return self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()

    def vocabulary_size(self) -> int:
        """Number of places, those of mask and OOV tokens among them."""
        return self._start + len(self._tokens)

    def get_vocabulary(self, include_special_tokens=True) -> list[int]:
        """The integers in the order of their places; without the special ones if so told."""
        if not self._tokens:
            return []
        return (self._special if include_special_tokens else []) + self._tokens

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Takes a vocabulary, which may begin with the special tokens, and its weights.

        Raises:
            ValueError: If it is none, is too long, or does not go with the weights.
        """
        if (idf_weights is None) == (self.output_mode == "tf_idf"):
            raise ValueError(
                "`idf_weights` must be set if output_mode is 'tf_idf', and only then. Received: "
                f"output_mode={self.output_mode} and idf_weights={idf_weights}"
            )
        values = as_integers(vocabulary)
        special = self._special if self._start <= len(values) else []
        reserved = self.oov_token if self.invert else None
        tokens = without_special(values, special, self.mask_token, reserved)
        size = self._start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. Received "
                f"vocabulary size is {size}; `max_tokens` is {self.max_tokens}."
            )
        weights = None if idf_weights is None else [float(w) for w in idf_weights]
        if weights is not None and len(weights) != len(values):
            raise ValueError(
                "`idf_weights` must be the same length as vocabulary. len(idf_weights) is "
                f"{len(weights)}; len(vocabulary) is {len(values)}"
            )
        self._tokens, self._weights = tokens, weights or []
        self._config = {"vocabulary": values, "idf_weights": weights}

    def adapt(self, data, steps=None):
        """Makes the vocabulary of the most frequent integers. Before a model runs the layer.

        Args:
            data: Array, list, tensor, or an iterable of batches. A row is a document ("tf_idf");
                a vector as a whole holds documents of one integer.
            steps: Number of batches to read; None for all.

        Raises:
            ValueError: If the vocabulary was given, or there is no data.
        """
        if not self._adaptable:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via "
                "`vocabulary` argument or `set_vocabulary()` method."
            )
        counts = TokenCounts()
        for i, batch in enumerate(batches_of(data)):
            if steps is not None and i >= steps:
                break
            counts.update(_columns(batch) if batch is data else batch)
        limit = None if self.max_tokens is None else max(0, self.max_tokens - self._start)
        tokens = counts.most_common((self.mask_token, self.oov_token), limit)
        if not tokens:
            raise ValueError(f"`adapt()` of layer '{self.name}' received no data.")
        weights = None
        if self.output_mode == "tf_idf":
            weights = counts.inverse_document_frequencies(tokens)
        self._tokens, self._weights = tokens, weights or []
        self._config = {"vocabulary": tokens, "idf_weights": weights}

    # Keras keeps the weights, those of the special tokens among them, beside a model's variables.

    def save_own_variables(self, store):
        if self.output_mode == "tf_idf":
            store["idf_weights"] = ops.convert_to_numpy(self._all_weights())

    def load_own_variables(self, store):
        if self.output_mode != "tf_idf" or "idf_weights" not in store:
            return
        weights = store["idf_weights"]
        if weights.ndim != 1 or (self._tokens and len(weights) != self._depth):
            raise ValueError(
                f"`idf_weights` of layer '{self.name}' have shape {weights.shape} in the file, for "
                f"{self._depth} places."
            )
        self._weights = weights.tolist()

    # Calling

    def call(self, inputs):
        if not self._tokens:
            raise ValueError(
                f"Layer '{self.name}' has no vocabulary. Pass `vocabulary` at construction time, "
                "or call `adapt(data)` or `set_vocabulary(vocabulary)` before using it. (What "
                "Keras adapted is in the assets of its file, which are not read.)"
            )
        x = ops.cast(inputs, "int64")
        if self.invert:
            return self._inverse(x)
        places = self._places(x)
        if self.output_mode == "int":
            return places
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        vectors = encode(places, mode, self._depth, backend.floatx())
        if self.output_mode != "tf_idf":
            return vectors
        return vectors * self._all_weights()

    def _all_weights(self):
        """A weight for each place: 0 where there is no token, the mean for the special ones, of
        which nothing is known unless they stand in the vocabulary.
        """
        known = self._weights
        missing = max(self.vocabulary_size() - len(known), 0)
        weights = [sum(known) / max(len(known), 1)] * missing + known
        weights += [0.0] * (self._depth - len(weights))
        return ops.convert_to_tensor(weights, dtype=backend.floatx())

    def _inverse(self, places):
        table = _constant(self._tokens)
        i = places - self._start
        found = ops.take(table, ops.clip(i, 0, len(table) - 1), axis=0)
        known = ops.logical_and(i >= 0, i < len(table))
        tokens = ops.where(known, found, _constant(self.oov_token))
        if self._masked:
            tokens = ops.where(ops.equal(places, 0), _constant(self.mask_token), tokens)
        return tokens

    def _places(self, x):
        ordered = sorted((token, self._start + i) for i, token in enumerate(self._tokens))
        tokens, numbers = (_constant(column) for column in zip(*ordered, strict=True))
        nearest = _last_not_above(tokens, x)
        known = ops.equal(ops.take(tokens, nearest, axis=0), x)
        places = ops.where(known, ops.take(numbers, nearest, axis=0), self._unknown(x))
        if self.mask_token is not None:
            # Vectors have no place behind their end.
            mask = 0 if self.output_mode == "int" else self._depth
            places = ops.where(ops.equal(x, self.mask_token), _constant(mask), places)
        if not self.num_oov_indices:
            self._refuse_unknown(x, places)
        return places

    def _unknown(self, x):
        """The places of integers that are not in the vocabulary."""
        if self.num_oov_indices == 0:
            return _constant(-1)
        return ops.mod(x, _constant(self.num_oov_indices)) + _constant(int(self._masked))

    def _refuse_unknown(self, x, places):
        """A program cannot stop at a value; called on values, the layer does."""
        if isinstance(places, Tensor) and places.symbolic:
            return
        unknown = ops.convert_to_numpy(x)[ops.convert_to_numpy(places) == -1]
        if unknown.size:
            raise ValueError(
                "When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values "
                f"{unknown[:10].tolist()}, consider setting `num_oov_indices=1`."
            )

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return tuple(input_shape)
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return encoded_shape(input_shape, mode, self._depth)

    def compute_output_spec(self, inputs):
        dtype = "int64" if self.output_mode == "int" else backend.floatx()
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary_dtype": self.vocabulary_dtype,
            **self._config,
            "vocabulary_size": self.vocabulary_size() if self._tokens else None,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }


def _constant(values) -> Any:
    return ops.convert_to_tensor(values, dtype="int64")


def _columns(data: Any) -> Any:
    """A vector as a column: each of its numbers is a document."""
    import numpy as np

    data = np.asarray(data)
    return data[:, None] if data.ndim == 1 else data


def _last_not_above(ordered: Any, x: Any) -> Any:
    """For each x the place of the last of the rising numbers that is not above it, 0 if none is.

    A binary search for all x at once: comparing each with each would take the product's memory.
    """
    size = len(ordered)
    place = ops.zeros_like(x)
    step = 1 << max(size - 1, 1).bit_length() - 1
    while step:
        probe = ops.minimum(place + step, size - 1)
        place = ops.where(ops.take(ordered, probe, axis=0) <= x, probe, place)
        step //= 2
    return place


def _check(max_tokens, num_oov_indices, mask_token, oov_token, pad_to_max_tokens) -> None:
    if max_tokens is not None and (as_integer(max_tokens) is None or max_tokens <= 1):
        raise ValueError(
            "If `max_tokens` is set for `IntegerLookup`, it must be greater than 1. "
            f"Received: max_tokens={max_tokens}"
        )
    if pad_to_max_tokens and max_tokens is None:
        raise ValueError(
            "If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens=None"
        )
    if not _is_int64(num_oov_indices) or num_oov_indices < 0:
        raise ValueError(
            "The value of `num_oov_indices` argument for `IntegerLookup` must >= 0. "
            f"Received: num_oov_indices={num_oov_indices}"
        )
    if mask_token is not None and not _is_int64(mask_token):
        raise ValueError(
            f"`mask_token` must be an integer of 64 bits or None. Received: mask_token={mask_token}"
        )
    if not _is_int64(oov_token):
        raise ValueError(
            f"`oov_token` must be an integer of 64 bits. Received: oov_token={oov_token}"
        )


def _is_int64(value: Any) -> bool:
    return as_integer(value) is not None and -(2**63) <= value < 2**63


def _check_modes(
    output_mode, invert, idf_weights, vocabulary, vocabulary_dtype, oov_method
) -> None:
    if output_mode not in _OUTPUT_MODES:
        raise ValueError(
            "Unknown value for `output_mode` argument of IntegerLookup. Allowed values are: "
            f"{_OUTPUT_MODES}. Received: output_mode={output_mode}"
        )
    if invert and output_mode != "int":
        raise ValueError(
            "`output_mode` must be `'int'` when `invert` is true. "
            f"Received: output_mode={output_mode}"
        )
    if idf_weights is not None and output_mode != "tf_idf":
        raise ValueError(
            "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: "
            f"idf_weights={idf_weights} and output_mode={output_mode}"
        )
    if output_mode == "tf_idf" and (vocabulary is None) != (idf_weights is None):
        raise ValueError(
            "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` "
            "argument must also be provided, and it must not without."
        )
    if vocabulary_dtype != "int64":
        raise ValueError(
            "Only `vocabulary_dtype='int64'` is supported at this time. "
            f"Received: vocabulary_dtype={vocabulary_dtype}"
        )
    if oov_method != "floormod":
        raise ValueError(
            "IntegerLookup shares out unknown integers by `oov_method='floormod'` only. "
            f"Received: oov_method={oov_method}"
        )
