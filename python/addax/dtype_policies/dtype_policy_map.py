"""A dtype policy for each layer of a model, by path."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from addax.dtype_policies.dtype_policy import DTypePolicy, dtype_policy


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Maps paths of layers to policies; a path that is missing gets the default policy.

    A key matches a path if it is equal to it, or if it is a regular expression that matches from
    the beginning of the path.

    Args:
        default_policy: Policy (or its name) of paths without entry; the global one if `None`.
        policy_map: The entries to begin with.
    """

    def __init__(self, default_policy=None, policy_map: dict[str, DTypePolicy] | None = None):
        from addax.dtype_policies import get

        self._default_policy_argument = default_policy
        self._default_policy = dtype_policy() if default_policy is None else get(default_policy)
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                f"If specified, `policy_map` must be a dict. Received: policy_map={policy_map} "
                f"of type {type(policy_map)}"
            )
        self._policy_map = dict(policy_map or {})

    @property
    def name(self) -> str:
        return f"map_{self._default_policy.name}"

    @property
    def default_policy(self) -> DTypePolicy:
        return self._default_policy

    @property
    def compute_dtype(self) -> str:
        return self._default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._default_policy.variable_dtype

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._policy_map:
            return self._policy_map[key]
        matches = [pattern for pattern in self._policy_map if re.match(pattern, key)]
        if len(matches) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple dtype policy specification keys: {matches}. "
                "Please make sure each path only matches at most one."
            )
        return self._policy_map[matches[0]] if matches else self._default_policy

    def __setitem__(self, key: str, policy: DTypePolicy) -> None:
        if key in self._policy_map:
            raise ValueError(
                f"{key} already exist in the DTypePolicyMap with value {self._policy_map[key]}. "
                "Please make sure to not use duplicated keys."
            )
        if not isinstance(policy, DTypePolicy):
            raise ValueError(f"Cannot set {policy} (of type {type(policy)}) as a dtype policy.")
        self._policy_map[key] = policy

    def __delitem__(self, key: str) -> None:
        del self._policy_map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policy_map

    def __len__(self) -> int:
        return len(self._policy_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policy_map)

    def get_config(self) -> dict[str, Any]:
        from addax.dtype_policies import serialize

        default = self._default_policy_argument
        return {
            "default_policy": serialize(default) if isinstance(default, DTypePolicy) else default,
            "policy_map": {key: serialize(policy) for key, policy in self._policy_map.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicyMap:
        from addax.dtype_policies import get

        policies = {key: get(value) for key, value in (config.get("policy_map") or {}).items()}
        return cls(default_policy=config.get("default_policy"), policy_map=policies)

    def __eq__(self, other) -> bool:
        return (
            isinstance(other, DTypePolicyMap)
            and self._default_policy == other._default_policy
            and self._policy_map == other._policy_map
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<DTypePolicyMap at {hex(id(self))}, default={self._default_policy}>"
