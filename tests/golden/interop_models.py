"""Small models over the common layers, built with whichever library is passed in.

`keras` is Addax, Keras 2 or Keras 3: whatever stands here is said in the same words in all of
them. Weights and inputs come from a formula, so that two libraries can be compared without a file.

- `SHARED`: models of layers that TensorFlow.js has too, in the form in which it loads them.
- `KERAS`: models of layers or options that only Keras has.
- `KERAS_3`: those of them that Keras 2 cannot build.
"""

from __future__ import annotations

import numpy as np

# Ids of tokens, for inputs of kind int32, are below this.
VOCABULARY = 7


def sequential(shape, stack, **kwargs):
    """A function of `keras`: the stack of layers over an input of that shape."""

    def make(keras):
        dtype = kwargs.get("dtype", "float32")
        return keras.Sequential([keras.Input(shape, dtype=dtype), *stack(keras.layers)])

    return make


# ---- Functional models


def shared_layer(keras):
    layers = keras.layers
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, activation="tanh")
    return keras.Model([a, b], layers.Dense(2)(layers.Add()([shared(a), shared(b)])))


def shared_layer_in_a_row(keras):
    layers = keras.layers
    x = keras.Input((3,))
    first, second = layers.Dense(3, activation="relu"), layers.Dense(3, activation="tanh")
    return keras.Model(x, first(second(first(x))))


def nested_sequential(keras):
    layers = keras.layers
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu")], name="inner")
    return keras.Sequential([keras.Input((3,)), inner, layers.Dense(2)])


def nested_models_with_batch_normalization(keras):
    layers = keras.layers
    y = keras.Input((4,))
    deep = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(), layers.Dense(3)])
    inner = keras.Model(y, layers.BatchNormalization()(deep(y)))
    x = keras.Input((4,))
    return keras.Model(x, layers.Dense(2)(inner(x)))


def nested_model_called_twice(keras):
    layers = keras.layers
    y = keras.Input((3,))
    inner = keras.Model(y, layers.Dense(3, activation="tanh")(y))
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], layers.Concatenate()([inner(a), inner(b)]))


def nested_sequential_called_twice(keras):
    layers = keras.layers
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="tanh")])
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], layers.Multiply()([inner(a), inner(b)]))


def nested_model_as_output(keras):
    layers = keras.layers
    y = keras.Input((3,))
    inner = keras.Model(y, [layers.Dense(2)(y), layers.Dense(4, activation="relu")(y)])
    x = keras.Input((3,))
    return keras.Model(x, inner(x))


def several_inputs_and_outputs(keras):
    layers = keras.layers
    image, vector = keras.Input((4, 4, 1), name="image"), keras.Input((3,), name="vector")
    x = layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(image))
    x = layers.Concatenate()([x, vector])
    left = layers.Dense(2, name="left")(x)
    right = layers.Dense(1, activation="sigmoid", name="right")(left)
    return keras.Model([image, vector], [left, right])


def residual_convolution(keras):
    layers = keras.layers
    images = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(images)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    y = layers.SeparableConv2D(4, 3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    x = layers.add([x, y])
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(x))
    return keras.Model(images, layers.Dense(3, activation="softmax")(x))


def merging(keras):
    layers = keras.layers
    a, b = keras.Input((4,)), keras.Input((4,))
    both = [
        layers.Average()([a, b]),
        layers.Maximum()([a, b]),
        layers.Minimum()([a, b]),
        layers.Dot(1)([a, b]),
    ]
    return keras.Model([a, b], layers.Concatenate()(both))


def dot_normalized(keras):
    a, b = keras.Input((3, 2)), keras.Input((3, 2))
    return keras.Model([a, b], keras.layers.Dot(2, normalize=True)([a, b]))


def lstm_with_initial_state(keras):
    layers = keras.layers
    x, h, c = keras.Input((4, 2)), keras.Input((3,)), keras.Input((3,))
    return keras.Model([x, h, c], layers.LSTM(3)(x, initial_state=[h, c]))


