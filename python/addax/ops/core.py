"""Shapes and dtypes of tensors, control flow, custom gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from addax import _core, tree
from addax.backend.dtypes import FLOAT_TYPES, INT_TYPES, WIDER, standardize_dtype
from addax.backend.keras_tensor import KerasTensor
from addax.backend.tensor import RANGE, Dim, Tensor, scalar
from addax.backend.tensor import cast as _cast
from addax.backend.tensor import convert_to_numpy as _convert_to_numpy
from addax.backend.tensor import convert_to_tensor as _convert_to_tensor
from addax.backend.tensor import is_tensor as _is_tensor
from addax.ops.door import as_dims, core, normalize_axis, op
from addax.ops.indexing import scatter, scatter_update, slice, slice_update
from addax.ops.shaping import unstack

__all__ = [
    "associative_scan",
    "cast",
    "cond",
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "fori_loop",
    "is_tensor",
    "map",
    "saturate_cast",
    "scan",
    "scatter",
    "scatter_update",
    "shape",
    "slice",
    "slice_update",
    "stop_gradient",
    "switch",
    "unstack",
    "vectorize",
    "vectorized_map",
    "while_loop",
]


def shape(x: Any) -> tuple:
    """The sizes: ints, and dimensions (`None` of a KerasTensor) where they are not known yet.

    The dimensions can be computed with (`+ - * //`) and given to `reshape`, `zeros`, … wherever a
    size is wanted.
    """
    if isinstance(x, KerasTensor):
        return x.shape
    return _convert_to_tensor(x).dims


def dtype(x: Any) -> str:
    """The name of the dtype."""
    return standardize_dtype(x.dtype) if hasattr(x, "dtype") else _convert_to_tensor(x).dtype


def is_tensor(x: Any) -> bool:
    """Whether it is a tensor of this library (a KerasTensor counts)."""
    return _is_tensor(x) or isinstance(x, KerasTensor)


def convert_to_numpy(x: Any) -> Any:
    """A NumPy array of the values."""
    return _convert_to_numpy(x)


@op
def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Any:
    """A tensor of a number, array, (nested) list, Variable or tensor; see
    `addax.backend.tensor`."""
    return _convert_to_tensor(x, dtype)


@op
def cast(x: Any, dtype: Any) -> Any:
    """The values in another dtype."""
    return _cast(x, dtype)


@op
def saturate_cast(x: Any, dtype: Any) -> Any:
    """The values in another dtype, those beyond its range at its ends."""
    from addax.ops.elementwise import LARGEST, clip

    x = _convert_to_tensor(x)
    target = standardize_dtype(dtype)
    target = WIDER.get(target, target)
    if target == "bool" or x.dtype == "bool" or target == x.dtype:
        return _cast(x, target)
    if target in FLOAT_TYPES:
        low, high = -LARGEST[target], LARGEST[target]
        if x.dtype not in FLOAT_TYPES or LARGEST[x.dtype] <= high:
            return _cast(x, target)
    else:
        low, high = RANGE[target]
        if x.dtype in INT_TYPES:
            own_low, own_high = RANGE[x.dtype]
            low, high = max(low, own_low), min(high, own_high)
        else:
            # The largest float that is not above 2³¹-1 (2⁶³-1): one unit in its last place below
            # the power of 2.
            x = _cast(x, "float64")
            high = high if target == "int32" or target == "uint8" else 2**63 - 1024
    return _cast(clip(x, low, high), target)


@op
def stop_gradient(variable: Any) -> Any:
    """The values, through which no gradient goes back."""
    return core("stop_gradient")(_convert_to_tensor(variable))


@op
def sum_to(x: Any, shape: Any) -> Any:
    """The opposite of broadcasting: sums over the axes along which a tensor of the shape would
    have been repeated."""
    return core("sum_to")(x, shape=as_dims(shape))


# Control flow. Structures are flattened for the core, which sees lists of tensors.


def _flat(structure: Any) -> list:
    return [_convert_to_tensor(leaf) for leaf in tree.flatten(structure)]


@op
def cond(pred: Any, true_fn: Callable, false_fn: Callable) -> Any:
    """`true_fn()` or `false_fn()`, as the boolean says. While a program is recorded, both are
    recorded and one is run.

    Args:
        pred: Boolean, or boolean tensor of rank 0.
        true_fn: Function without arguments.
        false_fn: Function without arguments with a result of the same structure, shapes and dtypes.
    """
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError(
            f"`true_fn` and `false_fn` must be callable. Received: true_fn={true_fn}, "
            f"false_fn={false_fn}"
        )
    if isinstance(pred, (bool, int, float)):
        return true_fn() if pred else false_fn()
    pred = _convert_to_tensor(pred)
    if not pred.symbolic:
        return true_fn() if bool(pred) else false_fn()
    structures: list = []

    def branch(function: Callable) -> Callable:
        def run() -> list:
            result = function()
            structures.append(result)
            return [leaf for leaf in _optional(result) if leaf is not None]

        return run

    values = _core.cond(_cast(pred, "bool"), branch(true_fn), branch(false_fn))
    first, second = structures[0], structures[-1]
    tree.assert_same_structure(first, second)
    results = iter(values)
    leaves = [None if leaf is None else next(results) for leaf in tree.flatten(first)]
    return tree.pack_sequence_as(first, leaves)


def _optional(structure: Any) -> list:
    return [None if x is None else _convert_to_tensor(x) for x in tree.flatten(structure)]


@op
def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """`branches[index](*operands)`; an index beyond the list is taken as its nearest end."""
    functions = list(branches)
    if not functions:
        raise ValueError("`switch` needs at least one branch.")
    if not isinstance(index, int):
        index = _cast(index, "int32")
        if not index.symbolic:
            index = int(index)
    if isinstance(index, int):
        return functions[min(max(index, 0), len(functions) - 1)](*operands)

    def choose(first: int) -> Any:
        if first == len(functions) - 1:
            return functions[first](*operands)
        return cond(index <= first, lambda: functions[first](*operands), lambda: choose(first + 1))

    return choose(0)


@op
def while_loop(
    cond: Callable, body: Callable, loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Repeats `loop_vars = body(*loop_vars)` while `cond(*loop_vars)`.

    Args:
        cond: Function of the loop variables that returns a boolean of rank 0.
        body: Function of the loop variables that returns their new values, of the same shapes and
            dtypes.
        loop_vars: Tuple or list of tensors or nested structures, or one tensor.
        maximum_iterations: Bound on the number of rounds.

    While a program is recorded the loop becomes one operation, which has no gradient; use `scan` or
    `fori_loop` for that.
    """
    single = not isinstance(loop_vars, (tuple, list))
    structure = (loop_vars,) if single else loop_vars
    values = _flat(structure)

    def unpacked(flat: list) -> tuple:
        return tuple(tree.pack_sequence_as(structure, flat))

    def step(flat: list) -> list:
        result = body(*unpacked(flat))
        if single or not isinstance(result, (tuple, list)):
            result = (result,)
        tree.assert_same_structure(tuple(structure), tuple(result), check_types=False)
        return [_cast_like(leaf, v) for leaf, v in zip(tree.flatten(tuple(result)), flat)]

    if not _core.is_recording():
        rounds = 0
        while (maximum_iterations is None or rounds < maximum_iterations) and bool(
            cond(*unpacked(values))
        ):
            values = step(values)
            rounds += 1
        return _repacked(structure, values, single)

    def unfinished(flat: list) -> Any:
        go_on = _cast(cond(*unpacked(flat[1:])), "bool")
        if maximum_iterations is None:
            return go_on
        return core("logical_and")(go_on, flat[0] < maximum_iterations)

    values = _core.while_loop(
        unfinished, lambda flat: [flat[0] + 1, *step(flat[1:])], [scalar(0, "int32"), *values]
    )[1:]
    return _repacked(structure, values, single)


