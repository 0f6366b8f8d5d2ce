"""Writes tests/golden/converted: models of Keras 2 as the `tensorflowjs` converter writes them.

    pip install tensorflow-cpu==2.15.1 tensorflowjs==4.22.0
    python make_converted.py <folder>

`io.json` has inputs and what Keras predicts with the weights that the file stands for.
"""

import json
import sys
import types
from importlib import import_module
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

# What the converter imports and these models do not need.
for missing in ("tensorflow_decision_forests", "tensorflow_hub", "jax", "jax.experimental"):
    sys.modules.setdefault(missing, types.ModuleType(missing))
sys.modules["jax.experimental"].jax2tf = None
quantization = import_module("tensorflowjs.quantization")
converter = import_module("tensorflowjs.converters.converter")


def conv():
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 2), name="block/conv"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(2),
            layers.SeparableConv2D(3, 2, depth_multiplier=2),
            layers.LeakyReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="swish", kernel_regularizer="l2"),
        ]
    )


def recurrent():
    return keras.Sequential(
        [
            layers.Bidirectional(layers.LSTM(3, return_sequences=True), input_shape=(5, 2)),
            layers.GRU(3, return_sequences=True, recurrent_activation="hard_sigmoid"),
            layers.TimeDistributed(layers.Dense(2)),
            layers.RNN([layers.LSTMCell(2), layers.GRUCell(2, reset_after=False)]),
        ]
    )


def graph():
    x = keras.Input((4,), name="left")
    y = keras.Input((4,), name="right")
    shared = layers.Dense(3, activation="hard_sigmoid", kernel_initializer="lecun_normal")
    inner = keras.Sequential([layers.Dense(3, input_shape=(3,)), layers.BatchNormalization()])
    both = layers.Concatenate()([inner(shared(x)), inner(shared(y))])
    return keras.Model([x, y], [layers.Dense(2, name="a")(both), layers.Reshape((3, 2))(both)])


def embedding():
    x = keras.Input((4,), dtype="int32")
    y = layers.Embedding(6, 3, mask_zero=True)(x)
    _, *state = layers.LSTM(3, return_state=True)(y)
    z = layers.LSTM(3, return_sequences=True)(y, initial_state=state)
    return keras.Model(x, layers.LayerNormalization()(z))


MODELS = {
    "conv": (conv, {}),
    "recurrent": (recurrent, {"weight_shard_size_bytes": 300}),
    "graph": (graph, {"split_weights_by_layer": True}),
    "embedding": (embedding, {}),
    "conv_uint8": (conv, {"quantization_dtype_map": {"uint8": "*"}}),
    "recurrent_uint16": (recurrent, {"quantization_dtype_map": {"uint16": "*"}}),
    "graph_float16": (graph, {"quantization_dtype_map": {"float16": "*"}}),
}


def stands_for(values, options):
    """What is left of an array after quantization."""
    kinds = list(options.get("quantization_dtype_map", ()))
    if not kinds:
        return values
    codes, found = quantization.quantize_weights(values, np.dtype(kinds[0]).type)
    return quantization.dequantize_weights(codes, found, values.dtype)


def numbers(x):
    return {"shape": list(x.shape), "data": np.asarray(x).ravel().tolist()}


def main(folder):
    for name, (make, options) in MODELS.items():
        keras.backend.clear_session()
        keras.utils.set_random_seed(3)
        model = make()
        generator = np.random.default_rng(0)
        for v in model.weights:
            values = generator.uniform(-0.5, 0.5, v.shape)
            v.assign(values + 1 if "variance" in v.name else values)
        if not options:
            model.compile("adam", "mse", metrics=["mae"])
        to = Path(folder) / name
        to.mkdir(parents=True, exist_ok=True)
        model.save(to / "m.h5")
        converter.dispatch_keras_h5_to_tfjs_layers_model_conversion(
            str(to / "m.h5"), str(to), **options
        )
        (to / "m.h5").unlink()
        for v in model.weights:
            v.assign(stands_for(v.numpy(), options))
        xs = [
            generator.integers(0, 6, (2, *x.shape[1:])).astype("int32")
            if x.dtype == tf.int32
            else generator.normal(size=(2, *x.shape[1:])).astype("float32")
            for x in model.inputs
        ]
        outputs = model(xs if len(xs) > 1 else xs[0])
        outputs = outputs if isinstance(outputs, list) else [outputs]
        io = {"inputs": [numbers(x) for x in xs], "outputs": [numbers(x) for x in outputs]}
        (to / "io.json").write_text(json.dumps(io))


main(sys.argv[1])