def encoder_and_decoder(keras):
    layers = keras.layers
    source, target = keras.Input((4, 2), name="source"), keras.Input((3, 2), name="target")
    _, h, c = layers.LSTM(3, return_state=True)(source)
    x = layers.LSTM(3, return_sequences=True)(target, initial_state=[h, c])
    return keras.Model([source, target], layers.Dense(2)(x))


def states_as_outputs(keras):
    x = keras.Input((4, 2))
    return keras.Model(x, keras.layers.GRU(3, reset_after=False, return_state=True)(x))


def frozen_layers(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(2),
        ]
    )
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    return model


def frozen_inner_model(keras):
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(3)]
    )
    inner.layers[0].trainable = False
    return keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)])


def subtract(keras):
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], keras.layers.Subtract()([a, b]))


def attention(keras):
    layers = keras.layers
    query, value = keras.Input((3, 4)), keras.Input((5, 4))
    x = layers.Attention(use_scale=True)([query, value])
    return keras.Model([query, value], layers.AdditiveAttention()([x, value]))


def transformer(keras):
    layers = keras.layers
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(VOCABULARY, 4)(tokens)
    y = layers.MultiHeadAttention(2, 3)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Dense(4)(layers.Dense(6, activation="gelu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    return keras.Model(tokens, layers.GlobalAveragePooling1D()(x))


def masked_attention(keras):
    layers = keras.layers
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(VOCABULARY, 4, mask_zero=True)(tokens)
    x = layers.MultiHeadAttention(1, 2)(x, x, use_causal_mask=True)
    return keras.Model(tokens, layers.GlobalAveragePooling1D()(x))


def dictionary_of_inputs(keras):
    layers = keras.layers
    inputs = {"one": keras.Input((2,), name="one"), "two": keras.Input((2,), name="two")}
    x = layers.Concatenate()([inputs["one"], inputs["two"]])
    return keras.Model(inputs, {"sum": layers.Dense(1, name="sum")(x)})


def operations(keras):
    x = keras.Input((4,))
    y = keras.layers.Dense(3)(x)
    y = keras.ops.concatenate([keras.ops.tanh(y), y * 2.0 - 1.0], axis=-1)
    return keras.Model(x, keras.ops.sum(y, axis=-1, keepdims=True) + y[:, :2])


def two_directions(layers, cell, **kwargs):
    return [layers.Bidirectional(cell(layers), **kwargs), layers.Dense(2)]


SHARED = {
    "dense": sequential(
        (4,), lambda L: [L.Dense(5, activation="relu"), L.Dense(3, activation="softmax")]
    ),
    "dense_on_sequences": sequential((3, 4), lambda L: [L.Dense(2, use_bias=False)]),
    "activations": sequential(
        (6,),
        lambda L: [
            L.Dense(6, activation=name)
            for name in ("elu", "selu", "softplus", "softsign", "tanh", "sigmoid", "linear")
        ],
    ),
    "activation_layers": sequential(
        (4,),
        lambda L: [
            L.LeakyReLU(0.2),
            L.PReLU(),
            L.ELU(),
            L.ReLU(max_value=0.8),
            L.Activation("softmax"),
        ],
    ),
    "prelu_with_shared_axes": sequential((3, 3, 2), lambda L: [L.PReLU(shared_axes=[1, 2])]),
    "softmax_layer": sequential((4,), lambda L: [L.Dense(3), L.Softmax()]),
    "conv1d": sequential(
        (7, 2), lambda L: [L.Conv1D(3, 3, strides=2, padding="same"), L.Conv1D(2, 2)]
    ),
    "conv1d_dilated": sequential((8, 2), lambda L: [L.Conv1D(3, 2, dilation_rate=2)]),
    "conv2d": sequential(
        (6, 5, 2), lambda L: [L.Conv2D(3, 3, padding="same", activation="relu"), L.Conv2D(2, 2)]
    ),
    "conv2d_strided": sequential(
        (7, 8, 1), lambda L: [L.Conv2D(2, (3, 2), strides=(2, 3), use_bias=False)]
    ),
    "conv2d_dilated": sequential((7, 7, 1), lambda L: [L.Conv2D(2, 3, dilation_rate=2)]),
    "conv2d_transpose": sequential(
        (3, 4, 2), lambda L: [L.Conv2DTranspose(3, 3, strides=2, padding="same")]
    ),
    "conv3d": sequential((4, 4, 3, 2), lambda L: [L.Conv3D(2, 2, padding="same")]),
    "conv3d_transpose": sequential(
        (2, 3, 2, 2), lambda L: [L.Conv3DTranspose(2, 2, strides=2, padding="valid")]
    ),
    "depthwise_conv2d": sequential(
        (5, 6, 2), lambda L: [L.DepthwiseConv2D(3, depth_multiplier=2, padding="same")]
    ),
    "separable_conv2d": sequential(
        (5, 5, 2), lambda L: [L.SeparableConv2D(3, 3, depth_multiplier=2)]
    ),
    "pooling1d": sequential(
        (8, 2), lambda L: [L.MaxPooling1D(2), L.AveragePooling1D(2, strides=1, padding="same")]
    ),
    "pooling2d": sequential(
        (7, 8, 2), lambda L: [L.MaxPooling2D(2), L.AveragePooling2D(2, strides=1, padding="same")]
    ),
    "pooling3d": sequential(
        (4, 6, 4, 1), lambda L: [L.MaxPooling3D(2), L.AveragePooling3D((1, 2, 1))]
    ),
    "global_pooling1d": sequential((5, 3), lambda L: [L.Conv1D(4, 2), L.GlobalMaxPooling1D()]),
    "global_pooling2d": sequential((4, 4, 3), lambda L: [L.GlobalAveragePooling2D(), L.Dense(2)]),
    "global_max_pooling2d": sequential((4, 4, 3), lambda L: [L.GlobalMaxPooling2D(), L.Dense(2)]),
    "batch_normalization": sequential((4,), lambda L: [L.BatchNormalization(), L.Dense(3)]),
    "batch_normalization_of_images": sequential(
        (4, 3, 2), lambda L: [L.Conv2D(3, 2), L.BatchNormalization(scale=False), L.Flatten()]
    ),
    "layer_normalization": sequential((3, 4), lambda L: [L.LayerNormalization(), L.Dense(2)]),
    "reshaping": sequential(
        (6,),
        lambda L: [
            L.Reshape((2, 3)),
            L.Permute((2, 1)),
            L.Flatten(),
            L.RepeatVector(2),
            L.Reshape((-1, 4)),
        ],
    ),
    "padding_and_cropping": sequential(
        (4, 5, 2), lambda L: [L.ZeroPadding2D(((1, 2), (0, 1))), L.Cropping2D(((2, 0), (1, 1)))]
    ),
    "up_sampling2d": sequential((2, 3, 2), lambda L: [L.UpSampling2D((2, 3)), L.Conv2D(2, 2)]),
    "rescaling": sequential((4,), lambda L: [L.Rescaling(0.5, offset=-1.0), L.Dense(2)]),
    "regularization": sequential(
        (3, 4),
        lambda L: [
            L.Dropout(0.3),
            L.SpatialDropout1D(0.2),
            L.GaussianNoise(0.1),
            L.GaussianDropout(0.1),
            L.AlphaDropout(0.1),
            L.Dense(2, kernel_regularizer="l2", bias_constraint="non_neg"),
        ],
    ),
    "embedding": sequential(
        (5,), lambda L: [L.Embedding(VOCABULARY, 3), L.Flatten(), L.Dense(2)], dtype="int32"
    ),
    "masked_embedding": sequential(
        (5,), lambda L: [L.Embedding(VOCABULARY, 3, mask_zero=True), L.LSTM(2)], dtype="int32"
    ),
    "masking": sequential((5, 2), lambda L: [L.Masking(0.0), L.SimpleRNN(3), L.Dense(1)]),
    "simple_rnn": sequential((4, 3), lambda L: [L.SimpleRNN(3, return_sequences=True)]),
    "lstm": sequential((4, 3), lambda L: [L.LSTM(3, return_sequences=True), L.LSTM(2)]),
    "lstm_backwards": sequential((4, 3), lambda L: [L.LSTM(3, go_backwards=True, use_bias=False)]),
    "gru": sequential((4, 3), lambda L: [L.GRU(3, reset_after=False), L.Dense(2)]),
    "bidirectional_lstm": sequential(
        (4, 3), lambda L: two_directions(L, lambda L: L.LSTM(2, return_sequences=True))
    ),
    "bidirectional_gru_summed": sequential(
        (4, 3), lambda L: two_directions(L, lambda L: L.GRU(2, reset_after=False), merge_mode="sum")
    ),
    "time_distributed": sequential(
        (3, 4), lambda L: [L.TimeDistributed(L.Dense(3)), L.TimeDistributed(L.Activation("relu"))]
    ),
    "time_distributed_convolution": sequential(
        (3, 4, 4, 1), lambda L: [L.TimeDistributed(L.Conv2D(2, 3)), L.Flatten(), L.Dense(2)]
    ),
    "stacked_cells": sequential(
        (4, 3), lambda L: [L.RNN([L.LSTMCell(3), L.SimpleRNNCell(2)]), L.Dense(2)]
    ),
    "one_cell": sequential((4, 3), lambda L: [L.RNN(L.LSTMCell(3), return_sequences=True)]),
    "conv_lstm2d": sequential(
        (3, 4, 4, 1), lambda L: [L.ConvLSTM2D(2, 2, recurrent_activation="sigmoid"), L.Flatten()]
    ),
    "shared_layer": shared_layer,
    "shared_layer_in_a_row": shared_layer_in_a_row,
    "nested_sequential": nested_sequential,
    "nested_models_with_batch_normalization": nested_models_with_batch_normalization,
    "nested_model_called_twice": nested_model_called_twice,
    "nested_sequential_called_twice": nested_sequential_called_twice,
    "nested_model_as_output": nested_model_as_output,
    "several_inputs_and_outputs": several_inputs_and_outputs,
    "residual_convolution": residual_convolution,
    "merging": merging,
    "dot_normalized": dot_normalized,
    "lstm_with_initial_state": lstm_with_initial_state,
    "encoder_and_decoder": encoder_and_decoder,
    "states_as_outputs": states_as_outputs,
    "frozen_layers": frozen_layers,
    "frozen_inner_model": frozen_inner_model,
}

KERAS = {
    "conv1d_causal": sequential((7, 2), lambda L: [L.Conv1D(3, 3, padding="causal")]),
    "conv1d_transpose": sequential((4, 2), lambda L: [L.Conv1DTranspose(3, 3, strides=2)]),
    "conv2d_grouped": sequential((4, 4, 4), lambda L: [L.Conv2D(4, 3, groups=2)]),
    "separable_conv1d": sequential((5, 2), lambda L: [L.SeparableConv1D(3, 2), L.Dense(2)]),
    "depthwise_conv1d": sequential((5, 2), lambda L: [L.DepthwiseConv1D(3)]),
    "reshaping_in_1d_and_3d": sequential(
        (4, 2),
        lambda L: [
            L.UpSampling1D(2),
            L.ZeroPadding1D(1),
            L.Cropping1D((1, 2)),
            L.Reshape((7, 1, 2, 1)),
            L.ZeroPadding3D(1),
            L.UpSampling3D((1, 2, 1)),
            L.Cropping3D((1, 0, 1)),
            L.SpatialDropout3D(0.1),
            L.GlobalAveragePooling3D(),
        ],
    ),
    "global_pooling_keeps_axes": sequential(
        (4, 4, 3), lambda L: [L.GlobalMaxPooling2D(keepdims=True), L.Conv2D(2, 1)]
    ),
    "activations_of_keras": sequential(
        (5,),
        lambda L: [
            L.Dense(5, activation=name)
            for name in ("gelu", "swish", "exponential", "mish", "leaky_relu", "relu6")
        ],
    ),
    "gru_reset_after": sequential((4, 3), lambda L: [L.GRU(3, return_sequences=True), L.GRU(2)]),
    "bidirectional_of_two_kinds": sequential(
        (4, 3),
        lambda L: [
            L.Bidirectional(L.LSTM(2), backward_layer=L.GRU(2, go_backwards=True)),
            L.Dense(2),
        ],
    ),
    "group_normalization": sequential(
        (4, 4), lambda L: [L.GroupNormalization(2), L.UnitNormalization()]
    ),
    "normalization": sequential(
        (3,),
        lambda L: [L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5]), L.Dense(2)],
    ),
    "spectral_normalization": sequential((4,), lambda L: [L.SpectralNormalization(L.Dense(3))]),
    "einsum_dense": sequential(
        (3, 4), lambda L: [L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")]
    ),
    "identity": sequential(
        (3,), lambda L: [L.Identity(), L.Dense(2), L.ActivityRegularization(0.1)]
    ),
    "subtract": subtract,
    "attention": attention,
    "transformer": transformer,
    "masked_attention": masked_attention,
    "dictionary_of_inputs": dictionary_of_inputs,
    "rms_normalization": sequential((4,), lambda L: [L.Dense(3), L.RMSNormalization()]),
    "grouped_query_attention": lambda keras: (
        lambda x: keras.Model(x, keras.layers.GroupQueryAttention(2, 4, 2)(x, x))
    )(keras.Input((3, 4))),
    "activations_of_keras_3": sequential(
        (5,),
        lambda L: [
            L.Dense(5, activation=name)
            for name in ("hard_sigmoid", "hard_silu", "celu", "squareplus", "log_sigmoid")
        ],
    ),
    "operations": operations,
}

KERAS_3 = (
    "rms_normalization",
    "grouped_query_attention",
    "activations_of_keras_3",
    "operations",
)

MODELS = {**SHARED, **KERAS}


def build(name: str, keras):
    """The model of that name with its weights set."""
    keras.backend.clear_session()
    model = MODELS[name](keras)
    set_weights(model)
    return model


def numbers(shape, phase: float = 0.0):
    """Numbers in [-1, 1] that look irregular: a sine sampled at an irrational step."""
    size = int(np.prod(shape))
    return np.sin(1.7 * np.arange(size) + phase).reshape(shape).astype("float32")


def set_weights(model) -> None:
    """Gives the weights numbers from the formula, positive ones where they are variances."""
    for i, weight in enumerate(model.weights):
        value = 0.6 * numbers(tuple(weight.shape), 2.0 * i + 0.5)
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.name else value)


def inputs(model, samples: int = 2) -> list:
    """An array for each input: numbers, the last step all zero; ids where they are integers."""
    found = []
    for i, tensor in enumerate(model.inputs):
        shape = (samples, *tensor.shape[1:])
        if "int" in str(tensor.dtype):
            found.append(
                (np.arange(np.prod(shape)) * 3 % VOCABULARY).reshape(shape).astype("int32")
            )
            continue
        array = numbers(shape, float(i))
        if len(shape) == 3:
            array[:, -1] = 0.0
        found.append(array)
    return found


def outputs(model, samples: int = 2) -> list:
    """What the model predicts for `inputs`: arrays in order, of a dict by key."""
    given = inputs(model, samples)
    if type(model).__name__ == "Functional" and isinstance(model.input, dict):
        found = model.predict_on_batch(dict(zip(model.input, given)))
    else:
        found = model.predict_on_batch(given if len(given) > 1 else given[0])
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found)]
    return [np.asarray(x) for x in (found if isinstance(found, (list, tuple)) else [found])]
