"""What the layers of one call share: the outermost layer and the `training` flag."""

from __future__ import annotations

import threading
from contextlib import contextmanager


class CallContext:
    """State of the calls in progress in one thread.

    Attributes:
        entry_layer: The outermost layer being called.
        training: The flag that calls without one of their own inherit.
    """

    __slots__ = ("entry_layer", "training")

    def __init__(self, entry_layer, training):
        self.entry_layer = entry_layer
        self.training = training


class _Current(threading.local):
    context: CallContext | None = None


current = _Current()


def training_flag(training=None):
    """`training` if it is given, else that of the enclosing call, else `False`."""
    if training is not None:
        return training
    context = current.context
    return bool(context is not None and context.training)


@contextmanager
def training_scope(training):
    """Calls inside inherit this flag; `None` leaves it as it is."""
    context = current.context
    if training is None or (context is not None and context.training == training):
        yield
        return
    if context is None:
        current.context = CallContext(None, training)
        try:
            yield
        finally:
            current.context = None
        return
    inherited, context.training = context.training, training
    try:
        yield
    finally:
        context.training = inherited
