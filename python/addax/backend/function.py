"""Functions that run as recorded programs: recorded once per signature, then replayed by the
core without Python."""

from __future__ import annotations

import operator
import sys
import threading
from collections.abc import Callable
from typing import Any

from addax import _core, tree
from addax.backend.dtypes import TENSOR_DTYPES
from addax.backend.tensor import Tensor, convert_to_tensor

_KEPT = 32


class _Static:
    """Stands in a structure of outputs for a leaf that is the same at every call."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value


class RecordedFunction:
    """One recording of a function: the program, and how its outputs fit into the structure that
    the function returned.

    Attributes:
        parts: Of a function of one tuple: how many of the program's inputs each part has.
    """

    __slots__ = ("assemble", "executable", "outputs", "parts", "program", "single")

    def __init__(self, program: Any, outputs: Any):
        self.program = program
        self.parts: tuple[int, ...] = ()
        self.outputs = outputs  # structure whose leaves are indices of outputs, or _Static
        self.single = outputs == 0 and isinstance(outputs, int)
        self.assemble = _assembler(outputs)  # the program's results → the function's result
        self.executable = _core.Executable(program)

    def is_per_sample(self) -> bool:
        """Whether the outputs are nothing but arrays whose first axis is that of the first input,
        of dtypes that NumPy has."""
        if not all(isinstance(leaf, int) for leaf in tree.flatten(self.outputs)):
            return False
        return self.program.is_per_sample

    def run(self, values: list) -> Any:
        return self.assemble(self.executable.run(values))


def _assembler(outputs: Any) -> Callable[[list], Any]:
    """The function that puts a program's results into a structure."""
    if isinstance(outputs, _Static):
        value = outputs.value
        return lambda _: value
    if isinstance(outputs, int):
        return operator.itemgetter(outputs)
    if type(outputs) is dict:
        pairs = [(key, _assembler(part)) for key, part in outputs.items()]
        return lambda results: {key: part(results) for key, part in pairs}
    if type(outputs) in (list, tuple):
        kind, parts = type(outputs), [_assembler(part) for part in outputs]
        return lambda results: kind([part(results) for part in parts])
    leaves = [_assembler(leaf) for leaf in tree.flatten(outputs)]
    return lambda results: tree.pack_sequence_as(outputs, [leaf(results) for leaf in leaves])


def record(fn: Callable, args: Any, kwargs: Any, specs: dict[int, tuple]) -> RecordedFunction:
    """Records `fn(*args, **kwargs)` with a symbolic tensor for the i-th leaf where `specs` has
    `i: (name, dtype, dims)`.

    The program's inputs are those leaves in order.
    """
    leaves = tree.flatten((args, kwargs))
    with _core.Recording() as recording:
        for i in sorted(specs):
            name, dtype, dims = specs[i]
            leaves[i] = recording.input(name, dtype, dims)
        args, kwargs = tree.pack_sequence_as((args, kwargs), leaves)
        result = fn(*args, **kwargs)
        outputs: list = []

        def place(leaf: Any) -> Any:
            if hasattr(leaf, "__addax_tensor__"):
                leaf = leaf.__addax_tensor__()
            if not isinstance(leaf, Tensor):
                return _Static(leaf)
            outputs.append(leaf)
            return len(outputs) - 1

        structure = tree.map_structure(place, result)
        program = recording.finish(outputs)
    return RecordedFunction(program, structure)


