"""What the ImageNet models share: their files in Keras's cache folder, their input's shape, the
scaling of images and the names of the classes.
"""

from __future__ import annotations

import json
import os
from typing import Any

from addax.backend.config import image_data_format

CLASSES = 1000
CLASS_INDEX_FILE = "imagenet_class_index.json"

# Mean and standard deviation of ImageNet's training images by channel, red first. The Caffe means
# are those of the VGG authors' release, in 0...255; the Torch ones are torchvision's, in 0...1.
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_DEVIATION = (0.229, 0.224, 0.225)

_class_index: tuple[str, list[tuple[str, str]]] | None = None


def cached_file(name: str, what: str, remedy: str) -> str:
    """Path of a file in the folder `models` of Keras's cache (`$KERAS_HOME`, else `~/.keras`).

    Nothing is downloaded.

    Args:
        name: The file's name.
        what: What it holds, for the message.
        remedy: What to do without it, for the message.

    Raises:
        FileNotFoundError: If it is not there; the message names the path.
    """
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    path = os.path.join(os.path.expanduser(home), "models", name)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{what} not found: '{path}' is missing. Copy the file '{name}' there (set the "
            f"environment variable `KERAS_HOME` to use another folder than `~/.keras`){remedy}."
        )
    return path


def check_weights(weights: Any, include_top: bool, classes: int) -> str | None:
    """What a model's `weights` asks for: `None`, "imagenet" or a path.

    Raises:
        ValueError: If it is neither, or the ImageNet weights have another number of classes.
    """
    if weights is not None and weights != "imagenet":
        is_path = isinstance(weights, (str, os.PathLike)) and os.path.exists(weights)
        if not is_path:
            raise ValueError(
                "The `weights` argument should be either `None` (random initialization), "
                "'imagenet' (pre-training on ImageNet), or the path to the weights file to be "
                f"loaded. Received: weights={weights}"
            )
        return os.fspath(weights)
    if weights == "imagenet" and include_top and classes != CLASSES:
        raise ValueError(
            'If using `weights="imagenet"` with `include_top=True`, `classes` should be '
            f"{CLASSES}. Received: classes={classes}"
        )
    return weights


def check_classifier_activation(activation: Any, weights: str | None) -> None:
    """Refuses an activation that the ImageNet weights were not trained for.

    Raises:
        ValueError: If it is neither `None` nor softmax.
    """
    from addax import activations

    allowed = {activations.get("softmax"), activations.get(None)}
    if weights == "imagenet" and activations.get(activation) not in allowed:
        raise ValueError(
            "Only `None` and `softmax` activations are allowed for the `classifier_activation` "
            "argument when using pretrained weights, with `include_top=True`; Received: "
            f"classifier_activation={activation}"
        )


