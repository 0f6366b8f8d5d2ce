"""Images `(batch, height, width, channels)` or `(height, width, channels)`: resize, crop, pad,
colours, patches, filters."""

from __future__ import annotations

from typing import Any

from addax.backend.config import standardize_data_format
from addax.backend.tensor import Dim, cast, convert_to_tensor, from_array, scalar
from addax.ops.door import as_dims, core, float_tensor, is_float, op
from addax.ops.shaping import expand_dims, squeeze, stack, transpose
from addax.ops.shaping import pad as _pad

__all__ = [
    "affine_transform",
    "crop_images",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "sobel_edges",
]

_METHODS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


def _as_batch(images: Any, data_format: str | None, what: str = "images") -> tuple[Any, Any]:
    """Channels-last images with a batch axis, and the function that undoes the change."""
    x = convert_to_tensor(images)
    first = standardize_data_format(data_format) == "channels_first"
    if x.ndim not in (3, 4):
        raise ValueError(
            f"Invalid {what} rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: {what}.shape={x.shape}"
        )
    single = x.ndim == 3
    if single:
        x = expand_dims(x, 0)
    if first:
        x = transpose(x, (0, 2, 3, 1))

    def undo(y: Any) -> Any:
        if first:
            y = transpose(y, (0, 3, 1, 2))
        return squeeze(y, 0) if single else y

    return x, undo


# Resizing


@op(name="image.resize")
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images of another size; the pixels are squares with their centres at halves, as in TF 2.

    Args:
        images: One image or a batch.
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        antialias: Whether to widen the filter when shrinking (not for "nearest").
        crop_to_aspect_ratio: Whether to cut a centred part of the wanted aspect ratio first.
        pad_to_aspect_ratio: Whether to pad to the wanted aspect ratio first.
        fill_mode: "constant", the only way of padding.
        fill_value: What to pad with.
        data_format: "channels_last" or "channels_first"; the configured one if `None`.

    Returns:
        Images of the same dtype (integers are rounded), as Keras's.
    """
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size}")
    height, width = as_dims(size)
    if any(isinstance(s, int) and s <= 0 for s in (height, width)):
        raise ValueError(f"`size` must have positive height and width. Received: size={size}")
    method = str(interpolation).lower()
    if method not in _METHODS:
        raise ValueError(
            f"Invalid value for argument `interpolation`. Expected of one {_METHODS}. Received: "
            f"interpolation={interpolation}"
        )
    if fill_mode != "constant":
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: "
            f"fill_mode={fill_mode}"
        )
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
        )
    x, undo = _as_batch(images, data_format)
    dtype = x.dtype
    if crop_to_aspect_ratio:
        x = _crop_to_ratio(x, height, width)
    elif pad_to_aspect_ratio:
        x = _pad_to_ratio(x, height, width, fill_value)
    if method == "nearest":
        # float64 holds every int32; the core resizes floats.
        x = x if dtype in ("float32", "float64") else cast(x, "float64")
        return undo(cast(core("resize")(x, size=[height, width], method="nearest"), dtype))
    x = float_tensor(x)
    sizes = x.dims[1:3]
    known = not any(isinstance(s, Dim) for s in (*sizes, height, width))
    shrinks = not known or any(n < d for d, n in zip(sizes, (height, width)))
    if method == "bilinear" and not (antialias and shrinks):
        y = core("resize")(x, size=[height, width], method="bilinear")
    else:
        if not known:
            raise ValueError(
                f"Resizing with interpolation '{method}' needs known sizes. Received: "
                f"images.shape={x.shape}, size={size}"
            )
        y = _resize_by_weights(x, (height, width), method, antialias)
    if dtype not in ("float16", "bfloat16", "float32", "float64"):
        y = core("round")(y)
        if dtype == "uint8":
            y = core("minimum")(core("maximum")(y, scalar(0.0, y.dtype)), scalar(255.0, y.dtype))
    return undo(cast(y, dtype))


def _known(x: Any) -> tuple[int, int]:
    height, width = x.dims[1], x.dims[2]
    if isinstance(height, Dim) or isinstance(width, Dim):
        raise ValueError(f"The height and width must be known. Received: images.shape={x.shape}")
    return height, width


def _crop_to_ratio(x: Any, height: int, width: int) -> Any:
    rows, columns = _known(x)
    crop_rows = max(1, min(rows, int(float(columns * height) / width)))
    crop_columns = max(1, min(columns, int(float(rows * width) / height)))
    top, left = int((rows - crop_rows) / 2), int((columns - crop_columns) / 2)
    return x[:, top : top + crop_rows, left : left + crop_columns, :]


def _pad_to_ratio(x: Any, height: int, width: int, fill_value: float) -> Any:
    # As in Keras the margins of two sides are equal: where an odd number of pixels is missing, one
    # is not padded.
    rows, columns = _known(x)
    top = max(0, int(float(columns * height) / width) - rows) // 2
    left = max(0, int(float(rows * width) / height) - columns) // 2
    widths = ((0, 0), (top, top), (left, left), (0, 0))
    return _pad(x, widths, constant_values=fill_value)


def _resize_by_weights(x: Any, size: tuple[int, int], method: str, antialias: bool) -> Any:
    """Rows, then columns, as products with matrices of weights."""
    rows, columns = _known(x)
    weights = [
        from_array(_weights(old, new, method, antialias), x.dtype)
        for old, new in zip((rows, columns), size)
    ]
    from addax.ops.products import einsum

    x = einsum("pr,brwc->bpwc", weights[0], x)
    return einsum("qw,bpwc->bpqc", weights[1], x)


def _weights(old: int, new: int, method: str, antialias: bool) -> Any:
    """`new` × `old` weights: the kernel around each new pixel's centre, scaled to sum 1."""
    import numpy as np

    scale = old / new
    widen = max(scale, 1.0) if antialias else 1.0
    centres = (np.arange(new) + 0.5) * scale - 0.5
    distance = np.abs(centres[:, None] - np.arange(old)[None, :]) / widen
    kernel = _kernel(distance, method)
    total = kernel.sum(axis=1, keepdims=True)
    return np.where(np.abs(total) > 1e-8, kernel / np.where(total == 0, 1, total), 0.0)


