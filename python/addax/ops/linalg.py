"""Linear algebra.

`norm` and `matrix_power` are compositions and work everywhere. The factorisations and what rests on
them (`cholesky`, `det`, `eigh`, `inv`, `qr`, `solve`, `svd`, …) are computed by NumPy's LAPACK at
once: they need concrete values, so they cannot stand in a recorded program (`fit`, a functional
model). `inv`, `det`, `slogdet`, `logdet`, `solve` and `cholesky` have gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax import _core
from addax.backend.tensor import cast, convert_to_tensor, from_array, scalar
from addax.ops.door import (
    core,
    float_tensor,
    normalize_axes,
    op,
    require_concrete,
    two_floats,
)

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eigh",
    "inv",
    "logdet",
    "lstsq",
    "matrix_power",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
]


def _matrices(name: str, x: Any, square: bool = True) -> Any:
    """Concrete float32 or float64 matrices."""
    x = float_tensor(x)
    if x.ndim < 2:
        raise ValueError(
            f"Expected input to have rank >= 2. Received input with shape {x.shape} in "
            f"`ops.{name}`."
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(
            f"Expected a square matrix. Received non-square input with shape {x.shape} in "
            f"`ops.{name}`."
        )
    require_concrete(name, x)
    return x if x.dtype in ("float32", "float64") else cast(x, "float32")


def _failed(name: str, error: Exception) -> ValueError:
    return ValueError(f"`ops.{name}` failed: {error}.")


def _call(name: str, function: Callable, *tensors: Any) -> Any:
    """NumPy's function on concrete tensors; results in the dtype of the first."""
    import numpy as np

    try:
        results = function(*(x.numpy() for x in tensors))
    except np.linalg.LinAlgError as error:
        raise _failed(name, error) from error
    dtype = tensors[0].dtype
    if isinstance(results, tuple):
        return tuple(from_array(np.asarray(r, order="C"), dtype) for r in results)
    return from_array(np.asarray(results, order="C"), dtype)


def _flip(x: Any) -> Any:
    from addax.ops.shaping import swapaxes

    return swapaxes(x, -1, -2)


def _expand(x: Any) -> Any:
    """A number per matrix with two axes of length 1 behind."""
    from addax.ops.shaping import reshape

    return reshape(x, [*x.dims, 1, 1])


@op
def inv(x: Any) -> Any:
    """Inverse of square matrices. Concrete values only.

    Raises:
        ValueError: If a matrix is singular.
    """
    import numpy as np

    x = _matrices("inv", x)
    y = _call("inv", np.linalg.inv, x)

    # d(A⁻¹) = -A⁻¹ dA A⁻¹
    def gradient(upstream: list) -> list:
        return [core("negative")(_flip(y) @ upstream[0] @ _flip(y))]

    _core.record_custom_gradient([x], [y], gradient)
    return y


@op
def det(x: Any) -> Any:
    """Determinants of square matrices. Concrete values only."""
    import numpy as np

    x = _matrices("det", x)
    y = _call("det", np.linalg.det, x)

    # d det A = det A · tr(A⁻¹ dA)
    def gradient(upstream: list) -> list:
        return [_expand(upstream[0] * y) * _flip(inv(x))]

    _core.record_custom_gradient([x], [y], gradient)
    return y


@op
def slogdet(x: Any) -> tuple:
    """Sign and logarithm of the absolute value of determinants. Concrete values only."""
    import numpy as np

    x = _matrices("slogdet", x)
    sign, logarithm = _call("slogdet", lambda a: tuple(np.linalg.slogdet(a)), x)

    # d log|det A| = tr(A⁻¹ dA)
    def gradient(upstream: list) -> list:
        return [_expand(upstream[0]) * _flip(inv(x))]

    _core.record_custom_gradient([x], [logarithm], gradient)
    return sign, logarithm


@op
def logdet(x: Any) -> Any:
    """Logarithm of the determinant of positive definite matrices. Concrete values only."""
    return slogdet(x)[1]


