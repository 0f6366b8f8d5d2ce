"""Pictures between files, Pillow images and arrays."""

from __future__ import annotations

import io
import os
import warnings
from typing import Any

from addax.backend import config

PIL_INTERPOLATION_METHODS = {
    "nearest": "NEAREST",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "hamming": "HAMMING",
    "box": "BOX",
    "lanczos": "LANCZOS",
}


def _pillow(what: str) -> Any:
    try:
        from PIL import Image
    except ImportError as e:
        raise ImportError(
            f"Could not import PIL.Image. The use of `{what}` requires PIL. "
            "Install it with `pip install addax[images]`."
        ) from e
    return Image


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """A Pillow image of an array.

    Args:
        x: Array of rank 3 with 1, 3 or 4 channels.
        data_format: Layout of the array, the configured one if `None`.
        scale: Whether to stretch the values to 0-255.
        dtype: Dtype to compute in, `floatx()` if `None`.

    Raises:
        ValueError: If rank or channels do not fit.
        ImportError: Without Pillow.
    """
    import numpy as np

    image = _pillow("array_to_img")
    data_format = config.standardize_data_format(data_format)
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(
            f"Expected image array to have rank 3 (single image). Got array with shape: {x.shape}"
        )
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - np.min(x)
        largest = np.max(x)
        if largest != 0:
            x = x / largest
        x = x * 255
    channels = x.shape[2]
    if channels in (3, 4):
        return image.fromarray(x.astype("uint8"), "RGB" if channels == 3 else "RGBA")
    if channels == 1:
        if np.max(x) > 255:
            return image.fromarray(x[:, :, 0].astype("int32"), "I")
        return image.fromarray(x[:, :, 0].astype("uint8"), "L")
    raise ValueError(f"Unsupported channel number: {channels}")


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> Any:
    """An array of rank 3 of a Pillow image.

    Args:
        img: The image.
        data_format: Layout of the array, the configured one if `None`.
        dtype: Dtype, `floatx()` if `None`.

    Raises:
        ValueError: If the image's array has neither rank 2 nor 3.
    """
    import numpy as np

    data_format = config.standardize_data_format(data_format)
    x = np.array(img, dtype=dtype or config.floatx())
    if x.ndim == 2:
        x = x[None] if data_format == "channels_first" else x[:, :, None]
    elif x.ndim == 3:
        x = x.transpose(2, 0, 1) if data_format == "channels_first" else x
    else:
        raise ValueError(f"Unsupported image shape: {x.shape}")
    return x


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Writes an array as an image file; `kwargs` go to Pillow's `save`."""
    img = array_to_img(x, data_format=data_format, scale=scale)
    is_jpeg = (file_format or os.path.splitext(str(path))[1].lstrip(".")).lower() in ("jpg", "jpeg")
    if img.mode == "RGBA" and is_jpeg:
        warnings.warn(
            "The JPEG format does not support RGBA images, converting to RGB.", stacklevel=2
        )
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A Pillow image of an image file.

    Args:
        path: Path, or a `BytesIO`.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: Height and width to resize to.
        interpolation: Method of resizing.
        keep_aspect_ratio: Whether to cut the image to the target's aspect ratio first.

    Raises:
        TypeError: If `path` is no path.
        ValueError: If an option is unknown.
        ImportError: Without Pillow.
    """
    image = _pillow("load_img")
    if isinstance(path, io.BytesIO):
        img = image.open(path)
    elif isinstance(path, (str, bytes, os.PathLike)):
        with open(path, "rb") as f:
            img = image.open(io.BytesIO(f.read()))
    else:
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    img = _in_mode(img, color_mode)
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    if interpolation not in PIL_INTERPOLATION_METHODS:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. Supported methods are "
            f"{', '.join(PIL_INTERPOLATION_METHODS)}"
        )
    method = getattr(image.Resampling, PIL_INTERPOLATION_METHODS[interpolation])
    size = (target_size[1], target_size[0])
    box = _centered_box(img.size, size) if keep_aspect_ratio else None
    return img.resize(size, method, box=box)


def _in_mode(img: Any, color_mode: str) -> Any:
    if color_mode == "grayscale":
        # Images of 16 and 32 bits keep their depth.
        return img if img.mode in ("L", "I;16", "I") else img.convert("L")
    if color_mode in ("rgb", "rgba"):
        mode = color_mode.upper()
        return img if img.mode == mode else img.convert(mode)
    raise ValueError('color_mode must be "grayscale", "rgb", or "rgba"')


def _centered_box(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest part in the middle that has the target's aspect ratio: left, top, right,
    bottom.
    """
    width, height = size
    crop_width = min(width, int(height * target[0] / target[1]))
    crop_height = min(height, int(width * target[1] / target[0]))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return left, top, left + crop_width, top + crop_height


def load_fitted(
    path: Any,
    color_mode: str,
    size: tuple[int, int],
    interpolation: str,
    crop: bool = False,
    pad: bool = False,
) -> Any:
    """A Pillow image of a file in a size: stretched, cut (`crop`) or with black bars (`pad`)."""
    if not pad:
        return load_img(path, color_mode, size, interpolation, keep_aspect_ratio=crop)
    image = _pillow("load_img")
    img = load_img(path, color_mode)
    width, height = img.size
    wide = max(width, int(height * size[1] / size[0]))
    high = max(height, int(width * size[0] / size[1]))
    canvas = image.new(img.mode, (wide, high))
    canvas.paste(img, ((wide - width) // 2, (high - height) // 2))
    method = getattr(image.Resampling, PIL_INTERPOLATION_METHODS[interpolation])
    return canvas.resize((size[1], size[0]), method)


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str | None = "channels_last",
    backend_module: Any = None,
) -> Any:
    """Resizes images without distortion: cuts them to the target's aspect ratio first.

    Args:
        x: Array or tensor `(height, width, channels)`, with or without a batch axis before.
        size: Height and width of the result.
        interpolation: "nearest" or "bilinear".
        data_format: Layout of the images.
        backend_module: Kept for Keras's signature.

    Returns:
        NumPy array if `x` is one, else a tensor.

    Raises:
        ValueError: If `size` is no pair or the rank is wrong.
    """
    import numpy as np

    from addax import ops

    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    img = ops.convert_to_tensor(x)
    if len(img.shape) not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, "
            "height, width, channels)`, but got input with incorrect rank, of shape "
            f"{tuple(img.shape)}."
        )
    data_format = config.standardize_data_format(data_format)
    rows = len(img.shape) - (3 if data_format == "channels_last" else 2)
    height, width = img.shape[rows], img.shape[rows + 1]
    left, top, right, bottom = _centered_box((width, height), (size[1], size[0]))
    window: list[Any] = [slice(None)] * len(img.shape)
    window[rows], window[rows + 1] = slice(top, bottom), slice(left, right)
    resized = ops.image.resize(
        img[tuple(window)], tuple(size), interpolation=interpolation, data_format=data_format
    )
    return resized.numpy() if isinstance(x, np.ndarray) else resized
