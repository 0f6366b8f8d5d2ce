"""Xception: Inception's branches taken to the extreme, one spatial filter for each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from addax import layers
from addax.applications import imagenet_utils
from addax.backend.config import image_data_format

if TYPE_CHECKING:
    from addax.models import Model

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

_WEIGHTS = "xception_weights_tf_dim_ordering_tf_kernels.h5"
_WEIGHTS_NO_TOP = "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"


def Xception(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "xception",
) -> Model:
    """The Xception classifier of images (Chollet, 2017, arXiv:1610.02357, figure 5).

    Layers have Keras's names, so that weight files made with Keras fit. 22,910,480 parameters with
    the classifier, 20,861,480 without. Images are scaled with `preprocess_input` before.

    Args:
        include_top: Whether to end in global pooling and the classifier.
        weights: "imagenet" for the published weights, `None` for fresh ones, or the path of a
            weights file. The published ones are read from the folder `models` of Keras's cache
            (`$KERAS_HOME`, else `~/.keras`); nothing is downloaded.
        input_tensor: Symbolic tensor to take as input.
        input_shape: Shape of one image, at least 71 × 71; `None` for `(299, 299, 3)`, without
            classifier `(None, None, 3)`.
        pooling: Without classifier: `None` for features of rank 4, "avg" or "max" for global
            pooling.
        classes: Number of classes of the classifier.
        classifier_activation: Activation of the classifier, `None` for logits.
        name: The model's name.

    Raises:
        ValueError: If `weights`, `input_shape`, `classes` or `classifier_activation` do not go
            together.
        FileNotFoundError: If the published weights are not in the cache folder; the message names
            the file.
    """
    from addax.models import Model
    from addax.utils import get_source_inputs

    weights = imagenet_utils.check_weights(weights, include_top, classes)
    if include_top:
        imagenet_utils.check_classifier_activation(classifier_activation, weights)
    if pooling not in (None, "avg", "max"):
        raise ValueError(
            f"The `pooling` argument should be `None`, 'avg' or 'max'. Received: pooling={pooling}"
        )
    if weights == "imagenet":  # Before the model is built: a missing file should be known at once.
        weights = imagenet_utils.cached_file(
            _WEIGHTS if include_top else _WEIGHTS_NO_TOP,
            "The ImageNet weights of Xception were",
            ", or use `weights=None` for fresh weights",
        )
        published = "imagenet"
    else:
        published = None
    input_shape = imagenet_utils.obtain_input_shape(
        input_shape, 299, 71, image_data_format(), include_top, published
    )
    images = _input(input_tensor, input_shape)
    x = _features(images)
    if include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dense(classes, activation=classifier_activation, name="predictions")(x)
    elif pooling == "avg":
        x = layers.GlobalAveragePooling2D()(x)
    elif pooling == "max":
        x = layers.GlobalMaxPooling2D()(x)
    inputs = images if input_tensor is None else get_source_inputs(images)
    model = Model(inputs, x, name=name)
    if weights is not None:
        model.load_weights(weights)
    return model


def _input(input_tensor: Any, input_shape: tuple[int | None, ...]) -> Any:
    from addax.backend import is_keras_tensor

    if input_tensor is None:
        return layers.Input(shape=input_shape)
    if not is_keras_tensor(input_tensor):
        return layers.Input(tensor=input_tensor, shape=input_shape)
    return input_tensor


def _features(images: Any) -> Any:
    """Entry flow (blocks 1 to 4), middle flow (5 to 12), exit flow (13 and 14)."""
    x = _conv(images, 32, "block1_conv1", strides=2)
    x = _conv(x, 64, "block1_conv2")
    x = _shrinking(x, (128, 128), "block2", starts_with_relu=False)
    x = _shrinking(x, (256, 256), "block3")
    x = _shrinking(x, (728, 728), "block4")
    for i in range(5, 13):
        y = x
        for j in (1, 2, 3):
            y = _separable(_relu(y, f"block{i}_sepconv{j}"), 728, f"block{i}_sepconv{j}")
        x = layers.add([y, x])
    x = _shrinking(x, (728, 1024), "block13")
    for name, filters in (("block14_sepconv1", 1536), ("block14_sepconv2", 2048)):
        x = _relu(_separable(x, filters, name), name)
    return x


def _shrinking(x: Any, filters: tuple[int, int], name: str, starts_with_relu: bool = True) -> Any:
    """Two separable convolutions and a pooling with stride 2, beside a strided 1×1 convolution."""
    shortcut = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    shortcut = _normalize(shortcut)
    if starts_with_relu:
        x = _relu(x, f"{name}_sepconv1")
    x = _separable(x, filters[0], f"{name}_sepconv1")
    x = _separable(_relu(x, f"{name}_sepconv2"), filters[1], f"{name}_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.add([x, shortcut])


def _conv(x: Any, filters: int, name: str, strides: int = 1) -> Any:
    x = layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x)
    return _relu(_normalize(x, f"{name}_bn"), name)


def _separable(x: Any, filters: int, name: str) -> Any:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return _normalize(x, f"{name}_bn")


def _normalize(x: Any, name: str | None = None) -> Any:
    axis = -1 if image_data_format() == "channels_last" else 1
    return layers.BatchNormalization(axis=axis, name=name)(x)


def _relu(x: Any, name: str) -> Any:
    return layers.Activation("relu", name=f"{name}_act")(x)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Scales images from 0...255 to -1...1.

    Args:
        x: Images of shape `(batch, height, width, 3)` or one of rank 3; it is left as it is.
        data_format: "channels_last" or "channels_first"; makes no difference here.
    """
    return imagenet_utils.preprocess_input(x, data_format=data_format, mode="tf")


decode_predictions = imagenet_utils.decode_predictions
