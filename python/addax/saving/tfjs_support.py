"""What a model has that TensorFlow.js 4.22 does not know, or computes otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from addax.saving.tfjs_operations import as_layer


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What its registry of classes has (`tf.serialization.SerializationMap`), in Keras's words.
LAYERS = _names(
    """
    Activation Add AlphaDropout Average AveragePooling1D AveragePooling2D AveragePooling3D
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv2D
    Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM2D ConvLSTM2DCell Cropping2D Dense
    DepthwiseConv2D Dot Dropout ELU Embedding Flatten Functional GRU GRUCell GaussianDropout
    GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D
    GlobalMaxPooling2D InputLayer LSTM LSTMCell LayerNormalization LeakyReLU Masking MaxPooling1D
    MaxPooling2D MaxPooling3D Maximum Minimum Model Multiply PReLU Permute RNN RandomWidth ReLU
    RepeatVector Rescaling Reshape Resizing SeparableConv2D Sequential SimpleRNN SimpleRNNCell
    Softmax SpatialDropout1D StackedRNNCells ThresholdedReLU TimeDistributed UpSampling2D
    ZeroPadding2D
    """
)
INITIALIZERS = _names(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones
    Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
    """
)
REGULARIZERS = frozenset(("L1", "L2", "L1L2"))
CONSTRAINTS = frozenset(("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"))
ACTIVATIONS = _names(
    """
    elu gelu gelu_by_tanh hard_sigmoid_of_keras_2 linear log_softmax mish relu relu6 selu sigmoid
    silu softmax softplus softsign swish tanh
    """
)
_KINDS = (
    ("_initializer", INITIALIZERS),
    ("_regularizer", REGULARIZERS),
    ("_constraint", CONSTRAINTS),
    ("activation", ACTIVATIONS),
)
# Of tensors that weights and inputs are.
_DTYPES = frozenset(("float32", "int32", "bool"))
_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._/]*\Z")


def _not(value: Any) -> Callable[[Any], bool]:
    return lambda given: given is not None and given != value


def _some_above_1(value: Any) -> bool:
    return (
        any(x != 1 for x in value) if isinstance(value, (list, tuple)) else value not in (1, None)
    )


# Options that are refused there or left out, by class: (which value is meant, what happens).
_UNKNOWN_THERE = "is not known there"
_OTHERWISE = "is computed otherwise there"
_OPTIONS: dict[str, dict[str, tuple[Callable[[Any], bool], str]]] = {
    "GRU": {"reset_after": (bool, _UNKNOWN_THERE)},
    "GRUCell": {"reset_after": (bool, _UNKNOWN_THERE)},
    "ELU": {"alpha": (_not(1.0), _UNKNOWN_THERE)},
    "ReLU": {
        "negative_slope": (_not(0.0), _UNKNOWN_THERE),
        "threshold": (_not(0.0), _UNKNOWN_THERE),
    },
    "Conv1D": {
        "padding": (lambda x: x == "causal", _UNKNOWN_THERE),
        "groups": (_not(1), _UNKNOWN_THERE),
    },
    "Conv2D": {"groups": (_not(1), _UNKNOWN_THERE)},
    "Conv3D": {"groups": (_not(1), _UNKNOWN_THERE)},
    "Conv2DTranspose": {
        "output_padding": (_not(None), _UNKNOWN_THERE),
        "dilation_rate": (_some_above_1, _UNKNOWN_THERE),
    },
    "Conv3DTranspose": {
        "output_padding": (_not(None), _UNKNOWN_THERE),
        "dilation_rate": (_some_above_1, _UNKNOWN_THERE),
    },
    "GlobalAveragePooling1D": {"keepdims": (bool, _UNKNOWN_THERE)},
    "GlobalAveragePooling2D": {"keepdims": (bool, _UNKNOWN_THERE)},
    "GlobalMaxPooling1D": {"keepdims": (bool, _UNKNOWN_THERE)},
    "GlobalMaxPooling2D": {"keepdims": (bool, _UNKNOWN_THERE)},
    "LayerNormalization": {"rms_scaling": (bool, _UNKNOWN_THERE)},
    "UpSampling2D": {"interpolation": (_not("nearest"), _OTHERWISE)},
    "Resizing": {"height": (_not(None), "cannot run in its models")},
}


