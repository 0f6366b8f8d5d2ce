"""Which dtype a layer computes in, and which its variables have."""

from __future__ import annotations

from typing import Any

from addax.backend.config import floatx
from addax.backend.dtypes import is_float_dtype, standardize_dtype

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}

_global_policy: DTypePolicy | None = None


class DTypePolicy:
    """A layer's compute dtype and variable dtype.

    Args:
        name: A dtype ("float32"): both are this dtype. Or "mixed_float16", "mixed_bfloat16":
            variables are float32, computation is in the 16-bit type.

    Raises:
        ValueError: If `name` is neither.
    """

    quantization_mode = None

    def __init__(self, name: str | None = None):
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(
                "'name' must be a string, such as 'mixed_float16'. "
                f"Received: name={name} (of type {type(name)})"
            )
        self._name = name
        if name in _MIXED:
            self._compute_dtype, self._variable_dtype = _MIXED[name], "float32"
        else:
            try:
                dtype = standardize_dtype(name)
            except ValueError:
                raise ValueError(
                    f"Cannot convert '{name}' to a mixed precision DTypePolicy. "
                    "Valid policies include 'mixed_float16', 'mixed_bfloat16', and the name of "
                    "any float dtype such as 'float32'."
                ) from None
            self._compute_dtype = self._variable_dtype = dtype

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        """Dtype that floating-point inputs are cast to, and that the layer computes in."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the layer's variables where none is given."""
        return self._variable_dtype

    def convert_input(self, x, autocast: bool, dtype: str):
        """`x` as a tensor, cast to `dtype` if it is floating point and `autocast` is on.

        Tensors and `KerasTensor`s are cast, arrays converted; anything else comes back as it is.
        """
        from addax.backend.tensor import is_tensor

        if is_tensor(x):
            if autocast and x.dtype != dtype and is_float_dtype(x.dtype):
                from addax.backend.tensor import cast

                return cast(x, dtype)
            return x
        from addax.backend.keras_tensor import KerasTensor

        if isinstance(x, KerasTensor):
            if autocast and x.dtype != dtype and is_float_dtype(x.dtype):
                from addax import ops

                return ops.cast(x, dtype)
            return x
        if hasattr(x, "__array__"):
            from addax.backend.tensor import convert_to_tensor

            wanted = None
            kind = getattr(x, "dtype", None)
            if autocast and kind is not None and str(kind) != dtype:
                wanted = dtype if _is_float(kind) else None
            return convert_to_tensor(x, dtype=wanted)
        return x

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other) -> bool:
        return type(other) is type(self) and other._name == self._name

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._name))

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


FloatDTypePolicy = DTypePolicy


def _is_float(dtype) -> bool:
    try:
        return is_float_dtype(dtype)
    except ValueError:
        return False


def dtype_policy() -> DTypePolicy:
    """The policy of layers made without `dtype`: the one that was set, else that of `floatx()`."""
    return _global_policy or DTypePolicy(floatx())


def set_dtype_policy(policy) -> None:
    """Sets the policy of layers made from now on without `dtype`; `None` goes back to `floatx()`.

    Args:
        policy: A `DTypePolicy` or the name of one.

    Raises:
        ValueError: If it is neither.
    """
    global _global_policy
    if policy is not None and not isinstance(policy, DTypePolicy):
        if not isinstance(policy, str):
            raise ValueError(
                "Invalid `policy` argument. Expected the string name of a policy "
                f"(such as 'mixed_float16') or a `DTypePolicy` instance. Received: policy={policy} "
                f"(of type {type(policy)})"
            )
        policy = DTypePolicy(policy)
    _global_policy = policy
