"""Where random draws get their bits from: a seed and a counter."""

from __future__ import annotations

import random as python_random
from typing import Any

from addax.backend.names import auto_name, name_scope
from addax.backend.tensor import Tensor, convert_to_tensor
from addax.backend.variable import Variable, init_scope
from addax.ops.door import core


class SeedGenerator:
    """State of a sequence of random draws: each draw that is given the generator advances it.

    Args:
        seed: Whole number; made from Python's `random` if `None`.
        name: Name; made from the class name if `None`.

    Raises:
        ValueError: If the seed is not a whole number.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any):
        kwargs.pop("backend", None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        if seed is None:
            seed = make_default_seed()
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        self.name = name or auto_name(type(self).__name__)
        self._initial_seed = seed.__index__()
        with name_scope(self.name, caller=self), init_scope():
            self.state = Variable(
                _key(self._initial_seed),
                dtype="int64",
                trainable=False,
                name="seed_generator_state",
            )

    def next(self, ordered: bool = True) -> Any:
        """The key of the next draw, int64 `(2,)` (seed, counter); the counter goes up by one."""
        key = self.state.value
        self.state.assign(key + _one())
        return key

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


def _key(seed: int) -> Any:
    # Seeds are kept in 64 bits; larger ones are folded, as hashes are.
    folded = (seed + 2**63) % 2**64 - 2**63
    import numpy as np

    return convert_to_tensor(np.array([folded, 0], dtype=np.int64))


_kept: dict[str, Any] = {}


def _one() -> Any:
    """(0, 1)"""
    if "one" not in _kept:
        with init_scope():
            _kept["one"] = core("iota")(shape=[2], axis=0, dtype="int64")
    return _kept["one"]


def make_default_seed() -> int:
    """A seed from Python's `random`, so that `set_random_seed` decides it."""
    return python_random.randint(1, int(1e9))


_global: SeedGenerator | None = None


def global_seed_generator() -> SeedGenerator:
    """The generator of draws with `seed=None`."""
    global _global
    if _global is None:
        _global = SeedGenerator(make_default_seed(), name="global_seed_generator")
    return _global


def set_global_seed(seed: int) -> None:
    """Starts the generator of draws with `seed=None` anew; recorded programs go on with it."""
    global _global
    if _global is None:
        _global = SeedGenerator(seed, name="global_seed_generator")
    else:
        _global._initial_seed = seed
        with init_scope():
            _global.state.assign(_key(seed))


def forget_global_seed_generator() -> None:
    """The next draw with `seed=None` starts from a new default seed."""
    if _global is not None:
        set_global_seed(make_default_seed())


def draw_seed(seed: Any) -> Any:
    """The key of a draw, int64 `(2,)`.

    Args:
        seed: A whole number gives the same key each time, a `SeedGenerator` its next one, `None`
            the global generator's next.

    Raises:
        ValueError: If it is something else.
    """
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    if isinstance(seed, Tensor) and tuple(seed.shape) == (2,):
        return core("cast")(seed, dtype="int64") if seed.dtype != "int64" else seed
    if hasattr(seed, "__index__") and not isinstance(seed, bool):
        return _key(seed.__index__())
    raise ValueError(
        "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
        f"Received: seed={seed} (of type {type(seed)})"
    )