def _cast_like(leaf: Any, like: Any) -> Any:
    """A new loop value; a Python number takes the dtype of the value that it replaces."""
    if isinstance(leaf, (bool, int, float)):
        return scalar(leaf, like.dtype)
    return _convert_to_tensor(leaf)


def _repacked(structure: Any, values: list, single: bool) -> Any:
    result = tree.pack_sequence_as(structure, values)
    return result[0] if single else result


@op
def fori_loop(lower: Any, upper: Any, body_fun: Callable, init_val: Any) -> Any:
    """`val = body_fun(i, val)` for i from `lower` to below `upper`; `i` is an int32 tensor of
    rank 0.

    Has a gradient where the bounds are numbers or dimensions.
    """
    bounds: list[Any] = [
        b if isinstance(b, (int, Dim)) else _convert_to_tensor(b) for b in (lower, upper)
    ]
    bounds = [int(b) if isinstance(b, Tensor) and not b.symbolic else b for b in bounds]
    values = _flat(init_val)

    def step(i: Any, flat: list) -> list:
        result = body_fun(i, tree.pack_sequence_as(init_val, flat))
        tree.assert_same_structure(init_val, result, check_types=False)
        return [_cast_like(leaf, v) for leaf, v in zip(tree.flatten(result), flat)]

    if not _core.is_recording() and all(isinstance(b, int) for b in bounds):
        for i in range(*bounds):
            values = step(scalar(i, "int32"), values)
    elif all(isinstance(b, (int, Dim)) for b in bounds):
        first, last = bounds
        length = last - first
        if not isinstance(length, int) or length > 0:
            start = _cast(first, "int32")
            carry, _ = _core.scan(
                lambda flat, _: ([flat[0] + 1, *step(flat[0], flat[1:])], []),
                [start, *values],
                [],
                length,
                False,
            )
            values = carry[1:]
    else:
        first, last = (_cast(b, "int32") for b in bounds)
        values = _core.while_loop(
            lambda flat: flat[0] < last,
            lambda flat: [flat[0] + 1, *step(flat[0], flat[1:])],
            [first, *values],
        )[1:]
    return tree.pack_sequence_as(init_val, values)