def unknown_to_tfjs(config: dict[str, Any]) -> list[str]:
    """What a browser will not know of a model, a phrase for each layer that has something.

    Args:
        config: The model as `serialize_keras_object` gave it.
    """
    return list(_of_layer(config, ""))


def _of_layer(entry: dict[str, Any], owner: str) -> Iterator[str]:
    class_name, config = entry.get("class_name"), entry.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    what = f"{class_name} in '{owner}'" if owner else f"'{name}' ({class_name})"
    if entry.get("registered_name") or class_name not in LAYERS or not isinstance(config, dict):
        yield f"layer {what}"
        return
    if isinstance(name, str) and not owner and not _NAME.match(name):
        yield f"the name of layer {what}"
    for option, (applies, effect) in _OPTIONS.get(class_name, {}).items():
        if applies(config.get(option)):
            yield f"`{option}={config[option]}` of layer {what}, which {effect}"
    yield from _of_objects(config, what)
    yield from _of_ways(class_name, config, what)
    yield from _of_axis(class_name, config, entry.get("build_config"), what)
    for layer in config.get("layers") or ():
        yield from _of_layer(as_layer(layer) or layer, "")
    inner = [config.get(key) for key in ("layer", "cell")] + list(config.get("cells") or ())
    for part in inner:
        if isinstance(part, dict) and part.get("class_name") != "StackedRNNCells":
            yield from _of_layer(part, owner or str(name))
        elif isinstance(part, dict):
            for cell in part["config"]["cells"]:
                yield from _of_layer(cell, owner or str(name))


def _of_objects(config: dict[str, Any], what: str) -> Iterator[str]:
    """Initializers, activations, …, and the dtype."""
    for key, value in config.items():
        known = next((names for ending, names in _KINDS if key.endswith(ending)), None)
        if known is None or value is None:
            continue
        title = value
        if isinstance(value, dict):
            title = value["config"] if value.get("class_name") == "function" else None
            title = title or value.get("class_name")
        if title == "hard_sigmoid":
            yield f"`{key}='hard_sigmoid'` of layer {what}, which {_OTHERWISE}"
        elif not isinstance(title, str) or title not in known:
            yield f"`{key}={title}` of layer {what}, which {_UNKNOWN_THERE}"
    dtype = config.get("dtype")
    if isinstance(dtype, dict):
        dtype = (dtype.get("config") or {}).get("name")
    if isinstance(dtype, str) and dtype not in _DTYPES:
        yield f"`dtype='{dtype}'` of layer {what}, which {_UNKNOWN_THERE}"


def _of_ways(class_name: str, config: dict, what: str) -> Iterator[str]:
    """It makes the way back of `Bidirectional` from the way there."""
    ways: list[Any] = [config.get(key) for key in ("layer", "backward_layer")]
    if class_name != "Bidirectional" or not all(isinstance(way, dict) for way in ways):
        return
    there, back = (
        {k: v for k, v in way["config"].items() if k not in ("name", "go_backwards")}
        | {"class": way["class_name"], "backwards": way["config"].get("go_backwards") == turned}
        for way, turned in zip(ways, (False, True))
    )
    if there != back:
        yield f"`backward_layer` of layer {what}, which {_UNKNOWN_THERE}"


def _of_axis(class_name: str, config: dict, build_config: Any, what: str) -> Iterator[str]:
    """Its CPU and WASM backends normalize batches over the last axis, whichever is meant."""
    if class_name != "BatchNormalization" or not isinstance(build_config, dict):
        return
    rank = len(build_config.get("input_shape") or ())
    if rank and config.get("axis") not in (-1, rank - 1):
        yield f"`axis={config['axis']}` of layer {what}, which {_OTHERWISE}"
