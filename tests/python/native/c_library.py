"""The shared library's C API through ctypes, as far as the tests use it."""

from __future__ import annotations

import ctypes as c
import os
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[3]
DTYPES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
STATUS = ("ok", "value", "type", "index", "memory", "io", "unsupported", "runtime")
PREDICT, STREAM = 0, 1


def built(name: str) -> Path | None:
    """The newest build of a file below `build/*/cpp`; `None` if there is none.

    `ADDAX_NATIVE_BUILD` names the build folder to look in instead, and must have the file.
    """
    if folder := os.environ.get("ADDAX_NATIVE_BUILD"):
        return Path(folder) / "cpp" / name
    found = [f for f in ROOT.glob(f"build/*/cpp/{name}") if "san" not in f.parts[-3]]
    return max(found, key=lambda f: f.stat().st_mtime, default=None)


class Shape(c.Structure):
    _fields_ = (("rank", c.c_int32), ("sizes", c.c_int64 * 8))

    @classmethod
    def of(cls, sizes) -> Shape:
        return cls(len(sizes), (c.c_int64 * 8)(*sizes))

    def __iter__(self):
        return iter(self.sizes[: self.rank])


class Tensor(c.Structure):
    _fields_ = (("data", c.c_void_p), ("dtype", c.c_int), ("shape", Shape))

    @classmethod
    def of(cls, array: np.ndarray) -> Tensor:
        assert array.flags.c_contiguous
        return cls(array.ctypes.data, DTYPES.index(array.dtype.name), Shape.of(array.shape))


class Buffer(c.Structure):
    _fields_ = (("data", c.c_void_p), ("bytes", c.c_size_t))

    @classmethod
    def of(cls, array: np.ndarray) -> Buffer:
        return cls(array.ctypes.data, array.nbytes)


class Port(c.Structure):
    _fields_ = (("name", c.c_char_p), ("dtype", c.c_int), ("shape", Shape))

    def __iter__(self):
        sizes = tuple(None if s == -1 else s for s in self.shape)
        return iter((self.name.decode(), DTYPES[self.dtype], sizes))


class LayerInfo(c.Structure):
    _fields_ = (("name", c.c_char_p), ("class_name", c.c_char_p))


class Weight(c.Structure):
    _fields_ = (("name", c.c_char_p), ("group", c.c_char_p), ("dtype", c.c_int), ("shape", Shape))


class AddaxError(Exception):
    def __init__(self, kind: str, text: str):
        super().__init__(f"{kind}: {text}")
        self.kind, self.text = kind, text


class Library:
    """The loaded library. `call` raises what the library says was wrong."""

    def __init__(self, path: Path):
        self.path = path
        self.functions = c.CDLL(str(path))
        for name in ("last_error", "dtype_name", "model_name", "model_metadata"):
            self[name].restype = c.c_char_p
        self["model_metric_name"].restype = c.c_char_p
        for name in ("dtype_size", "model_parameters", "session_bytes"):
            self[name].restype = c.c_int64

    def __getitem__(self, name: str):
        return getattr(self.functions, f"addax_{name}")

    def error(self) -> str:
        return self["last_error"]().decode()

    def call(self, name: str, *arguments) -> None:
        status = self[name](*arguments)
        if status:
            raise AddaxError(STATUS[status], self.error())

    def ask(self, name: str, *arguments):
        result = self[name](*arguments)
        if result is None or result == -1:
            raise AddaxError("", self.error())
        return result.decode() if isinstance(result, bytes) else result


def array_of(kind, arrays):
    return (kind * len(arrays))(*[kind.of(a) for a in arrays])


class Model:
    def __init__(self, library: Library, path=None, *, memory: tuple[bytes, bytes] | None = None):
        self.library = library
        self.handle = c.c_void_p()
        if memory is None:
            library.call("model_load", os.fsencode(path), c.byref(self.handle))
        else:
            json, self.weights = memory  # the library borrows the weights
            library.call(
                "model_load_memory",
                json,
                c.c_size_t(len(json)),
                self.weights,
                c.c_size_t(len(self.weights)),
                c.byref(self.handle),
            )

    def __del__(self):
        if self.handle:
            self.library["model_free"](self.handle)

    def call(self, name, *arguments):
        self.library.call(f"model_{name}", self.handle, *arguments)

    def ask(self, name, *arguments):
        return self.library.ask(f"model_{name}", self.handle, *arguments)

    def listed(self, what: str, kind) -> list:
        found = []
        for i in range(self.ask(f"{what}_count")):
            entry = kind()
            self.call(what, i, c.byref(entry))
            found.append(entry)
        return found

    def ports(self, what: str) -> list[tuple]:
        return [tuple(port) for port in self.listed(what, Port)]

    def get_weight(self, name: str, dtype: str, shape) -> np.ndarray:
        values = np.empty(shape, dtype)
        self.call("get_weight", name.encode(), Buffer.of(values))
        return values

    def verify(self) -> float:
        difference = c.c_double()
        self.call("verify", c.byref(difference))
        return difference.value

    def step(self, name: str, x, y, sample_weight=()) -> dict[str, float]:
        arguments: list = []
        for arrays in (x, y, sample_weight):
            arguments += [array_of(Tensor, arrays), len(arrays)]
        self.call(name, *arguments)
        return self.metrics()

    def metrics(self) -> dict[str, float]:
        found = {}
        for i in range(self.ask("metric_count")):
            value = c.c_double()
            self.call("metric_value", i, c.byref(value))
            found[self.ask("metric_name", i)] = value.value
        return found

    @property
    def learning_rate(self) -> float:
        rate = c.c_double()
        self.call("get_learning_rate", c.byref(rate))
        return rate.value

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.call("set_learning_rate", c.c_double(rate))

    def save(self, folder) -> None:
        self.call("save", os.fsencode(folder))


class Session:
    """A session for inputs of these shapes, or of all between two bounds."""

    def __init__(self, model: Model, shapes, most=None, kind=PREDICT):
        self.library = model.library
        self.handle = c.c_void_p()
        self.dtypes = [dtype for _, dtype, _ in model.ports("output")]
        least = array_of(Shape, shapes)
        most = array_of(Shape, shapes if most is None else most)
        self.library.call(
            "session_create_bounded",
            model.handle,
            kind,
            least,
            most,
            len(shapes),
            c.byref(self.handle),
        )

    def __del__(self):
        if self.handle:
            self.library["session_free"](self.handle)

    def output_shape(self, output: int, shapes=()) -> tuple:
        shape = Shape()
        given = array_of(Shape, shapes) if shapes else None
        arguments = (self.handle, output, given, len(shapes), c.byref(shape))
        self.library.call("session_output_shape", *arguments)
        return tuple(shape)

    def call(self, name: str, inputs, outputs) -> None:
        self.library.call(
            f"session_{name}",
            self.handle,
            array_of(Tensor, inputs),
            len(inputs),
            array_of(Buffer, outputs),
            len(outputs),
        )

    def run(self, *inputs, name: str = "run") -> list[np.ndarray]:
        shapes = [x.shape for x in inputs]
        outputs = [np.empty(self.output_shape(i, shapes), d) for i, d in enumerate(self.dtypes)]
        self.call(name, inputs, outputs)
        return outputs

    def step(self, *inputs) -> list[np.ndarray]:
        return self.run(*inputs, name="step")

    def reset(self) -> None:
        self.library.call("session_reset", self.handle)