@op
def scan(
    f: Callable,
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple:
    """`carry, y[t] = f(carry, x[t])` for each t, the y stacked. Differentiable, one operation
    of the program.

    Args:
        f: Function of a carry and the slices of `xs` at one place; returns the next carry, of the
            same structure, shapes and dtypes, and a structure of tensors (or `None`). It is called
            once, with symbolic tensors.
        init: The first carry.
        xs: Structure of tensors that are sliced along their first axis, or `None`.
        length: Number of steps, where `xs` is `None`.
        reverse: Whether to go from the last place to the first.
        unroll: Kept for Keras's signature.

    Returns:
        (last carry, stacked ys).
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, (bool, int)) or (not isinstance(unroll, bool) and unroll < 1):
        raise ValueError(
            f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}"
        )
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    carries = _flat(init)
    sequences = [] if xs is None else _flat(xs)
    steps = length
    if sequences:
        sizes = [x.dims[0] for x in sequences]
        steps = next((size for size in sizes if isinstance(size, int)), sizes[0])
        known = [size for size in [*sizes, length] if isinstance(size, int)]
        if len(set(known)) > 1:
            raise ValueError(
                f"The arrays of `xs` and `length` must have one length. Received: lengths {known}"
            )
    outputs: list = []

    def body(flat: list, slices: list) -> tuple[list, list]:
        x = None if xs is None else tree.pack_sequence_as(xs, slices)
        carry, y = f(tree.pack_sequence_as(init, flat), x)
        tree.assert_same_structure(init, carry, check_types=False)
        outputs.append(y)
        carried = [_cast_like(leaf, v) for leaf, v in zip(tree.flatten(carry), flat)]
        return carried, [leaf for leaf in _optional(y) if leaf is not None]

    steps = steps if isinstance(steps, (int, Dim)) else int(steps)
    carry, ys = _core.scan(body, carries, sequences, steps, reverse)
    stacked = iter(ys)
    leaves = [None if leaf is None else next(stacked) for leaf in tree.flatten(outputs[-1])]
    return tree.pack_sequence_as(init, carry), tree.pack_sequence_as(outputs[-1], leaves)


@op
def map(f: Callable, xs: Any) -> Any:
    """`f(x[i])` for each i, stacked; `xs` is a tensor or a structure of tensors."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@op
def vectorized_map(function: Callable, elements: Any) -> Any:
    """`function(element)` for each element of the first axis, stacked: as `map`, one after
    another in the core."""
    return map(function, elements)


def vectorize(pyfunc: Callable, *, excluded: Any = None, signature: str | None = None) -> Callable:
    """A function of numbers as a function of tensors, which broadcast: it is mapped over them.

    Args:
        pyfunc: Function of tensors of rank 0 that returns one, or a structure of them.
        excluded: Numbers of the positional arguments that are passed on as they are.
        signature: Only `None`: the function is applied to single elements.

    Raises:
        ValueError: If a signature is given.
    """
    if not callable(pyfunc):
        raise ValueError(f"Expected argument `pyfunc` to be a callable. Received: pyfunc={pyfunc}")
    if signature is not None:
        raise ValueError(f"`vectorize` maps over single elements. Received: signature={signature}")
    fixed = frozenset(excluded or ())

    @functools.wraps(pyfunc)
    def call(*args: Any) -> Any:
        from addax.ops.shaping import broadcast_arrays, ravel, reshape

        moving = [i for i in range(len(args)) if i not in fixed]
        tensors = broadcast_arrays(*(args[i] for i in moving))
        sizes = list(tensors[0].dims)

        def element(values: list) -> Any:
            given = list(args)
            for i, value in zip(moving, values):
                given[i] = value
            return pyfunc(*given)

        results = map(element, [ravel(x) for x in tensors])
        return tree.map_structure(lambda y: reshape(y, sizes), results)

    return call


@op
def associative_scan(f: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Running combination of elements along an axis by an associative function of two structures.

    By doubling: after step s each place holds the combination of up to 2ˢ elements that end there
        (Hillis & Steele, 1986). The
    axis's length must be known.
    """
    from addax.ops.shaping import concatenate, part
    from addax.ops.shaping import reverse as flip_axis

    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    flat = _flat(elems)
    axes = [normalize_axis(axis, x.ndim) for x in flat]
    length = flat[0].dims[axes[0]]
    if isinstance(length, Dim) or any(x.dims[a] != length for x, a in zip(flat, axes)):
        raise ValueError(
            "Array inputs to `associative_scan` must have the same known size along the axis. "
            f"Received shapes: {[x.shape for x in flat]}"
        )
    if reverse:
        flat = [flip_axis(x, a) for x, a in zip(flat, axes)]
    distance = 1
    while distance < length:
        before = [part(x, a, 0, length - distance) for x, a in zip(flat, axes)]
        after = [part(x, a, distance, length) for x, a in zip(flat, axes)]
        both = f(tree.pack_sequence_as(elems, before), tree.pack_sequence_as(elems, after))
        combined = _flat(both)
        flat = [
            concatenate([part(x, a, 0, distance), y], a) for x, y, a in zip(flat, combined, axes)
        ]
        distance *= 2
    if reverse:
        flat = [flip_axis(x, a) for x, a in zip(flat, axes)]
    return tree.pack_sequence_as(elems, flat)


def custom_gradient(f: Callable) -> Callable:
    """Decorator of a function that returns its result and the function of its gradient.

    ```python
    @ops.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(upstream):
            return upstream * (1 - 1 / (1 + e))

        return ops.log(1 + e), grad
    ```

    The gradient function gets the gradient of each output and returns that of each tensor argument
    (`None` for none).
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        leaves = tree.flatten(args)
        inputs = [
            _convert_to_tensor(leaf)
            if isinstance(leaf, Tensor) or hasattr(leaf, "__addax_tensor__")
            else None
            for leaf in leaves
        ]
        # Copies that no tape watches go through the function: what it does inside is not written
        # down.
        hidden = [
            leaf if x is None else core("stop_gradient")(x) for leaf, x in zip(leaves, inputs)
        ]
        result, gradient = f(*tree.pack_sequence_as(args, hidden), **kwargs)
        outputs = _flat(result)
        tensors = [x for x in inputs if x is not None]

        def backward(upstream: list) -> list:
            weights = [
                core("full")(shape=list(y.dims), value=0, dtype=y.dtype) if g is None else g
                for g, y in zip(upstream, outputs)
            ]
            gradients = gradient(*weights)
            gradients = list(gradients) if isinstance(gradients, (list, tuple)) else [gradients]
            if len(gradients) == len(leaves) != len(tensors):
                gradients = [g for g, x in zip(gradients, inputs) if x is not None]
            return [
                None if g is None else _convert_to_tensor(g, x.dtype)
                for g, x in zip(gradients, tensors)
            ]

        _core.record_custom_gradient(tensors, outputs, backward)
        return tree.pack_sequence_as(result, outputs)

    return call
