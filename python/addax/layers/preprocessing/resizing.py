"""Images of another size."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.layers.arguments import standardize_data_format, strictly_positive
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer

_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


class Resizing(Layer):
    """Resizes images to `(height, width)`.

    Args:
        height, width: Size of the outputs.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: Whether a centred part of the wanted aspect ratio is resized, so
            that nothing is distorted.
        pad_to_aspect_ratio: Whether the images are padded to the wanted aspect ratio instead.
        fill_mode: "constant", the only way of padding.
        fill_value: What is padded with.
        antialias: Whether the filter is widened where images shrink (not for "nearest").
        data_format: "channels_last" (default) or "channels_first".

    Call arguments:
        inputs: Image `(rows, columns, channels)` or images `(batch, rows, columns, channels)`.

    Returns:
        Tensor of the inputs' dtype (integers are rounded), with rows and columns replaced.

    Raises:
        ValueError: If an argument is none of the above, or when the inputs' sizes are not known,
            which all but "nearest" and "bilinear" without options need.
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        height, width = strictly_positive(height, "height"), strictly_positive(width, "width")
        if interpolation not in _INTERPOLATIONS:
            raise ValueError(
                f"Invalid value for argument `interpolation`. Expected of one {_INTERPOLATIONS}. "
                f"Received: interpolation={interpolation}"
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
            )
        if fill_mode != "constant":
            raise ValueError(
                "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
                f"Received: fill_mode={fill_mode}"
            )
        super().__init__(**kwargs)
        self.height = height
        self.width = width
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=3, max_ndim=4)
        self._build_at_init()

    def call(self, inputs):
        return ops.image.resize(
            inputs,
            (self.height, self.width),
            interpolation=self.interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape):
        return image_shape(input_shape, self.height, self.width, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
            "data_format": self.data_format,
        }


def first_image_axis(data_format: str) -> int:
    """The axis of the rows, counted from the end; the columns' is the next."""
    return -3 if data_format == "channels_last" else -2


def image_shape(shape, height: int, width: int, data_format: str) -> tuple[int | None, ...]:
    """The shape of images, or of one, with other rows and columns."""
    if len(shape) not in (3, 4):
        raise ValueError(
            "`input_shape` must have size 3 (unbatched) or 4 (batched). "
            f"Received: input_shape={tuple(shape)}"
        )
    rows = len(shape) + first_image_axis(data_format)
    return (*shape[:rows], height, width, *shape[rows + 2 :])