def _kernel(d: Any, method: str) -> Any:
    import numpy as np

    if method == "bilinear":
        return np.maximum(0.0, 1.0 - d)
    if method == "bicubic":  # R. Keys, 1981, with a = -0.5
        near = (1.5 * d - 2.5) * d * d + 1.0
        far = ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0
        return np.where(d < 1, near, np.where(d < 2, far, 0.0))
    radius = 3.0 if method == "lanczos3" else 5.0
    return np.where(d < radius, np.sinc(d) * np.sinc(d / radius), 0.0)


# Cropping and padding


@op(name="image.crop_images")
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """A part of each image; of (top, bottom, target height) two are given, likewise of (left,
    right, target width)."""
    x, undo = _as_batch(images, data_format)
    top, rows = _margins(
        x.dims[1], top_cropping, bottom_cropping, target_height, "height", "top", "bottom"
    )
    left, columns = _margins(
        x.dims[2], left_cropping, right_cropping, target_width, "width", "left", "right"
    )
    return undo(x[:, top : top + rows, left : left + columns, :])


def _margins(
    size: Any, before: Any, after: Any, target: Any, axis: str, first: str, last: str
) -> tuple[Any, Any]:
    """(margin before, size that is left)."""
    if [before, after, target].count(None) != 1:
        raise ValueError(
            f"Must specify exactly two of {first}_cropping, {last}_cropping, target_{axis}. "
            f"Received: {first}_cropping={before}, {last}_cropping={after}, target_{axis}={target}"
        )
    if before is None:
        before = size - after - target
    if target is None:
        target = size - before - after
    rest = size - before - target
    for name, value in ((f"{first}_cropping", before), (f"{last}_cropping", rest)):
        if isinstance(value, int) and value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")
    if isinstance(target, int) and target <= 0:
        raise ValueError(f"target_{axis} must be > 0. Received: target_{axis}={target}")
    return before, target


