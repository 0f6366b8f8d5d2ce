"""Process-wide settings: default float type, fuzz factor, image layout, logging, traceback
filtering."""

from __future__ import annotations

_FLOAT_TYPES = ("bfloat16", "float16", "float32", "float64")
_IMAGE_LAYOUTS = ("channels_last", "channels_first")

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_interactive_logging = True
_traceback_filtering = True


def backend() -> str:
    """Name of the engine that computes; always `"addax"`."""
    return "addax"


class device:
    """Context that computes on a device; there is one, the CPU.

    Raises:
        ValueError: If the name is that of another device.
    """

    def __init__(self, device_name: str):
        if str(device_name).lower().partition(":")[0] not in ("cpu", "/cpu", "/device"):
            raise ValueError(
                f"There is no device '{device_name}': everything runs on the CPU. Use 'cpu'."
            )

    def __enter__(self) -> device:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def floatx() -> str:
    """Float type that is used where none is given, `"float32"` unless changed."""
    return _floatx


def set_floatx(value: str) -> None:
    """Sets the default float type.

    Raises:
        ValueError: If `value` is not one of "bfloat16", "float16", "float32", "float64".
    """
    global _floatx
    if value not in _FLOAT_TYPES:
        raise ValueError(f"Unknown `floatx` value: {value}. Expected one of {sorted(_FLOAT_TYPES)}")
    _floatx = str(value)


def epsilon() -> float:
    """Small number that keeps logarithms and divisions away from zero, `1e-7` unless changed."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets the number that `epsilon()` returns."""
    global _epsilon
    _epsilon = value


def image_data_format() -> str:
    """Default layout of images, `"channels_last"` unless changed."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the default layout of images.

    Raises:
        ValueError: If `data_format` is neither "channels_last" nor "channels_first".
    """
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """The layout in lower case, the default one for `None`."""
    if data_format is None:
        return _image_data_format
    layout = str(data_format).lower()
    if layout not in _IMAGE_LAYOUTS:
        raise ValueError(
            "The `data_format` argument must be one of "
            f"{set(_IMAGE_LAYOUTS)}. Received: data_format={data_format}"
        )
    return layout


def enable_interactive_logging() -> None:
    """Messages and progress bars go to standard output (the default)."""
    global _interactive_logging
    _interactive_logging = True


def disable_interactive_logging() -> None:
    """Messages and progress bars go to the `addax` logger instead of standard output."""
    global _interactive_logging
    _interactive_logging = False


def is_interactive_logging_enabled() -> bool:
    """Whether messages and progress bars go to standard output."""
    return _interactive_logging


def enable_traceback_filtering() -> None:
    """Exceptions of layers get the layer's name and arguments added (the default)."""
    global _traceback_filtering
    _traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Exceptions of layers are raised as they are."""
    global _traceback_filtering
    _traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    """Whether exceptions of layers get the layer's name and arguments added."""
    return _traceback_filtering
