"""Errors raised inside `call()` name the layer and the arguments of the call."""

from __future__ import annotations

import inspect
from functools import wraps

_LONGEST_ARGUMENT = 500


def call_with_argument_info(operation, function, args: tuple, kwargs: dict):
    """`function(*args, **kwargs)`; an exception is raised anew with the arguments in its message.

    The type of the exception stays. Nothing is added when traceback filtering is off, nor twice
    when calls are nested: the innermost layer is the one to name.
    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        from addax.backend.config import is_traceback_filtering_enabled

        if not is_traceback_filtering_enabled() or getattr(
            error, "_keras_call_info_injected", False
        ):
            raise
        raise _with_argument_info(operation, error, args, kwargs) from None


def filter_traceback(function):
    """Hides the library's own frames from the traceback of what `function` raises.

    Off with `config.disable_traceback_filtering()`.
    """

    @wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except Exception as error:
            from addax.backend.config import is_traceback_filtering_enabled

            if not is_traceback_filtering_enabled():
                raise
            raise error.with_traceback(_user_frames(error.__traceback__)) from None

    return wrapper


def same_type(error: Exception, message: str) -> Exception:
    """An exception of `error`'s type that says `message`; a `RuntimeError` where that fails."""
    if isinstance(error, MemoryError):
        return MemoryError(message)  # NumPy's own wants the array's shape.
    try:
        copy = type(error)(message)
    except Exception:  # an exception class may want other arguments than a message
        copy = RuntimeError(message)
    return copy


def _with_argument_info(operation, error: Exception, args: tuple, kwargs: dict) -> Exception:
    name = f"{operation.__class__.__name__}.call()"
    # str(KeyError("x")) is "'x'".
    text = str(error.args[0] if len(error.args) == 1 else error).strip()
    shown = f"\x1b[1m{text}\x1b[0m" if text else error.__class__.__name__
    # Keras's sentence, and the name that tells one layer of a class from another.
    whose = f" Its name is '{operation.name}'." if getattr(operation, "name", None) else ""
    lines = [f"Exception encountered when calling {name}.{whose}", "", shown, ""]
    arguments = _bound_arguments(operation, args, kwargs)
    if arguments:
        lines.append(f"Arguments received by {name}:")
        lines += [f"  • {key}={describe_argument(value)}" for key, value in arguments.items()]
    wrapped = same_type(error, "\n".join(lines))
    wrapped._keras_call_info_injected = True  # type: ignore[attr-defined]
    return wrapped.with_traceback(error.__traceback__)


def _bound_arguments(operation, args: tuple, kwargs: dict) -> dict:
    try:
        return dict(inspect.signature(operation.call).bind(*args, **kwargs).arguments)
    except TypeError:
        return {**{f"args[{i}]": value for i, value in enumerate(args)}, **kwargs}


def describe_argument(value) -> str:
    """Short text for an argument: shape and dtype of tensors, with the layer they come from."""
    from addax import tree

    text = str(tree.map_structure(_Description, value))
    return text if len(text) <= _LONGEST_ARGUMENT else text[: _LONGEST_ARGUMENT - 3] + "..."


class _Description:
    """A leaf as it is shown in a list of arguments."""

    def __init__(self, value):
        self.value = value

    def __repr__(self) -> str:
        value = self.value
        history = getattr(value, "_keras_history", None)
        if history is not None:
            return f"{value!r} (from layer '{history.operation.name}')"
        if hasattr(value, "shape") and hasattr(value, "dtype") and not hasattr(value, "path"):
            return f"{type(value).__name__}(shape={tuple(value.shape)}, dtype={value.dtype})"
        return repr(value)


def _user_frames(traceback):
    """The traceback without frames of this package; whole if nothing would be left."""
    frames = []
    while traceback is not None:
        if "addax" not in traceback.tb_frame.f_globals.get("__name__", "").split(".")[:1]:
            frames.append(traceback)
        traceback = traceback.tb_next
    if not frames:
        return None
    result = None
    for frame in reversed(frames):
        result = type(frame)(result, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return result