@op(name="image.pad_images")
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Zeros around each image; of (top, bottom, target height) two are given, likewise of
    (left, right, target width)."""
    x, undo = _as_batch(images, data_format)
    rows = _paddings(
        x.dims[1], top_padding, bottom_padding, target_height, "height", "top", "bottom"
    )
    columns = _paddings(
        x.dims[2], left_padding, right_padding, target_width, "width", "left", "right"
    )
    return undo(_pad(x, ((0, 0), rows, columns, (0, 0))))


def _paddings(
    size: Any, before: Any, after: Any, target: Any, axis: str, first: str, last: str
) -> tuple[Any, Any]:
    if [before, after, target].count(None) != 1:
        raise ValueError(
            f"Must specify exactly two of {first}_padding, {last}_padding, target_{axis}. "
            f"Received: {first}_padding={before}, {last}_padding={after}, target_{axis}={target}"
        )
    if before is None:
        before = target - after - size
    if after is None:
        after = target - before - size
    for name, value in ((f"{first}_padding", before), (f"{last}_padding", after)):
        if isinstance(value, int) and value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")
    return before, after


# Colours


def _channels(images: Any, data_format: str | None, name: str) -> tuple[Any, int]:
    x = convert_to_tensor(images)
    if x.ndim not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: images.shape={x.shape}"
        )
    axis = x.ndim - 3 if standardize_data_format(data_format) == "channels_first" else x.ndim - 1
    if x.shape[axis] not in (3, None):
        raise ValueError(f"`image.{name}` needs 3 channels. Received: images.shape={x.shape}")
    if name != "rgb_to_grayscale" and not is_float(x):
        raise ValueError(
            f"Invalid images dtype: expected float dtype. Received: images.dtype={x.dtype}"
        )
    return x, axis


@op(name="image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """One channel of luma: 0.2989 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    from addax.ops.shaping import reshape

    x, axis = _channels(images, data_format, "rgb_to_grayscale")
    dtype = x.dtype
    weights = convert_to_tensor([0.2989, 0.587, 0.114])
    x = float_tensor(x)
    shape = [3 if i == axis else 1 for i in range(x.ndim)]
    gray = core("sum")(x * cast(reshape(weights, shape), x.dtype), axes=[axis], keepdims=True)
    return cast(gray, dtype)


@op(name="image.rgb_to_hsv")
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Red, green, blue in [0, 1] as hue, saturation, value in [0, 1]."""
    from addax.ops.elementwise import divide_no_nan, maximum, minimum, where
    from addax.ops.shaping import unstack

    x, axis = _channels(images, data_format, "rgb_to_hsv")
    red, green, blue = unstack(x, 3, axis)
    value = maximum(maximum(red, green), blue)
    spread = value - minimum(minimum(red, green), blue)
    saturation = divide_no_nan(spread, value)
    sixth = divide_no_nan(spread * 0.0 + 1.0 / 6.0, spread)
    hue = where(
        value == red,
        sixth * (green - blue),
        where(value == green, sixth * (blue - red) + 1.0 / 3.0, sixth * (red - green) + 2.0 / 3.0),
    )
    hue = where(spread > 0, hue, spread * 0.0)
    hue = where(hue < 0.0, hue + 1.0, hue)
    return stack([hue, saturation, value], axis)


@op(name="image.hsv_to_rgb")
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation, value in [0, 1] as red, green, blue in [0, 1]."""
    from addax.ops.elementwise import absolute, clip
    from addax.ops.shaping import unstack

    x, axis = _channels(images, data_format, "hsv_to_rgb")
    hue, saturation, value = unstack(x, 3, axis)
    six = hue * 6.0
    shades = (
        clip(absolute(six - 3.0) - 1.0, 0.0, 1.0),
        clip(2.0 - absolute(six - 2.0), 0.0, 1.0),
        clip(2.0 - absolute(six - 4.0), 0.0, 1.0),
    )
    rest = 1.0 - saturation
    return stack([(rest + saturation * shade) * value for shade in shades], axis)


# Patches


@op(name="image.extract_patches")
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Windows of images: `(batch, rows, columns, height * width * channels)`.

    Args:
        images: One image or a batch.
        size: Window, a number or (height, width).
        strides: Step of the window, its size if `None`.
        dilation_rate: Distance of the pixels taken.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one if `None`.
    """
    from addax.ops.convolution import standardize_padding, standardize_tuple

    x, undo = _as_batch(images, data_format)
    window = standardize_tuple(size, 2, "size")
    step = window if strides is None else standardize_tuple(strides, 2, "strides")
    dilation = standardize_tuple(dilation_rate, 2, "dilation_rate")
    return undo(_patches(x, window, step, dilation, standardize_padding(padding)))


@op(name="image.extract_patches_3d")
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Windows of volumes: `(batch, …, depth * height * width * channels)`; arguments as of
    `extract_patches`."""
    from addax.ops.convolution import standardize_padding, standardize_tuple

    x = convert_to_tensor(volumes)
    single = x.ndim == 4
    if x.ndim not in (4, 5):
        raise ValueError(f"Volumes must have rank 4 or 5. Received: volumes.shape={x.shape}")
    if single:
        x = expand_dims(x, 0)
    first = standardize_data_format(data_format) == "channels_first"
    if first:
        x = transpose(x, (0, 2, 3, 4, 1))
    window = standardize_tuple(size, 3, "size")
    step = window if strides is None else standardize_tuple(strides, 3, "strides")
    dilation = standardize_tuple(dilation_rate, 3, "dilation_rate")
    y = _patches(x, window, step, dilation, standardize_padding(padding))
    if first:
        y = transpose(y, (0, 4, 1, 2, 3))
    return squeeze(y, 0) if single else y


