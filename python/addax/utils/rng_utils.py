"""One seed for everything that draws random numbers."""

from __future__ import annotations

from typing import Any

_version = 0


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, NumPy's global generator and Addax's global generator.

    After it, building and training a model gives the same weights, bit for bit, for any number of
    threads.

    Raises:
        ValueError: If `seed` is not an integer.
    """
    import random

    import numpy as np

    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ValueError(
            f"Expected `seed` argument to be an integer. Received: seed={seed} (of type "
            f"{type(seed)})"
        )
    seed = int(seed)
    global _version
    _version += 1
    random.seed(seed)
    np.random.seed(seed % 2**32)
    from addax.random import seed_generator

    seed_generator.set_global_seed(seed)


def new_seed() -> int:
    """A seed that `set_random_seed` decides."""
    from addax.random.seed_generator import make_default_seed

    return make_default_seed()


def seed_version() -> int:
    """How often `set_random_seed` was called; what was seeded before starts anew."""
    return _version


def shuffle_generator(key: Any) -> Any:
    """The NumPy generator of a shuffle's state: the same `[seed, counter]` gives the same
    permutation.

    Each counter opens its own Philox stream, so an epoch's order does not depend on what was drawn
    before it.
    """
    import numpy as np

    seed, counter = (int(part) & (2**64 - 1) for part in key)
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, counter]))
