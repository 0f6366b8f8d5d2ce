"""Optimizers in HDF5 files: which array of the file is which variable of the optimizer."""

from __future__ import annotations

from typing import Any

from addax.backend.warning import warn
from addax.saving import hdf5


def take_optimizer_state(model, entries: list[tuple[str, Any]]) -> None:
    """Gives a compiled model's optimizer the state of a file; another optimizer's is left, with a
    warning.

    Args:
        model: A built and compiled model.
        entries: Name and dataset for each array, in the file's order.

    Raises:
        ValueError: If an array has another shape than its variable.
    """
    optimizer = model.optimizer
    build_optimizer(model)
    variables = _in_the_order_of([name for name, _ in entries], optimizer)
    if variables is None:
        warn(
            f"Skipping variable loading for optimizer '{optimizer.name}', because it has "
            f"{len(optimizer.variables)} variables whereas the saved optimizer has {len(entries)} "
            "variables. "
        )
        return
    arrays = [
        hdf5.read(dataset, f"'{name}'", tuple(v.shape))
        for v, (name, dataset) in zip(variables, entries)
    ]
    for v, array in zip(variables, arrays, strict=True):
        v.assign(array)
    if hasattr(optimizer, "_u_product") and not any(v is optimizer._u_product for v in variables):
        _recompute_u_product(optimizer)


def build_optimizer(model) -> None:
    """Makes the slots if no step has made them yet."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
        model.optimizer.built = True


def _in_the_order_of(names: list[str], optimizer) -> list | None:
    """The optimizer's variables that a file with such names begins with; `None` if they do not fit.

    Keras 2 has slots of zeros at the end for an SGD without momentum.
    """
    own = optimizer.variables
    if len(names) == len(own):
        return own
    known = [v for v in own if not any(v is x for x in _unknown_to_keras_2(optimizer))]
    useless = 0
    if type(optimizer).__name__ == "SGD" and len(known) == 1:
        useless = len(optimizer._trainable_variables)
    if len(names) not in (len(known), len(known) + useless):
        return None
    # Until Keras 2.10 all slots of one kind came before those of the next.
    return _grouped(known, optimizer) if _is_before_2_11(names[0]) else known


def _is_before_2_11(first: str) -> bool:
    return first.endswith(("/iter:0", "/iterations:0")) or first.startswith("training/")


def _unknown_to_keras_2(optimizer) -> list:
    """The learning rate, what Nadam multiplies up, and the rows and columns of vectors that
    Adafactor has for nothing."""
    found = [optimizer._learning_rate, getattr(optimizer, "_u_product", None)]
    for variables in (getattr(optimizer, "_rows", ()), getattr(optimizer, "_columns", ())):
        found += [v for v in variables if tuple(v.shape) == ()]
    return found


def _grouped(variables: list, optimizer) -> list:
    """First the iteration, then the first slot of every trained variable, then the second, …"""
    first, slots = variables[:1], variables[1:]
    count = len(optimizer._trainable_variables)
    kinds = len(slots) // count if count and len(slots) % count == 0 else 0
    if kinds < 2 or type(optimizer).__name__ == "RMSprop":  # whose slots are grouped to this day
        return variables
    return first + [slots[i * kinds + kind] for kind in range(kinds) for i in range(count)]


def _recompute_u_product(optimizer) -> None:
    """What Nadam has multiplied up in as many steps, Π beta_1 (1 - 0.96ᵗ / 2)  (Dozat, 2015).

    The file says how many: the second factor is 1 to the last bit after a thousand, and is left out
    from there on.
    """
    steps = int(optimizer._iterations.numpy())
    product = optimizer.beta_1 ** max(steps, 0)
    for step in range(1, min(steps, 1000) + 1):
        product *= 1.0 - 0.5 * 0.96**step
    optimizer._u_product.assign(product)