def _patches(x: Any, window: tuple, step: tuple, dilation: tuple, padding: str) -> Any:
    """One strided slice for each place in the window, joined along the channels."""
    import itertools

    from addax.ops.shaping import concatenate

    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation)]
    sizes = x.dims[1:-1]
    if padding == "same":
        widths: list = [(0, 0)]
        counts = []
        for length, r, s in zip(sizes, reach, step):
            if isinstance(length, Dim):
                raise ValueError(f"Padding 'same' needs known sizes. Received: shape={x.shape}")
            count = -(-length // s)
            total = max((count - 1) * s + r - length, 0)
            widths.append((total // 2, total - total // 2))
            counts.append(count)
        x = _pad(x, (*widths, (0, 0)))
    else:
        counts = [(length - r) // s + 1 for length, r, s in zip(sizes, reach, step)]
    pieces = []
    for place in itertools.product(*(range(k) for k in window)):
        key: list = [slice(None)]
        for i, d, s, count in zip(place, dilation, step, counts):
            key.append(slice(i * d, i * d + (count - 1) * s + 1, s))
        pieces.append(x[tuple(key)])
    return concatenate(pieces, -1)


# Filters and warps


@op(name="image.gaussian_blur")
def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Any:
    """Images convolved with a Gaussian, zero-padded."""
    import numpy as np

    from addax.ops.convolution import depthwise_conv, standardize_tuple

    x, undo = _as_batch(images, data_format)
    dtype = x.dtype
    x = float_tensor(x)
    size = standardize_tuple(kernel_size, 2, "kernel_size")
    sigmas = (sigma, sigma) if isinstance(sigma, (int, float)) else tuple(sigma)

    def bell(n: int, s: float) -> Any:
        values = np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / s) ** 2)
        return values / values.sum()

    kernel = np.outer(bell(size[0], float(sigmas[0])), bell(size[1], float(sigmas[1])))
    filters = np.repeat(kernel[:, :, None, None], x.shape[-1], axis=2)
    y = depthwise_conv(x, from_array(filters, x.dtype), 1, "same", "channels_last")
    return undo(cast(y, dtype))


@op(name="image.sobel_edges")
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """Vertical and horizontal differences by Sobel's kernels, on a new last axis of length 2;
    borders are reflected."""
    import numpy as np

    from addax.ops.convolution import depthwise_conv

    first = standardize_data_format(data_format) == "channels_first"
    x, _ = _as_batch(images, data_format)
    single = convert_to_tensor(images).ndim == 3
    x = float_tensor(x)
    down = np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])
    padded = _pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    edges = []
    for kernel in (down, down.T):
        filters = np.repeat(kernel[:, :, None, None], x.shape[-1], axis=2)
        y = depthwise_conv(padded, from_array(filters, x.dtype), 1, "valid", "channels_last")
        edges.append(transpose(y, (0, 3, 1, 2)) if first else y)
    result = stack(edges, -1)
    return squeeze(result, 0) if single else result


_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


@op(name="image.map_coordinates")
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0.0
) -> Any:
    """Values of an array at fractional places.

    Args:
        inputs: Array of rank n.
        coordinates: `(n, …)`, a place along each axis.
        order: 0 for the nearest element, 1 for linear interpolation.
        fill_mode: Beyond the ends: "constant", "nearest", "wrap", "mirror" or "reflect", as in
            SciPy's `ndimage`.
        fill_value: The constant.

    Raises:
        ValueError: If the order, the mode or the ranks do not suit.
    """
    import itertools

    from addax.ops.elementwise import logical_and, where
    from addax.ops.shaping import ravel, unstack

    x = convert_to_tensor(inputs)
    dtype = x.dtype
    places = float_tensor(coordinates)
    if places.shape[0] != x.ndim:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. "
            f"Received inputs with shape: {x.shape} and coordinate leading dim of {places.shape[0]}"
        )
    if order not in (0, 1):
        raise ValueError(
            f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}"
        )
    if fill_mode not in _FILL_MODES:
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Expected one of {set(_FILL_MODES)}. "
            f"Received: fill_mode={fill_mode}"
        )
    values = float_tensor(x)
    flat = ravel(values)
    corners: list[list[tuple]] = []  # per axis: (index, weight, inside)
    for place, size in zip(unstack(places, x.ndim, 0), x.dims):
        if order == 0:
            options = [(core("round")(place), None)]
        else:
            low = core("floor")(place)
            share = place - low
            options = [(low, 1.0 - share), (low + 1.0, share)]
        corners.append([(*_settled(i, size, fill_mode), w) for i, w in options])
    total: Any = None
    for corner in itertools.product(*corners):
        index: Any = None
        inside: Any = None
        weight: Any = None
        for (position, valid, share), size in zip(corner, x.dims):
            index = position if index is None else index * size + position
            inside = valid if inside is None or valid is None else logical_and(inside, valid)
            weight = share if weight is None or share is None else weight * share
        found = core("gather")(flat, index, axis=0)
        if inside is not None:
            found = where(inside, found, scalar(fill_value, found.dtype))
        found = found if weight is None else found * cast(weight, found.dtype)
        total = found if total is None else total + found
    if dtype not in ("float16", "bfloat16", "float32", "float64"):
        total = core("round")(total)
    return cast(total, dtype)