@op
def solve(a: Any, b: Any) -> Any:
    """The `x` with `a @ x = b`; `b` has matrices or vectors. Concrete values only.

    Raises:
        ValueError: If a matrix is singular.
    """
    import numpy as np

    a, b = two_floats(a, b)
    a = _matrices("solve", a)
    b = cast(b, a.dtype)
    vector = b.ndim == a.ndim - 1
    if b.shape[-1 if vector else -2] != a.shape[-1]:
        raise ValueError(
            f"Incompatible shapes between `a` and `b`. Received: a.shape={a.shape}, "
            f"b.shape={b.shape}"
        )
    from addax.ops.shaping import expand_dims, squeeze

    columns = expand_dims(b, -1) if vector else b
    require_concrete("solve", columns)
    x = _call("solve", np.linalg.solve, a, columns)

    # dx = A⁻¹ (db - dA x)
    def gradient(upstream: list) -> list:
        from addax.ops.core import sum_to

        db = solve(_flip(a), upstream[0])
        da = core("negative")(db @ _flip(x))
        return [sum_to(da, a.dims), sum_to(db, columns.dims)]

    _core.record_custom_gradient([a, columns], [x], gradient)
    return squeeze(x, -1) if vector else x


@op
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """The `x` with `a @ x = b` for triangular `a`; the other triangle is not read. Concrete
    values only."""
    from addax.ops.creation import tril, triu

    a = _matrices("solve_triangular", a)
    return solve(tril(a) if lower else triu(a), b)


@op
def cholesky(x: Any, upper: bool = False) -> Any:
    """Lower triangular `L` with `L @ Lᵀ = x` (or its transpose) for positive definite matrices.
    Concrete values only.

    Raises:
        ValueError: If a matrix is not positive definite.
    """
    import numpy as np

    x = _matrices("cholesky", x)
    factor = _call("cholesky", np.linalg.cholesky, x)

    # I. Murray, "Differentiation of the Cholesky decomposition" (arXiv:1602.07527), eq. 10.
    def gradient(upstream: list) -> list:
        from addax.ops.creation import eye, tril

        inside = tril(_flip(factor) @ upstream[0])
        size = x.shape[-1]
        inside = inside * (1.0 - 0.5 * eye(size, dtype=x.dtype))
        inverse = inv(factor)
        half = _flip(inverse) @ inside @ inverse
        return [(half + _flip(half)) * 0.5]

    _core.record_custom_gradient([x], [factor], gradient)
    return _flip(factor) if upper else factor


@op
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Inverse of the matrix whose Cholesky factor is given. Concrete values only."""
    inverse = inv(_matrices("cholesky_inverse", x))
    return inverse @ _flip(inverse) if upper else _flip(inverse) @ inverse


@op
def qr(x: Any, mode: Any = "reduced") -> tuple:
    """`q` with orthonormal columns and upper triangular `r` with `q @ r = x`. Concrete values
    only, no gradient.

    Raises:
        ValueError: If the mode is neither "reduced" nor "complete".
    """
    import numpy as np

    if mode not in ("reduced", "complete"):
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            f"Received: mode={mode}"
        )
    x = _matrices("qr", x, square=False)
    return _call("qr", lambda a: tuple(np.linalg.qr(a, mode=mode)), x)


@op
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """`u`, `s`, `vh` with `u @ diag(s) @ vh = x`, or `s` alone. Concrete values only, no
    gradient."""
    import numpy as np

    x = _matrices("svd", x, square=False)
    if not compute_uv:
        return _call("svd", lambda a: np.linalg.svd(a, compute_uv=False), x)
    return _call("svd", lambda a: tuple(np.linalg.svd(a, full_matrices=full_matrices)), x)


@op
def eigh(x: Any) -> tuple:
    """Eigenvalues in rising order and eigenvectors (columns) of symmetric matrices. Concrete
    values only, no gradient."""
    import numpy as np

    return _call("eigh", lambda a: tuple(np.linalg.eigh(a)), _matrices("eigh", x))


@op
def pinv(x: Any, rcond: float | None = None) -> Any:
    """Moore-Penrose inverse. Concrete values only, no gradient."""
    import numpy as np

    x = _matrices("pinv", x, square=False)
    if rcond is None:
        return _call("pinv", np.linalg.pinv, x)
    return _call("pinv", lambda a: np.linalg.pinv(a, rcond=rcond), x)


@op
def matrix_rank(x: Any, tol: Any = None) -> Any:
    """Number of singular values above a tolerance, as int32. Concrete values only."""
    import numpy as np

    x = _matrices("matrix_rank", x, square=False)
    return from_array(np.asarray(np.linalg.matrix_rank(x.numpy(), tol=tol), dtype=np.int32))


@op
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The `x` that makes `|a @ x - b|` least. Concrete values only, no gradient."""
    import numpy as np

    a, b = two_floats(a, b)
    a = _matrices("lstsq", a, square=False)
    require_concrete("lstsq", b)
    return _call("lstsq", lambda p, q: np.linalg.lstsq(p, q, rcond=rcond)[0], a, cast(b, a.dtype))


