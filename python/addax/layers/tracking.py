"""Finds the state that hangs on a layer's attributes."""

from __future__ import annotations

from typing import Any

from addax.backend.variable import Variable
from addax.random.seed_generator import SeedGenerator

_LEAVES = frozenset((str, int, float, bool, type(None), bytes, complex))


class Tracked:
    """What one layer owns, in order of its attributes.

    Attributes:
        variables: Variables.
        layers: Sublayers.
        metrics: Metrics.
        seed_generators: Seed generators.
    """

    __slots__ = ("_seen", "layers", "metrics", "seed_generators", "variables")

    def __init__(self):
        self.variables: list[Variable] = []
        self.layers: list[Any] = []
        self.metrics: list[Any] = []
        self.seed_generators: list[SeedGenerator] = []
        self._seen: set[int] = set()

    def add(self, value) -> None:
        """Adds `value` if it is state, or what it holds if it is a list, tuple, set or dict."""
        if type(value) in _LEAVES:
            return
        target = self._list_for(value)
        if target is None and not isinstance(value, (list, tuple, set, dict)):
            return
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if target is not None:
            target.append(value)
            return
        for item in value.values() if isinstance(value, dict) else value:
            self.add(item)

    def add_attributes(self, layer) -> Tracked:
        """Adds the state in the attributes of `layer`, but for those its class does not track."""
        untracked = layer._untracked
        for name, value in layer.__dict__.items():
            if name not in untracked:
                self.add(value)
        return self

    def _list_for(self, value) -> list | None:
        from addax.layers.layer import Layer
        from addax.metrics.metric import Metric

        if isinstance(value, Layer):
            return self.layers
        if isinstance(value, Variable):
            return self.variables
        if isinstance(value, Metric):
            return self.metrics
        if isinstance(value, SeedGenerator):
            return self.seed_generators
        return None