def obtain_input_shape(
    input_shape: Any,
    default_size: int,
    min_size: int,
    data_format: str,
    require_flatten: bool,
    weights: str | None = None,
) -> tuple[int | None, ...]:
    """Shape of one image for a model, checked or filled in.

    Args:
        input_shape: The user's, or `None`.
        default_size: Height and width that the model was published with.
        min_size: Smallest height and width.
        data_format: "channels_last" or "channels_first".
        require_flatten: Whether the model has its classifier and thus a definite size.
        weights: The model's `weights`.

    Raises:
        ValueError: If `input_shape` has not rank 3, is too small or unknown, or does not go with
            the ImageNet weights.
    """
    last = data_format == "channels_last"

    def image(size: int | None, channels: int) -> tuple[int | None, ...]:
        return (size, size, channels) if last else (channels, size, size)

    pretrained = weights == "imagenet"
    if input_shape is None:
        return image(default_size if require_flatten else None, 3)
    shape = tuple(input_shape)
    if len(shape) != 3:
        raise ValueError(
            f"`input_shape` must be a tuple of three integers. Received: input_shape={input_shape}"
        )
    if pretrained and require_flatten and shape != image(default_size, 3):
        raise ValueError(
            "When setting `include_top=True` and loading `imagenet` weights, `input_shape` should "
            f"be {image(default_size, 3)}. Received: input_shape={input_shape}"
        )
    channels = shape[-1] if last else shape[0]
    if pretrained and channels != 3:
        raise ValueError(
            "The input must have 3 channels when loading `imagenet` weights. Received: "
            f"input_shape={input_shape}"
        )
    sides = shape[:2] if last else shape[1:]
    if any(side is not None and side < min_size for side in sides):
        raise ValueError(
            f"Input size must be at least {min_size}x{min_size}. Received: "
            f"input_shape={input_shape}"
        )
    if require_flatten and None in shape:
        raise ValueError(
            "If `include_top` is True, you should specify a static `input_shape`. Received: "
            f"input_shape={input_shape}"
        )
    return shape


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Scales images of 0...255 to what a model was trained on.

    Args:
        x: Images, RGB, rank 3 or 4: an array or a tensor. It is left as it is.
        data_format: "channels_last" or "channels_first"; `None` for the default.
        mode: "tf" scales to -1...1; "caffe" turns RGB into BGR and subtracts the mean of ImageNet;
            "torch" scales to 0...1, then to mean 0 and deviation 1 on ImageNet.

    Returns:
        Array (of an array) or tensor, floating point.

    Raises:
        ValueError: If `mode` or `data_format` is unknown, or `x` has another rank.
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(
            f"Expected mode to be one of `caffe`, `tf` or `torch`. Received: mode={mode}"
        )
    data_format = image_data_format() if data_format is None else data_format
    if data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            "Expected data_format to be one of `channels_first` or `channels_last`. Received: "
            f"data_format={data_format}"
        )
    x = _as_float(x)
    rank = len(x.shape)
    if rank not in (3, 4):
        raise ValueError(f"Expected images of rank 3 or 4. Received: shape={tuple(x.shape)}")
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = rank - 1 if data_format == "channels_last" else rank - 3
    if mode == "torch":
        return (x / 255.0 - _by_channel(_TORCH_MEAN, x, axis)) / _by_channel(
            _TORCH_DEVIATION, x, axis
        )
    backwards = (slice(None),) * axis + (slice(None, None, -1),)
    return x[backwards] - _by_channel(_CAFFE_MEAN[::-1], x, axis)


def _as_float(x: Any) -> Any:
    from addax import ops
    from addax.backend import KerasTensor, floatx, is_tensor

    if isinstance(x, KerasTensor) or is_tensor(x):
        return x if "float" in x.dtype else ops.cast(x, floatx())
    import numpy as np

    x = np.asarray(x)
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(floatx())


def _by_channel(values: tuple[float, ...], x: Any, axis: int) -> Any:
    import numpy as np

    shape = [1] * len(x.shape)
    shape[axis] = len(values)
    return np.reshape(np.asarray(values, "float32"), shape)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Names of the likeliest classes.

    Reads `imagenet_class_index.json` in the folder `models` of Keras's cache.

    Args:
        preds: Probabilities of shape `(samples, 1000)`.
        top: How many classes to name for each sample.

    Returns:
        For each sample a list of `(class_name, class_description, score)`, the likeliest first.

    Raises:
        ValueError: If `preds` has another shape.
        FileNotFoundError: If the file is missing; the message names it.
    """
    import numpy as np

    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != CLASSES:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape "
            f"(samples, {CLASSES})). Received array with shape: {preds.shape}"
        )
    names = _class_names()
    order = np.argsort(-preds, axis=1, kind="stable")[:, :top]
    return [[(*names[i], sample[i]) for i in best] for sample, best in zip(preds, order)]


def _class_names() -> list[tuple[str, str]]:
    global _class_index
    path = cached_file(CLASS_INDEX_FILE, "The names of the ImageNet classes were", "")
    if _class_index is None or _class_index[0] != path:
        with open(path, encoding="utf-8") as f:
            table = json.load(f)
        try:
            names = [(str(table[str(i)][0]), str(table[str(i)][1])) for i in range(CLASSES)]
        except (KeyError, IndexError, TypeError) as e:
            raise ValueError(
                f"'{path}' is no class index: it must map '0' to '{CLASSES - 1}' to pairs of id "
                "and name."
            ) from e
        _class_index = (path, names)
    return _class_index[1]