@op
def matrix_power(x: Any, n: int) -> Any:
    """Square matrices to a whole power, by repeated squaring; a negative power needs the inverse.

    Raises:
        ValueError: If the matrices are not square, or `n` is no whole number.
    """
    from addax.ops.creation import eye
    from addax.ops.shaping import broadcast_to

    if not isinstance(n, int):
        raise ValueError(f"`n` must be an integer. Received: n={n} (of type {type(n)})")
    x = convert_to_tensor(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"`matrix_power` needs square matrices. Received: x.shape={x.shape}")
    if n < 0:
        x, n = inv(x), -n
    result = None
    while n:
        if n & 1:
            result = x if result is None else result @ x
        n >>= 1
        x = x @ x if n else x
    if result is None:
        result = broadcast_to(eye(x.dims[-1], dtype=x.dtype), x.dims)
    return result


@op
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of vectors (one axis) or matrices (two axes).

    Args:
        x: Tensor.
        ord: For vectors: a number, `inf`, `-inf`, 0 (how many are not zero); for matrices: "fro",
            "nuc", 1, -1, 2, -2, `inf`, `-inf`. `None`: root of the sum of squares. "nuc", 2 and -2
            of matrices need concrete values.
        axis: One axis, two axes, or `None` for the whole tensor.
        keepdims: Whether the axes stay with length 1.

    Raises:
        ValueError: If the order does not suit.
    """
    from addax.ops.reductions import max, min, sum

    x = float_tensor(x)
    if axis is None:
        axes = list(range(x.ndim))
        if ord is not None and x.ndim > 2:
            raise ValueError(
                f"`norm` with an order needs vectors or matrices; name their axes. Received: "
                f"x.shape={x.shape}, ord={ord}"
            )
    else:
        axes = normalize_axes(axis, x.ndim)
    inf = float("inf")
    absolute = core("abs")
    if ord is None or (ord == "fro" and len(axes) == 2) or (ord == 2 and len(axes) == 1):
        return core("sqrt")(core("sum")(core("square")(x), axes=axes, keepdims=keepdims))
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(f"Invalid `ord` argument for vector norm. Received: ord={ord}")
        if ord == inf:
            return max(absolute(x), axes, keepdims)
        if ord == -inf:
            return min(absolute(x), axes, keepdims)
        if ord == 0:
            return sum(cast(core("not_equal")(x, scalar(0.0, x.dtype)), x.dtype), axes, keepdims)
        if ord == 1:
            return sum(absolute(x), axes, keepdims)
        power = sum(absolute(x) ** float(ord), axes, keepdims)
        return power ** (1.0 / ord)
    if len(axes) != 2:
        raise ValueError(f"Invalid axis values. Received: axis={axis}")
    if ord in (1, -1, inf, -inf):
        return _matrix_norm_of_sums(absolute(x), ord, axes, keepdims)
    if ord in (2, -2, "nuc"):
        return _matrix_norm_of_singular_values(x, ord, axes, keepdims)
    raise ValueError(f"Invalid `ord` argument for matrix norm. Received: ord={ord}")


def _matrix_norm_of_sums(x: Any, ord: Any, axes: list[int], keepdims: bool) -> Any:
    from addax.ops.reductions import max, min, sum

    rows, columns = axes
    summed, over = (rows, columns) if ord in (1, -1) else (columns, rows)
    sums = sum(x, summed, keepdims=True)
    result = (max if ord > 0 else min)(sums, over, keepdims=True)
    return result if keepdims else _dropped(result, axes)


def _matrix_norm_of_singular_values(x: Any, ord: Any, axes: list[int], keepdims: bool) -> Any:
    from addax.ops.reductions import max, min, sum
    from addax.ops.shaping import expand_dims, moveaxis

    values = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
    result = sum(values, -1) if ord == "nuc" else (max if ord == 2 else min)(values, -1)
    return expand_dims(result, sorted(axes)) if keepdims else result


def _dropped(x: Any, axes: list[int]) -> Any:
    from addax.ops.shaping import squeeze

    return squeeze(x, axes)