def _settled(place: Any, size: int, mode: str) -> tuple[Any, Any]:
    """Whole places as indices in range, and for "constant" whether they were in range."""
    from addax.ops.elementwise import absolute, clip, logical_and

    index = cast(place, "int32")
    if mode == "constant":
        valid = logical_and(index >= 0, index < size)
        return clip(index, 0, size - 1), valid
    if mode == "wrap":
        return core("mod")(index, scalar(size, "int32")), None
    if mode == "mirror" and size > 1:
        period = 2 * (size - 1)
        turned = core("mod")(index, scalar(period, "int32"))
        return (size - 1) - absolute(turned - (size - 1)), None
    if mode == "reflect":
        turned = core("mod")(index, scalar(2 * size, "int32"))
        return core("minimum")(turned, (2 * size - 1) - turned), None
    return clip(index, 0, size - 1), None


@op(name="image.affine_transform")
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images moved, turned, scaled or sheared.

    Args:
        images: One image or a batch.
        transform: `(8,)` or `(batch, 8)`: `(a0, a1, a2, b0, b1, b2, c0, c1)` takes the output's
            pixel (x, y) from `((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)` with `k = c0 x + c1
            y + 1`.
        interpolation: "bilinear" or "nearest".
        fill_mode: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: The constant.
        data_format: "channels_last" or "channels_first"; the configured one if `None`.
    """
    from addax.ops.creation import arange
    from addax.ops.elementwise import where
    from addax.ops.shaping import broadcast_to, reshape

    if interpolation not in ("bilinear", "nearest"):
        raise ValueError(
            f"Invalid value for argument `interpolation`. Expected of one ('nearest', "
            f"'bilinear'). Received: interpolation={interpolation}"
        )
    if fill_mode not in _FILL_MODES:
        raise ValueError(
            f"Invalid value for argument `fill_mode`. Expected of one {_FILL_MODES}. Received: "
            f"fill_mode={fill_mode}"
        )
    x, undo = _as_batch(images, data_format)
    dtype = x.dtype
    x = float_tensor(x)
    rows, columns = _known(x)
    batch, channels = x.dims[0], x.dims[3]
    table = cast(convert_to_tensor(transform), x.dtype)
    if table.ndim == 1:
        table = broadcast_to(expand_dims(table, 0), [batch, 8])
    a0, a1, a2, b0, b1, b2, c0, c1 = (reshape(table[:, i], [batch, 1, 1]) for i in range(8))
    across = reshape(arange(columns, dtype=x.dtype), [1, 1, columns])
    down = reshape(arange(rows, dtype=x.dtype), [1, rows, 1])
    k = c0 * across + c1 * down + 1.0
    xs = (a0 * across + a1 * down + a2) / k
    ys = (b0 * across + b1 * down + b2) / k

    flat = reshape(x, [batch, rows * columns, channels])

    def pixel(i: Any, j: Any) -> Any:
        i, valid_i = _settled(i, rows, fill_mode)
        j, valid_j = _settled(j, columns, fill_mode)
        index = reshape(i * columns + j, [batch, rows * columns, 1])
        index = broadcast_to(index, [batch, rows * columns, channels])
        found = reshape(core("take_along_axis")(flat, index, axis=1), x.dims)
        if valid_i is None:
            return found
        inside = expand_dims(core("logical_and")(valid_i, valid_j), -1)
        return where(inside, found, scalar(fill_value, found.dtype))

    if interpolation == "nearest":
        result = pixel(core("round")(ys), core("round")(xs))
    else:
        top, left = core("floor")(ys), core("floor")(xs)
        v, u = expand_dims(ys - top, -1), expand_dims(xs - left, -1)
        upper = pixel(top, left) * (1.0 - u) + pixel(top, left + 1.0) * u
        lower = pixel(top + 1.0, left) * (1.0 - u) + pixel(top + 1.0, left + 1.0) * u
        result = upper * (1.0 - v) + lower * v
    return undo(cast(result, dtype))