class CompiledFunction:
    """Calls a function through recorded programs.

    The function is recorded once for each signature: the nesting of its arguments, the dtypes and
    ranks of the arrays among them, their known sizes, and the values of everything else. The
    leading axis of every array is the unknown `batch`, so that one program serves all batch sizes;
    further axes are unknown where `shapes` says `None`.

    Args:
        fn: Function of nested structures of arrays and plain values that returns such a structure.
            It may read and assign Variables. It is called with symbolic tensors.
        shapes: One entry per positional argument (missing ones are `None`): a structure of shapes
            in which `None` stands for an unknown size, as far as it goes. `None` in place of a
            shape: only the leading axis is unknown.
        names: For a function of one tuple: what the arrays of each of its parts are called in
            errors and files, a list for each part. Other arrays are `input_0`, `input_1`….

    Raises:
        TypeError: At a call, if a plain value is not hashable.
    """

    def __init__(self, fn: Callable, shapes: Any = None, names: Any = ()):
        self.fn = fn
        self._names = names
        self._shapes = tuple(shapes) if shapes is not None else ()
        self._recorded: dict[Any, RecordedFunction] = {}
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _core.is_recording():  # part of another program: written out in it
            return self.fn(*args, **kwargs)
        key, values = self._signature(args, kwargs)
        recorded = self._recorded.get(key)
        if recorded is None:
            recorded = self._record(key, args, kwargs)
        return recorded.run(values)

    def recorded(self, *args: Any, **kwargs: Any) -> RecordedFunction:
        """The recording for arguments like these, made now if there is none; nothing is run."""
        key, _ = self._signature(args, kwargs)
        return self._recorded.get(key) or self._record(key, args, kwargs)

    def clear(self) -> None:
        """Forgets all recordings; the next call records anew."""
        self._recorded.clear()

    def _record(self, key: Any, args: Any, kwargs: Any) -> RecordedFunction:
        with self._lock:
            recorded = self._recorded.get(key)
            if recorded is None:
                specs = self._specs(args, kwargs)
                recorded = record(self.fn, args, kwargs, specs)
                recorded.parts = _arrays_in_parts(args)
                if len(self._recorded) >= _KEPT:
                    del self._recorded[next(iter(self._recorded))]
                self._recorded[key] = recorded
        return recorded

    # Signatures. The key must say everything that `_specs` depends on: which axes are unknown, and
    # which unknowns are equal.

    def _signature(self, args: tuple, kwargs: dict) -> tuple[Any, list]:
        key: list = []
        values: list = []
        sizes = _Sizes()
        declared = self._shapes
        for i, arg in enumerate(args):
            _visit(arg, declared[i] if i < len(declared) else None, key, values, sizes)
        if kwargs:
            for name in sorted(kwargs):
                key.append(name)
                _visit(kwargs[name], None, key, values, sizes)
        return (tuple(key), sizes.pattern()), values

    def _specs(self, args: tuple, kwargs: dict) -> dict[int, tuple]:
        arrays: list = []  # (leaf index, value, declared)
        declared = self._shapes
        index = 0
        for i, arg in enumerate(args):
            index = _list_arrays(arg, declared[i] if i < len(declared) else None, index, arrays)
        for name in sorted(kwargs):
            index = _list_arrays(kwargs[name], None, index, arrays)
        sizes = _Sizes()
        for _, value, shape in arrays:
            _axes(value.shape, shape, sizes)
        groups = sizes.groups()
        names = self._names_of(args, len(arrays))
        return {
            leaf: (name, _dtype_name(value.dtype), _named(value.shape, shape, groups))
            for name, (leaf, value, shape) in zip(names, arrays, strict=True)
        }

    def _names_of(self, args: tuple, count: int) -> list[str]:
        """The names of all arrays, each once."""
        names: list[str] = []
        for known, size in zip(self._names, _arrays_in_parts(args), strict=False):
            names += known if size == len(known) else [f"{known[0]}_{i}" for i in range(size)]
        if len(names) != count or len(set(names)) != count:
            return [f"input_{i}" for i in range(count)]
        return names


class _Sizes:
    """The sizes that unknown axes have in one call. Axes at one position share an unknown where
    their sizes are equal."""

    __slots__ = ("first", "lengths", "uniform")

    def __init__(self) -> None:
        self.lengths: list[tuple[int, int]] = []  # (axis, size)
        self.first: dict[int, int] = {}  # axis → the first size seen
        self.uniform = True  # whether all axes at a position agree

    def add(self, axis: int, size: int) -> None:
        self.lengths.append((axis, size))
        if self.first.setdefault(axis, size) != size:
            self.uniform = False

    def pattern(self) -> Any:
        """Which unknown sizes are equal: a tuple of names, `None` if all axes at a position
        agree."""
        if self.uniform:
            return None
        groups = self.groups()
        return tuple(groups[pair] for pair in self.lengths)

    def groups(self) -> dict[tuple[int, int], Any]:
        """The name of the unknown for each (axis, size); a size of 1 among larger ones is
        itself, since it broadcasts."""
        seen: dict[int, list[int]] = {}
        for axis, size in self.lengths:
            order = seen.setdefault(axis, [])
            if size not in order:
                order.append(size)
        names: dict[tuple[int, int], Any] = {}
        for axis, order in seen.items():
            name = "batch" if axis == 0 else f"axis{axis}"
            others = [size for size in order if size != 1] if len(order) > 1 else order
            for n, size in enumerate(others):
                names[axis, size] = f"{name}_{n}" if n else name
            if len(order) > 1 and 1 in order:
                names[axis, 1] = 1
        return names


