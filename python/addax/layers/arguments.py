"""Checks of constructor arguments that several layers share, in Keras's words."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any


def as_integer(value: Any) -> int | None:
    """Returns `value` as an int if it is an integer (NumPy's too, no bool), else None."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def is_number(value: Any) -> bool:
    """Whether `value` can be compared with numbers, as text and containers cannot."""
    return hasattr(value, "__float__") and not isinstance(value, str)


def positive_integer(value: Any, message: str) -> int:
    """Returns `value` as an int; raises ValueError(`message`) unless it is a positive integer."""
    number = as_integer(value)
    if number is None or number <= 0:
        raise ValueError(message)
    return number


def strictly_positive(value: Any, name: str) -> int:
    """Returns `value` as an int; raises ValueError naming the argument unless it is positive."""
    return positive_integer(
        value,
        f"Invalid value for argument `{name}`. Expected a strictly positive value. "
        f"Received {name}={value}.",
    )


def integer_tuple(value: Any, length: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """Returns an int or an iterable of ints as a tuple of `length` ints that are positive.

    With `allow_zero` zeros are accepted too. Raises ValueError otherwise.
    """
    message = f"The `{name}` argument must be a tuple of {length} integers. Received {name}={value}"
    number = as_integer(value)
    if number is not None:
        entries: tuple[Any, ...] = (number,) * length
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        entries = tuple(value)
    else:
        raise ValueError(message)
    if len(entries) != length:
        raise ValueError(message)
    result = []
    for entry in entries:
        number = as_integer(entry)
        if number is None:
            raise ValueError(f"{message}, including element {entry} of type {type(entry)}")
        result.append(number)
    refused = {n for n in result if n < 0 or (n == 0 and not allow_zero)}
    if refused:
        bound = ">= 0" if allow_zero else "> 0"
        raise ValueError(
            f"{message}, including values {refused} that do not satisfy `value {bound}`"
        )
    return tuple(result)


def integer_pairs(value: Any, rank: int, name: str) -> tuple[tuple[int, int], ...]:
    """Returns `rank` pairs (before, after) from an int, `rank` ints or `rank` pairs.

    This is the form of the `padding` and `cropping` arguments of images and volumes.
    """
    number = as_integer(value)
    if number is not None:
        if number < 0:
            raise ValueError(f"`{name}` cannot be negative. Received: {name}={value}.")
        return ((number, number),) * rank
    counted = {2: "two", 3: "three"}[rank]
    if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != rank:
        raise ValueError(f"`{name}` should have {counted} elements. Received: {name}={value}.")
    ordinals = ("1st", "2nd", "3rd")
    pairs = []
    for ordinal, entry in zip(ordinals, value, strict=False):
        before, after = integer_tuple(entry, 2, f"{ordinal} entry of {name}", allow_zero=True)
        pairs.append((before, after))
    return tuple(pairs)


def standardize_data_format(data_format: Any) -> str:
    """Returns the data format in lower case, the configured one for None; else ValueError."""
    from addax import backend

    if data_format is None:
        return backend.image_data_format()
    name = str(data_format).lower()
    if name not in ("channels_first", "channels_last"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return name


def standardize_padding(padding: Any, allow_causal: bool = False) -> str:
    """Returns "valid", "same" or (if allowed) "causal" in lower case; else ValueError."""
    name = padding.lower() if isinstance(padding, str) else padding
    allowed = ("valid", "same", "causal") if allow_causal else ("valid", "same")
    if name not in allowed:
        names = ", ".join(f"'{p}'" for p in allowed)
        raise ValueError(
            f"The `padding` argument must be a list/tuple or one of {{{names}}}. "
            f"Received: {padding}"
        )
    return name


def fraction(value: Any, name: str) -> float:
    """Returns `value` unchanged if it is a number in [0, 1]; else ValueError."""
    if isinstance(value, bool) or not is_number(value) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between "
            f"0 and 1. Received: {name}={value}"
        )
    return value


def refuse_options(layer: str, **options: Any) -> None:
    """Raises ValueError for options of Keras that Addax does not have, unless they are unset."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise ValueError(
                f"{layer} has no `{name}` in Addax. Received: {name}={value}. Leave it out."
            )
