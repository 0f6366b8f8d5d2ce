"""Products of vectors, matrices and tensors: matmul, dot, einsum and their kin."""

from __future__ import annotations

from typing import Any

from addax.backend.dtypes import FLOAT_TYPES
from addax.backend.tensor import cast, promote_tensors
from addax.ops.door import core, known_size, normalize_axis, number_tensor, op, product, two
from addax.ops.shaping import broadcast_dims, broadcast_to, expand_dims, reshape, squeeze, transpose

_matmul = core("matmul")


def _product(x1: Any, x2: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The core's matrix product. It is for floating-point types (16-bit ones with float32 sums):
    integers go through float64 (exact below 2⁵³)."""
    dtype = x1.dtype
    if dtype in FLOAT_TYPES:
        return _matmul(x1, x2, transpose_a=transpose_a, transpose_b=transpose_b)
    x1, x2 = cast(x1, "float64"), cast(x2, "float64")
    return cast(_matmul(x1, x2, transpose_a=transpose_a, transpose_b=transpose_b), dtype)


def _two_numbers(x1: Any, x2: Any) -> tuple[Any, Any]:
    x1, x2 = two(x1, x2)
    return number_tensor(x1), number_tensor(x2)


@op
def matmul(x1: Any, x2: Any) -> Any:
    """Matrix product over the last two axes, leading ones broadcast; a vector is a row on the
    left, a column on the right.

    Raises:
        ValueError: If an argument is a single number, or the inner sizes differ.
    """
    x1, x2 = _two_numbers(x1, x2)
    if x1.ndim == 0 or x2.ndim == 0:
        raise ValueError(
            f"Inputs of `matmul` must have at least one axis. Received: x1.shape={x1.shape}, "
            f"x2.shape={x2.shape}"
        )
    inner1, inner2 = known_size(x1.dims[-1]), known_size(x2.dims[-2 if x2.ndim > 1 else 0])
    if inner1 is not None and inner2 is not None and inner1 != inner2:
        raise ValueError(
            "Inner dimensions (`x1.shape[-1]` and `x2.shape[-2]`) must be equal, but received "
            f"x1.shape={x1.shape} and x2.shape={x2.shape}"
        )
    if x1.ndim > 1 and x2.ndim > 1:
        return _product(x1, x2)
    if x1.ndim == 1 and x2.ndim == 1:
        return reshape(_product(expand_dims(x1, 0), expand_dims(x2, 1)), [])
    if x1.ndim == 1:
        return squeeze(_product(expand_dims(x1, 0), x2), -2)
    return squeeze(_product(x1, expand_dims(x2, 1)), -1)


@op
def dot(x1: Any, x2: Any) -> Any:
    """Sum of products over the last axis of `x1` and the last but one of `x2`, as NumPy's `dot`."""
    x1, x2 = _two_numbers(x1, x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    if x1.ndim <= 2 and x2.ndim <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, axes=[[x1.ndim - 1], [x2.ndim - 2 if x2.ndim > 1 else 0]])


@op
def vdot(x1: Any, x2: Any) -> Any:
    """Sum of the products of all elements."""
    x1, x2 = _two_numbers(x1, x2)
    return matmul(reshape(x1, [product(x1.dims)]), reshape(x2, [product(x2.dims)]))


@op
def inner(x1: Any, x2: Any) -> Any:
    """Sum of products over the last axes."""
    x1, x2 = _two_numbers(x1, x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    return tensordot(x1, x2, axes=[[x1.ndim - 1], [x2.ndim - 1]])


@op
def outer(x1: Any, x2: Any) -> Any:
    """Products of each element of one with each of the other, both flattened."""
    x1, x2 = _two_numbers(x1, x2)
    return reshape(x1, [product(x1.dims), 1]) * reshape(x2, [1, product(x2.dims)])


@op
def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Sum of products over several axes.

    Args:
        x1: Tensor.
        x2: Tensor.
        axes: How many axes (the last of `x1`, the first of `x2`), or two lists of axes that belong
            together.
    """
    x1, x2 = _two_numbers(x1, x2)
    if isinstance(axes, int):
        first, second = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    first = [normalize_axis(a, x1.ndim) for a in first]
    second = [normalize_axis(a, x2.ndim) for a in second]
    if len(first) != len(second):
        raise ValueError(f"`axes` must name as many axes of `x1` as of `x2`. Received: axes={axes}")
    for a, b in zip(first, second):
        if known_size(x1.dims[a]) != known_size(x2.dims[b]) and None not in (
            x1.shape[a],
            x2.shape[b],
        ):
            raise ValueError(
                f"The sizes of axes that are summed over must be equal. Received: "
                f"x1.shape={x1.shape}, x2.shape={x2.shape}, axes={axes}"
            )
    free1 = [i for i in range(x1.ndim) if i not in first]
    free2 = [i for i in range(x2.ndim) if i not in second]
    sizes1, sizes2 = [x1.dims[i] for i in free1], [x2.dims[i] for i in free2]
    length = product(x1.dims[a] for a in first)
    left = reshape(transpose(x1, free1 + first), [product(sizes1), length])
    right = reshape(transpose(x2, second + free2), [length, product(sizes2)])
    return reshape(_product(left, right), sizes1 + sizes2)


@op
def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Vector product of vectors of length 2 or 3."""
    from addax.ops.shaping import moveaxis, stack, unstack

    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = _two_numbers(x1, x2)
    a = unstack(x1, axis=axisa)
    b = unstack(x2, axis=axisb)
    if len(a) not in (2, 3) or len(b) not in (2, 3):
        raise ValueError(
            "`x1`'s dim on `axis={axisa}` and `x2`'s dim must be 2 or 3. "
            f"Received: x1.shape={x1.shape}, x2.shape={x2.shape}"
        )
    if len(a) == len(b) == 2:
        return a[0] * b[1] - a[1] * b[0]
    zero = (a if len(a) == 2 else b)[0] * 0
    a = [*a, zero] if len(a) == 2 else a
    b = [*b, zero] if len(b) == 2 else b
    parts = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    return moveaxis(stack(parts, -1), -1, axisc)


@op
def kron(x1: Any, x2: Any) -> Any:
    """Kronecker product: each element of `x1` times all of `x2`."""
    from addax.ops.shaping import at_least

    x1, x2 = _two_numbers(x1, x2)
    rank = max(x1.ndim, x2.ndim)
    x1, x2 = at_least(x1, rank), at_least(x2, rank)
    left = reshape(x1, [size for d in x1.dims for size in (d, 1)])
    right = reshape(x2, [size for d in x2.dims for size in (1, d)])
    return reshape(left * right, [a * b for a, b in zip(x1.dims, x2.dims)])


@op
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Sums of products of `x1` with shifts of `x2`, both vectors of known length.

    Args:
        x1: Vector.
        x2: Vector.
        mode: "valid", "same" or "full", as NumPy's.
    """
    from addax.ops.shaping import pad, reverse

    x1, x2 = _two_numbers(x1, x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"`correlate` needs vectors. Received: x1.shape={x1.shape}, x2.shape={x2.shape}"
        )
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"`mode` must be 'valid', 'same' or 'full'. Received: mode={mode}")
    n, m = x1.shape[0], x2.shape[0]
    swapped = n < m
    if swapped:
        x1, x2, n, m = x2, x1, m, n
    margin = {"valid": (0, 0), "same": (m // 2, (m - 1) // 2), "full": (m - 1, m - 1)}[mode]
    if mode == "same" and swapped:
        margin = margin[::-1]
    x1 = pad(x1, (margin,))
    windows = x1.shape[0] - m + 1
    from addax.ops.creation import iota

    places = expand_dims(iota(windows, "int32"), 1) + expand_dims(iota(m, "int32"), 0)
    result = matmul(core("gather")(x1, places, axis=0), x2)
    return reverse(result, 0) if swapped else result


# Einstein's summation


@op
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Sums of products as the subscripts say, e.g. `"bij,bjk->bik"`; `...` for axes without
    letters.

    Two operands at a time: axes that only one of them has and the result has not are summed first;
        those that both have and the
    result too become batch axes of a matrix product, those that both have and the result has not
    its inner axis.

    Raises:
        ValueError: If the subscripts do not suit the operands.
    """
    tensors = [number_tensor(x) for x in promote_tensors(*operands)]
    labels, target = _parse(subscripts, tensors)
    terms = [
        _sum_lone_letters(_diagonals(t, ls), labels, i, target)
        for i, (t, ls) in enumerate(zip(tensors, labels))
    ]
    current = terms[0]
    for i in range(1, len(terms)):
        later = {letter for _, letters in terms[i + 1 :] for letter in letters} | set(target)
        current = _contract(current, terms[i], later)
    x, letters = current
    gone = [i for i, letter in enumerate(letters) if letter not in target]
    if gone:
        x = core("sum")(x, axes=gone, keepdims=False)
        letters = [letter for letter in letters if letter in target]
    return transpose(x, [letters.index(letter) for letter in target])


def _parse(subscripts: str, tensors: list) -> tuple[list[list[str]], list[str]]:
    """The letters of each operand's axes and of the result's; the axes of `...` get the names
    `.0`, `.1`, …"""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    sources = left.split(",")
    if len(sources) != len(tensors):
        raise ValueError(
            f"einsum: the subscripts are for {len(sources)} operands, but there are "
            f"{len(tensors)}. Received: {subscripts!r}"
        )
    spread = 0
    for source, x in zip(sources, tensors):
        if "..." in source:
            spread = max(spread, x.ndim - len(source.replace("...", "")))
    labels = [_letters(source, x.ndim, spread, subscripts) for source, x in zip(sources, tensors)]
    used = [letter for letters in labels for letter in letters]
    if arrow:
        target = _letters(right, None, spread, subscripts)
        if not set(target) <= set(used) or len(set(target)) != len(target):
            raise ValueError(
                f"einsum: the letters of the result must be different, and be letters of the "
                f"operands. Received: {subscripts!r}"
            )
    else:
        dots = [f".{i}" for i in range(spread)]
        target = dots + sorted(c for c in set(used) if used.count(c) == 1 and not c.startswith("."))
    return labels, target


def _letters(source: str, rank: int | None, spread: int, subscripts: str) -> list[str]:
    before, dots, after = source.partition("...")
    letters = list(before + after)
    if not all(c.isalpha() for c in letters):
        raise ValueError(
            f"einsum: subscripts are letters, commas, '...' and '->'. Received: {subscripts!r}"
        )
    wide = spread if rank is None else rank - len(letters)
    if (rank is not None and not dots and wide != 0) or wide < 0:
        raise ValueError(
            f"einsum: {source!r} names {len(letters)} axes of an operand that has {rank}. "
            f"Received: {subscripts!r}"
        )
    middle = [f".{i}" for i in range(spread - wide, spread)] if dots else []
    return list(before) + middle + list(after)


def _diagonals(x: Any, letters: list[str]) -> tuple[Any, list[str]]:
    """A letter that stands twice means the diagonal of the two axes."""
    from addax.ops.creation import diagonal

    letters = list(letters)
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            x = diagonal(x, 0, first, second)
            letters = [c for i, c in enumerate(letters) if i not in (first, second)] + [letter]
    return x, letters


def _sum_lone_letters(
    term: tuple, labels: list, number: int, target: list[str]
) -> tuple[Any, list[str]]:
    """Axes that no other operand and not the result has are summed."""
    x, letters = term
    others = {c for i, ls in enumerate(labels) if i != number for c in ls} | set(target)
    gone = [i for i, letter in enumerate(letters) if letter not in others]
    if gone:
        x = core("sum")(x, axes=gone, keepdims=False)
    return x, [letter for letter in letters if letter in others]


def _contract(left: tuple, right: tuple, later: set[str]) -> tuple[Any, list[str]]:
    """The product of two terms, summed over what is not needed later."""
    (a, a_letters), (b, b_letters) = left, right
    shared = [c for c in a_letters if c in b_letters]
    batch = [c for c in shared if c in later]
    summed = [c for c in shared if c not in later]
    only_a = [c for c in a_letters if c not in shared]
    only_b = [c for c in b_letters if c not in shared]
    if not summed:
        return _multiply_out(a, a_letters, b, b_letters, batch + only_a + only_b)
    sizes = dict(zip(b_letters, b.dims)) | dict(zip(a_letters, a.dims))
    if any(_differ(a.dims[a_letters.index(c)], b.dims[b_letters.index(c)]) for c in shared):
        # A letter of size 1 on one side broadcasts (as `...` may).
        a, b, sizes = _same_sizes(a, a_letters, b, b_letters, shared)
    x, flip_a = _matrix(a, a_letters, batch, only_a, summed, sizes)
    y, flip_b = _matrix(b, b_letters, batch, summed, only_b, sizes)
    result = _product(x, y, flip_a, flip_b)
    letters = batch + only_a + only_b
    return reshape(result, [sizes[c] for c in letters]), letters


def _matrix(
    x: Any, letters: list[str], batch: list[str], rows: list[str], columns: list[str], sizes: dict
) -> tuple[Any, bool]:
    """`x` as matrices (batch…, rows, columns), and whether it is to be read transposed: that
    saves moving it."""
    position = [letters.index(c) for c in batch + rows + columns]
    flipped = [letters.index(c) for c in batch + columns + rows]
    flip = position != sorted(position) and flipped == sorted(flipped)
    x = transpose(x, flipped if flip else position)
    shape = [product(sizes[c] for c in rows), product(sizes[c] for c in columns)]
    return reshape(x, [sizes[c] for c in batch] + (shape[::-1] if flip else shape)), flip


def _differ(a: Any, b: Any) -> bool:
    known = isinstance(a, int) and isinstance(b, int)
    return known and a != b


def _same_sizes(
    a: Any, a_letters: list, b: Any, b_letters: list, shared: list
) -> tuple[Any, Any, dict]:
    sizes: dict[str, Any] = dict(zip(a_letters, a.dims)) | dict(zip(b_letters, b.dims))
    for c in shared:
        x, y = a.dims[a_letters.index(c)], b.dims[b_letters.index(c)]
        sizes[c] = broadcast_dims([x], [y])[0]
    a = broadcast_to(a, [sizes[c] for c in a_letters])
    b = broadcast_to(b, [sizes[c] for c in b_letters])
    return a, b, sizes


def _multiply_out(a: Any, a_letters: list, b: Any, b_letters: list, letters: list[str]) -> tuple:
    """Products element by element where nothing is summed."""

    def arranged(x: Any, own: list[str]) -> Any:
        x = transpose(x, [own.index(c) for c in letters if c in own])
        sizes = iter(x.dims)
        return reshape(x, [next(sizes) if c in own else 1 for c in letters])

    return core("multiply")(arranged(a, a_letters), arranged(b, b_letters)), letters
