"""Topologies of Keras 2 and TensorFlow.js as configs that the classes of today take."""

from __future__ import annotations

from typing import Any

_DEEPEST = 64
_RENAMED = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "InputLayer": {"batch_input_shape": "batch_shape"},
}
# Entries that mean nothing here, by class; those of every layer under "".
_DROPPED = {
    "": ("implementation", "time_major", "input_length", "stateful_metrics"),
    "InputLayer": ("ragged",),
    "DepthwiseConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "DepthwiseConv1D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv1D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "SeparableConv2D": ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "Conv2DTranspose": ("groups",),
    "Conv1DTranspose": ("groups",),
    "Conv3DTranspose": ("groups",),
    "SpatialDropout1D": ("noise_shape", "trainable"),
    "SpatialDropout2D": ("noise_shape", "trainable"),
    "SpatialDropout3D": ("noise_shape", "trainable"),
    "GaussianDropout": ("noise_shape",),
    "AlphaDropout": ("noise_shape",),
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape"),
}
# TensorFlow.js writes a cell's options among those of the layer, too.
_OF_RNN = {
    *("name", "trainable", "dtype", "batch_input_shape", "cell", "unroll", "stateful"),
    *("return_sequences", "return_state", "go_backwards", "zero_output_for_mask"),
}
_RECURRENT = frozenset(
    name + kind
    for name in ("SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
    for kind in ("", "Cell")
)
_DISTRIBUTIONS = {"normal": "truncated_normal"}


def is_old_dialect(model_config: dict[str, Any], version: Any = None) -> bool:
    """Whether a model's config is Keras 2's.

    Args:
        model_config: `{"class_name", "config"}`.
        version: The version of Keras that the file names. Without one, a config is old if no layer
            in it says which module it is from.
    """
    if isinstance(version, str) and version[:1].isdigit():
        return version[:1] in "012" and not version[1:2].isdigit()
    config = model_config.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config
    if not isinstance(layers, list):
        return "module" not in model_config
    return not any(isinstance(entry, dict) and entry.get("module") for entry in layers)


def from_keras_2(entry: Any, weights: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """The config of a layer or model, with the meaning that its entries had in Keras 2.

    Args:
        entry: `{"class_name", "config"}`.
        weights: Tensors of the file by name: some configs leave out what a weight's shape tells.

    Raises:
        ValueError: If it nests deeper than models do, or a layer takes its sequences time first.
    """
    if depth > _DEEPEST:
        raise ValueError(f"The topology nests models more than {_DEEPEST} deep.")
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        return entry
    class_name, config = entry["class_name"], entry.get("config")
    if class_name in ("Sequential", "Functional", "Model") and isinstance(config, (dict, list)):
        return {**entry, "config": _model(config, weights, depth)}
    if not isinstance(config, dict):
        return entry
    # Its `build_config` has shapes in Keras 2's arrangement; the model's call builds the layer.
    entry = {k: v for k, v in entry.items() if k != "build_config"}
    return {**entry, "config": _layer(class_name, config, weights, depth)}


def _model(config: Any, weights: Any, depth: int) -> Any:
    if isinstance(config, list):
        config = {"layers": config}
    layers = config.get("layers")
    if isinstance(layers, list):
        layers = [from_keras_2(layer, weights, depth + 1) for layer in layers]
        config = {**config, "layers": layers}
    return config


def _layer(class_name: str, config: dict[str, Any], weights: Any, depth: int) -> dict[str, Any]:
    if config.get("time_major"):
        raise ValueError(
            f"Layer {config.get('name')!r} ({class_name}) takes its sequences time first "
            "(time_major=true), which is not supported: transpose them in the model and save it "
            "with time_major=False."
        )
    dropped = (*_DROPPED[""], *_DROPPED.get(class_name, ()))
    renamed = _RENAMED.get(class_name, {})
    out = {renamed.get(k, k): v for k, v in config.items() if k not in dropped}
    if class_name == "RNN":
        out = {k: v for k, v in out.items() if k in _OF_RNN}
    if class_name == "Embedding" and "mask_zero" in out:
        out["mask_zero"] = bool(out["mask_zero"])
    if class_name in _RECURRENT:
        _recurrent(class_name, out)
    if class_name == "BatchNormalization" and isinstance(out.get("axis"), list):
        out["axis"] = out["axis"][0] if len(out["axis"]) == 1 else out["axis"]
    if class_name == "Reshape" and isinstance(out.get("target_shape"), list):
        out["target_shape"] = [-1 if size is None else size for size in out["target_shape"]]
    if class_name == "SeparableConv2D" and out.get("depth_multiplier") is None:
        out["depth_multiplier"] = _depth_multiplier(config.get("name"), weights)
    for key in ("layer", "backward_layer", "cell"):
        if isinstance(out.get(key), dict):
            out[key] = from_keras_2(out[key], weights, depth + 1)
    if isinstance(out.get("cells"), list):
        out["cells"] = [from_keras_2(cell, weights, depth + 1) for cell in out["cells"]]
    for key, value in out.items():
        if key.endswith("activation"):
            out[key] = _activation(value)
        elif key.endswith("initializer"):
            out[key] = _initializer(value)
    return out


def _recurrent(class_name: str, config: dict[str, Any]) -> None:
    if config.get("unit_forget_bias", 0) is None:
        config["unit_forget_bias"] = True
    if class_name.startswith("GRU"):
        config["reset_after"] = bool(config.get("reset_after", False))
    config.setdefault("recurrent_activation", "hard_sigmoid")
    if class_name.startswith("SimpleRNN"):
        del config["recurrent_activation"]


# Functions that have another meaning or none in Keras 3: the hard sigmoid of Keras 2 and
# TensorFlow.js is clip(0.2 x + 0.5, 0, 1), and TensorFlow.js has a GELU by tanh.
_FUNCTIONS = {
    "hard_sigmoid": "hard_sigmoid_of_keras_2",
    "hardSigmoid": "hard_sigmoid_of_keras_2",
    "gelu_new": "gelu_by_tanh",
}


def _activation(value: Any) -> Any:
    if isinstance(value, str) and value in _FUNCTIONS:
        return {"class_name": "function", "config": _FUNCTIONS[value]}
    return value


def _initializer(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    config = dict(value["config"])
    if value.get("class_name") == "VarianceScaling":
        kind = config.get("distribution")
        config["distribution"] = _DISTRIBUTIONS.get(kind, kind) if isinstance(kind, str) else kind
    config.pop("dtype", None)
    return {**value, "config": config}


def _depth_multiplier(name: Any, weights: Any) -> int:
    kernel = (weights or {}).get(f"{name}/depthwise_kernel")
    return int(kernel.shape[-1]) if kernel is not None and len(kernel.shape) == 4 else 1


def hard_sigmoid_of_keras_2(x):
    """`clip(0.2 x + 0.5, 0, 1)`"""
    from addax import ops

    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def gelu_by_tanh(x: Any) -> Any:
    """`0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))`"""
    from addax import activations

    return activations.gelu(x, approximate=True)
