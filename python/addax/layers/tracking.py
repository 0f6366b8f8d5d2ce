"""Finds the state that hangs on a layer's attributes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from addax.backend.variable import Variable
from addax.random.seed_generator import SeedGenerator


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
        cls: Any = type(value)
        kind = _kind(cls)
        if kind is None or id(value) in self._seen:
            return
        self._seen.add(id(value))
        if kind != "container":
            getattr(self, kind).append(value)
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


@lru_cache(maxsize=1024)
def _kind(cls: type) -> str | None:
    """Which list of `Tracked` takes objects of a class, "container" for what may hold some; `None`
    for all else."""
    from addax.layers.layer import Layer
    from addax.metrics.metric import Metric

    kinds: dict[Any, str] = {
        Layer: "layers",
        Variable: "variables",
        Metric: "metrics",
        SeedGenerator: "seed_generators",
        (list, tuple, set, dict): "container",
    }
    return next((kind for base, kind in kinds.items() if issubclass(cls, base)), None)
