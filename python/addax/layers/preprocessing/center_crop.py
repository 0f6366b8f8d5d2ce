"""The middle of images."""

from __future__ import annotations

from typing import Any

from addax import ops
from addax.backend.tensor import Dim
from addax.layers.arguments import standardize_data_format, strictly_positive
from addax.layers.input_spec import InputSpec
from addax.layers.layer import Layer
from addax.layers.preprocessing.resizing import first_image_axis, image_shape


class CenterCrop(Layer):
    """Cuts the middle `height` rows and `width` columns out of images.

    Of an image that is too small, the largest part of the wanted aspect ratio is enlarged
    instead. Images of sizes that are not known beforehand must be large enough.

    Args:
        height, width: Size of the outputs.
        data_format: "channels_last" (default) or "channels_first".

    Call arguments:
        inputs: Image `(rows, columns, channels)` or images `(batch, rows, columns, channels)`.

    Returns:
        Tensor of the compute dtype, with rows and columns replaced.

    Raises:
        ValueError: If a size is no positive integer, or the inputs are no images.
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        height, width = strictly_positive(height, "height"), strictly_positive(width, "width")
        super().__init__(**kwargs)
        self.height = height
        self.width = width
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=3, max_ndim=4)
        self._build_at_init()

    def call(self, inputs):
        x = ops.cast(inputs, self.compute_dtype)
        first = len(x.shape) + first_image_axis(self.data_format)
        window = [slice(None)] * len(x.shape)
        wanted = (self.height, self.width)
        for axis, size in enumerate(wanted, first):
            spare = ops.shape(x)[axis] - size
            if not isinstance(spare, Dim) and spare < 0:
                return ops.image.resize(
                    x, wanted, crop_to_aspect_ratio=True, data_format=self.data_format
                )
            window[axis] = slice(spare // 2, spare // 2 + size)
        return x[tuple(window)]

    def compute_output_shape(self, input_shape):
        return image_shape(input_shape, self.height, self.width, self.data_format)

    def get_config(self) -> dict[str, Any]:
        options = {"height": self.height, "width": self.width, "data_format": self.data_format}
        return {**super().get_config(), **options}