def _visit(x: Any, declared: Any, key: list, values: list, sizes: _Sizes) -> None:
    """Adds to the key what a recording depends on, and to the values the arrays, in the order of
    `tree.flatten`."""
    kind = type(x)
    if kind is tuple or kind is list:
        key.append((kind, len(x)))
        for i, item in enumerate(x):
            _visit(item, declared and _declared_for(declared, i), key, values, sizes)
        return
    shape = getattr(x, "shape", None)
    if shape is not None and not isinstance(x, type):
        value = _as_value(x)
        values.append(value)
        shape = value.shape
        dtype = value.dtype
        if declared is None and shape:
            sizes.add(0, shape[0])
            key.append((_dtype_names.get(dtype) or _dtype_name(dtype), shape[1:]))
        else:
            unknown = _axes(shape, declared, sizes)
            known = tuple(None if i in unknown else size for i, size in enumerate(shape))
            key.append((_dtype_name(dtype), None, known))
    elif isinstance(x, (list, tuple)):
        key.append((kind, len(x)))
        for i, item in enumerate(x):
            _visit(item, _declared_for(declared, i), key, values, sizes)
    elif isinstance(x, dict):
        names = tuple(tree._keys(x))
        key.append((dict, names))
        for name in names:
            _visit(x[name], _declared_for(declared, name), key, values, sizes)
    else:
        key.append((kind, x))


_dtype_names: dict[Any, str] = {}


def _dtype_name(dtype: Any) -> str:
    """The name of a tensor's or array's dtype; NumPy takes its time to say it."""
    name = _dtype_names.get(dtype)
    if name is None:
        name = str(getattr(dtype, "name", dtype))
        if len(_dtype_names) < 64:
            _dtype_names[dtype] = name
    return name


def _list_arrays(x: Any, declared: Any, index: int, arrays: list) -> int:
    if getattr(x, "shape", None) is not None and not isinstance(x, type):
        arrays.append((index, _as_value(x), declared))
        return index + 1
    if isinstance(x, (list, tuple)):
        for i, item in enumerate(x):
            index = _list_arrays(item, _declared_for(declared, i), index, arrays)
        return index
    if isinstance(x, dict):
        for name in tree._keys(x):
            index = _list_arrays(x[name], _declared_for(declared, name), index, arrays)
        return index
    return index + 1


def _arrays_in_parts(args: tuple) -> tuple[int, ...]:
    """How many arrays each part of a single argument has, if that is a tuple."""
    if len(args) != 1 or not isinstance(args[0], tuple):
        return ()
    sizes = []
    for part in args[0]:
        arrays: list = []
        _list_arrays(part, None, 0, arrays)
        sizes.append(len(arrays))
    return tuple(sizes)


def _as_value(x: Any) -> Any:
    """A tensor or array that the core takes as it is."""
    if type(x) is Tensor:
        return x
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(x) is numpy.ndarray:
        dtype = x.dtype
        if _dtype_name(dtype) in TENSOR_DTYPES and dtype.isnative:
            return x
    return convert_to_tensor(x)


def _declared_for(declared: Any, key: Any) -> Any:
    """The shapes declared for a part of an argument."""
    if declared is None or (isinstance(declared, (list, tuple)) and tree.is_shape(declared)):
        return None
    if isinstance(declared, dict):
        return declared.get(key)
    if isinstance(declared, (list, tuple)) and isinstance(key, int) and key < len(declared):
        return declared[key]
    return None


def _axes(shape: tuple, declared: Any, sizes: _Sizes) -> tuple[int, ...]:
    """The unknown axes of one array; notes their sizes."""
    rank = len(shape)
    if rank == 0:
        return ()
    if declared is None or not tree.is_shape(declared) or len(declared) != rank:
        sizes.add(0, shape[0])
        return (0,)
    unknown = tuple(i for i in range(rank) if i == 0 or declared[i] is None)
    for axis in unknown:
        sizes.add(axis, shape[axis])
    return unknown


def _named(shape: tuple, declared: Any, groups: dict) -> tuple:
    unknown = _axes(shape, declared, _Sizes())
    dims: list = []
    for axis, size in enumerate(shape):
        name = groups[axis, size] if axis in unknown else size
        dims.append(_core.Dim.unknown(name) if isinstance(name, str) else name)
    return tuple(dims)
