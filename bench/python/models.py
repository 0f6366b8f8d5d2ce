"""The networks of the workloads, in ordinary Keras code.

Each function takes the module that stands for Keras. Classifiers end in logits, so that every
library computes the same numerically safe loss.
"""

from __future__ import annotations

from typing import Any


def mlp(keras: Any, *units: int) -> Any:
    """Dense layers of `units`, the first of which is the number of inputs."""
    dense = keras.layers.Dense
    hidden = [dense(n, activation="relu") for n in units[1:-1]]
    return keras.Sequential([keras.Input(units[:1]), *hidden, dense(units[-1])])


def mnist_cnn(keras: Any) -> Any:
    """The convnet of Keras's first example."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )


def guide_cnn(keras: Any) -> Any:
    """The stack of Keras's guide to the Sequential model."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((250, 250, 3)),
            layers.Conv2D(32, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(3),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(3),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10),
        ]
    )


def autoencoder(keras: Any) -> Any:
    """The convolutional autoencoder of Keras's examples."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2D(32, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(2, padding="same"),
            layers.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same"),
            layers.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same"),
            layers.Conv2D(1, 3, activation="sigmoid", padding="same"),
        ]
    )


def recurrent(keras: Any, kind: str) -> Any:
    """`kind` is "LSTM" or "GRU": 128 units over 100 steps of 64 features."""
    layers = keras.layers
    layer = getattr(layers, kind)
    return keras.Sequential([keras.Input((100, 64)), layer(128), layers.Dense(10)])


def transformer(keras: Any) -> Any:
    """A pre-norm transformer block: 128 tokens, width 256, 8 heads, MLP of 1024."""
    layers = keras.layers
    inputs = keras.Input((128, 256))
    x = layers.LayerNormalization(epsilon=1e-6)(inputs)
    x = layers.MultiHeadAttention(num_heads=8, key_dim=32)(x, x)
    attended = layers.Add()([inputs, x])
    x = layers.LayerNormalization(epsilon=1e-6)(attended)
    x = layers.Dense(1024, activation="gelu")(x)
    x = layers.Dense(256)(x)
    x = layers.Add()([attended, x])
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, layers.Dense(10)(x))


def text_classifier(keras: Any) -> Any:
    """The mean of 200 embedded words, classified."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((200,), dtype="int32"),
            layers.Embedding(20_000, 64),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )


def resnet20(keras: Any) -> Any:
    """ResNet-20 for 32x32 images (He et al., 2016, section 4.2), 1x1 convolutions as shortcuts."""
    layers = keras.layers

    def convolution(x: Any, filters: int, size: int, strides: int) -> Any:
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolution(inputs, 16, 3, 1))
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            y = layers.ReLU()(convolution(x, filters, 3, strides))
            y = convolution(y, filters, 3, 1)
            if strides > 1:
                x = convolution(x, filters, 1, strides)
            x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10)(x))


def resnet50(keras: Any) -> Any:
    """ResNet-50 as in `keras.applications`, logits instead of probabilities."""
    layers = keras.layers

    def convolution(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides=strides, padding="same" if size == 3 else "valid")(
            x
        )
        return layers.BatchNormalization(epsilon=1.001e-5)(x)

    inputs = keras.Input((224, 224, 3))
    x = layers.ZeroPadding2D(3)(inputs)
    x = layers.ReLU()(convolution(x, 64, 7, 2))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for filters, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            strides = first if block == 0 else 1
            shortcut = convolution(x, 4 * filters, 1, strides) if block == 0 else x
            x = layers.ReLU()(convolution(x, filters, 1, strides))
            x = layers.ReLU()(convolution(x, filters, 3))
            x = convolution(x, 4 * filters, 1)
            x = layers.ReLU()(layers.Add()([shortcut, x]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1000)(x))


# Expansion, channels, blocks, strides of the first block (Sandler et al., 2018, table 2).
_INVERTED_RESIDUALS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(keras: Any, size: int) -> Any:
    """MobileNetV2 as in `keras.applications`, logits instead of probabilities."""
    layers = keras.layers

    def normalized(x: Any) -> Any:
        return layers.BatchNormalization(epsilon=1e-3, momentum=0.999)(x)

    def relu6(x: Any) -> Any:
        return layers.ReLU(6.0)(normalized(x))

    def pointwise(x: Any, filters: int) -> Any:
        return layers.Conv2D(filters, 1, use_bias=False)(x)

    def depthwise(x: Any, strides: int) -> Any:
        padding = "same"
        if strides == 2:
            x, padding = layers.ZeroPadding2D(((0, 1), (0, 1)))(x), "valid"
        return layers.DepthwiseConv2D(3, strides=strides, padding=padding, use_bias=False)(x)

    inputs = keras.Input((size, size, 3))
    x = relu6(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(inputs))
    channels = 32
    for expansion, filters, blocks, first in _INVERTED_RESIDUALS:
        for block in range(blocks):
            y = relu6(pointwise(x, expansion * channels)) if expansion > 1 else x
            y = relu6(depthwise(y, first if block == 0 else 1))
            y = normalized(pointwise(y, filters))
            x = layers.Add()([x, y]) if block > 0 else y
            channels = filters
    x = relu6(pointwise(x, 1280))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(1000)(x))


def xception(keras: Any) -> Any:
    return keras.applications.Xception(weights=None, classifier_activation=None)
