"""Topologies of Keras 1 as configs of Keras 2."""

from __future__ import annotations

from typing import Any

_DEEPEST = 64

# Entry of Keras 1 → entry of Keras 2, for every layer.
_RENAMED = {
    "output_dim": "units",
    "nb_filter": "filters",
    "subsample": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "U_constraint": "recurrent_constraint",
    "b_constraint": "bias_constraint",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "bias": "use_bias",
    "p": "rate",
    "sigma": "stddev",
    "filter_length": "kernel_size",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "pool_length": "pool_size",
    "stride": "strides",
    "concat_axis": "axis",
}
# Where an entry means something else.
_RENAMED_IN = {
    "Embedding": {
        "output_dim": "output_dim",
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "UpSampling1D": {"length": "size"},
    "PReLU": {"init": "alpha_initializer"},
}
_DROPPED = ("input_dim", "input_dtype", "consume_less", "W_learning_rate", "b_learning_rate")
_KERNEL_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "Deconvolution2D": "Conv2DTranspose",
}
_MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
    "cos": "Dot",
}
_INITIALIZERS = {
    "zero": "zeros",
    "one": "ones",
    "normal": "random_normal",
    "uniform": "random_uniform",
}
_CONSTRAINTS = {"m": "max_value"}


def is_keras_1(version: Any) -> bool:
    """Whether a file names Keras 1; files older than 1.2 name no version at all."""
    return version is None or (isinstance(version, str) and version.startswith(("0.", "1.")))


def from_keras_1(entry: Any, depth: int = 0) -> Any:
    """The config of a layer or model in the words of Keras 2.

    Args:
        entry: `{"class_name", "config"}`.

    Raises:
        ValueError: If it is made for Theano's order of axes, or has what Keras 2 dropped.
    """
    if depth > _DEEPEST:
        raise ValueError(f"The topology nests models more than {_DEEPEST} deep.")
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        return entry
    class_name, config = entry["class_name"], entry.get("config")
    if class_name in ("Sequential", "Model", "Graph") and isinstance(config, (dict, list)):
        return {**entry, "config": _model(class_name, config, depth)}
    if not isinstance(config, dict):
        return entry
    if class_name == "TimeDistributedDense":
        return {**entry, **_time_distributed_dense(config)}
    if class_name == "Merge":
        return {**entry, **_merge(config)}
    return {
        **entry,
        "class_name": _CLASSES.get(class_name, class_name),
        "config": _layer(class_name, config, depth),
    }


def _model(class_name: str, config: Any, depth: int) -> Any:
    if class_name == "Graph":
        raise ValueError("The file holds a `Graph` model of Keras 0, which is not supported.")
    config = {"layers": config} if isinstance(config, list) else config
    layers = config.get("layers")
    if not isinstance(layers, list):
        return config
    return {**config, "layers": [from_keras_1(layer, depth + 1) for layer in layers]}


def _layer(class_name: str, config: dict[str, Any], depth: int) -> dict[str, Any]:
    if config.get("dim_ordering") == "th":
        raise ValueError(
            f"Layer '{config.get('name')}' of the file has Theano's order of axes (dim_ordering "
            "'th'), which is not supported: convert the model to 'tf' with Keras first."
        )
    if class_name == "BatchNormalization" and config.get("mode") == 1:
        raise ValueError(
            f"Layer '{config.get('name')}' of the file normalizes sample by sample (mode 1), "
            "which Keras 2 dropped."
        )
    names = {**_RENAMED, **_RENAMED_IN.get(class_name, {})}
    dropped = {
        *_DROPPED,
        "forget_bias_init",
        "mode",
        *(n for group in _KERNEL_SIZES for n in group),
    }
    if class_name == "Embedding":
        dropped -= {"input_dim"}
        dropped |= {"dropout"}
    if class_name == "Deconvolution2D":
        dropped |= {"output_shape"}
    out = {names.get(k, k): v for k, v in config.items() if k not in dropped}
    for group in _KERNEL_SIZES:
        if group[0] in config:
            out["kernel_size"] = [config.get(name) for name in group]
    if "forget_bias_init" in config:
        out["unit_forget_bias"] = config["forget_bias_init"] == "one"
    if class_name == "GRU":
        out["reset_after"] = False
    if isinstance(out.get("layer"), dict):
        out["layer"] = from_keras_1(out["layer"], depth + 1)
    return {key: _value(key, value) for key, value in out.items() if _is_meant(key, value)}


def _is_meant(key: str, value: Any) -> bool:
    """Whether an entry says something: "default" is the order of axes of the reader."""
    return not (key == "data_format" and value == "default")


def _value(key: str, value: Any) -> Any:
    if key == "data_format":
        return "channels_last" if value == "tf" else value
    if key.endswith("initializer") and isinstance(value, str):
        return _INITIALIZERS.get(value, value)
    if key.endswith("regularizer") and isinstance(value, dict) and "name" in value:
        config = {k: value[k] for k in ("l1", "l2") if k in value}
        return {"class_name": "L1L2", "config": config}
    if key.endswith("constraint") and isinstance(value, dict) and "name" in value:
        config = {_CONSTRAINTS.get(k) or k: v for k, v in value.items() if k != "name"}
        return {"class_name": value["name"], "config": config}
    return value


def _time_distributed_dense(config: dict[str, Any]) -> dict[str, Any]:
    own = ("name", "trainable", "batch_input_shape")
    inner = _layer("Dense", {k: v for k, v in config.items() if k not in own}, 0)
    inner.pop("input_length", None)
    outer = {k: v for k, v in config.items() if k in own}
    layer = {"class_name": "Dense", "config": {"name": f"{config.get('name')}_dense", **inner}}
    return {"class_name": "TimeDistributed", "config": {**outer, "layer": layer}}


def _merge(config: dict[str, Any]) -> dict[str, Any]:
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in _MERGES or config.get("layers"):
        raise ValueError(
            f"Layer '{config.get('name')}' of the file merges by {mode!r} in a way that Keras 2 "
            "dropped."
        )
    out: dict[str, Any] = {k: config[k] for k in ("name", "trainable") if k in config}
    if mode == "concat":
        out["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        out.update(axes=config.get("dot_axes", -1), normalize=mode == "cos")
    return {"class_name": _MERGES[mode], "config": out}
