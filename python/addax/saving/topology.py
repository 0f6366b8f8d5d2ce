"""Keras 3 configs in the dialect of Keras 2, which TensorFlow.js reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from addax.saving.tfjs_operations import as_layer

_ACTIVATIONS = {"silu": "swish"}
# Functions of ours that are an activation there.
_FUNCTIONS = {"hard_sigmoid_of_keras_2": "hard_sigmoid", "gelu_by_tanh": "gelu_new"}
_INITIALIZERS = {"LecunNormal": "LeCunNormal", "LecunUniform": "LeCunUniform"}
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
# Entries that TensorFlow.js takes for something else, by class.
_DROPPED = {
    "SeparableConv2D": ("kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    "InputLayer": ("optional", "ragged", "batch_shape"),
    "Bidirectional": ("backward_layer",),
}
_GRAPHS = ("Sequential", "Functional", "Model")
_DROPPED_ALWAYS = ("quantization_config",)


def to_keras_2(config: dict[str, Any]) -> dict[str, Any]:
    """The topology of a serialized model as `{"class_name", "config"}` in Keras 2's dialect."""
    return _layer(config)


def with_sizes(topology: dict[str, Any], model: Any) -> dict[str, Any]:
    """The topology with numbers for the -1 in target shapes of `Reshape`, where they are known:
    TensorFlow.js leaves them open, and then refuses a `Flatten` behind."""
    for entry, layer in _entries_and_layers(topology, model):
        if entry["class_name"] == "Reshape":
            outputs = {tuple(node.outputs[0].shape) for node in layer._inbound_nodes}
            shape = outputs.pop()[1:] if len(outputs) == 1 else (None,)
            if None not in shape:
                entry["config"]["target_shape"] = list(shape)
        with_sizes(entry, layer)
    return topology


def with_names(topology: dict[str, Any], model: Any, names: dict[int, str]) -> dict[str, Any]:
    """The topology with other names of layers.

    Args:
        topology: What `to_keras_2` gave.
        model: The model.
        names: The new names, by the layers' ids.
    """
    if not _is_graph(topology):
        return topology
    config = topology["config"]
    renamed: dict[str, str] = {}
    for entry, layer in _entries_and_layers(topology, model):
        old = entry["config"]["name"]
        renamed[old] = entry["config"]["name"] = names.get(id(layer), old)
        if "name" in entry:
            entry["name"] = renamed[old]
        with_names(entry, layer, names)
    nodes = [node for entry in config.get("layers", ()) for node in entry.get("inbound_nodes", ())]
    for references in (*nodes, config.get("input_layers", ()), config.get("output_layers", ())):
        for reference in references:
            reference[0] = renamed.get(reference[0], reference[0])
    return topology


def _is_graph(entry: dict[str, Any]) -> bool:
    """Whether it is a model; a layer of one's own may have an option `layers`, too."""
    layers = _dict(entry["config"]).get("layers")
    return entry["class_name"] in _GRAPHS and isinstance(layers, list)


def _entries_and_layers(topology: dict[str, Any], model: Any) -> Iterator[tuple[dict, Any]]:
    """The entries of a model's topology, each with its layer, as far as the model lists them."""
    if not _is_graph(topology):
        return
    layers = {layer.name: layer for layer in getattr(model, "layers", ())}
    for entry in topology["config"]["layers"]:
        name = entry["config"].get("name")
        if name in layers:
            yield entry, layers[name]


def _layer(entry: dict[str, Any]) -> dict[str, Any]:
    class_name, config = entry["class_name"], entry["config"]
    if not isinstance(config, dict):
        return {"class_name": class_name, "config": config}
    if _is_graph(entry):
        if "input_layers" in config:
            return {"class_name": "Functional", "config": _functional(config)}
        return {"class_name": class_name, "config": _sequential(config)}
    return {"class_name": class_name, "config": _layer_config(class_name, config)}


def _layer_config(class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    dropped = (*_DROPPED.get(class_name, ()), *_DROPPED_ALWAYS)
    renamed = _RENAMED.get(class_name, {})
    out: dict[str, Any] = {}
    if class_name == "InputLayer":
        out["batch_input_shape"] = config.get("batch_shape")
    for key, value in config.items():
        if key not in dropped:
            out[renamed.get(key, key)] = _value(key, value)
    if class_name == "Bidirectional":
        inner = out["layer"]["config"]
        # TensorFlow.js puts `forward_` and `backward_` before the name itself.
        inner["name"] = str(inner.get("name")).removeprefix("forward_")
    return out


def _value(key: str, value: Any) -> Any:
    if key in ("activation", "recurrent_activation") and isinstance(value, str):
        return _ACTIVATIONS.get(value, value)
    if isinstance(value, dict) and "class_name" in value:
        return _object(value)
    if isinstance(value, (list, tuple)):
        return [_value(key, x) for x in value]
    if isinstance(value, dict):
        return {k: _value(k, x) for k, x in value.items()}
    return value


def _object(entry: dict[str, Any]) -> Any:
    name, config = entry["class_name"], entry.get("config")
    module = entry.get("module") or ""
    if name in ("DTypePolicy", "FloatDTypePolicy") and isinstance(config, dict):
        return config.get("name")
    if module.startswith("keras.layers") or module in ("keras", "keras.src.models.functional"):
        return _layer(entry)
    if name == "function":
        return _FUNCTIONS.get(config, config) if isinstance(config, str) else config
    if not isinstance(config, dict):
        return {"class_name": name, "config": config}
    config = {k: _value(k, v) for k, v in config.items()}
    if name in ("L1", "L2"):
        return {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.0, **config}}
    return {"class_name": _INITIALIZERS.get(name, name), "config": config}


def _sequential(config: dict[str, Any]) -> dict[str, Any]:
    layers = [_layer(entry) for entry in config["layers"]]
    return {"name": config.get("name"), "layers": layers}


def _functional(config: dict[str, Any]) -> dict[str, Any]:
    # A nested model counts its own graph as its call 0.
    nested = {entry["name"]: entry["class_name"] for entry in config["layers"] if _is_graph(entry)}
    layers = []
    for entry in (as_layer(entry) or entry for entry in config["layers"]):
        nodes = [_node(node, nested) for node in entry.get("inbound_nodes", [])]
        layers.append({"name": entry["name"], **_layer(entry), "inbound_nodes": nodes})
    return {
        "name": config.get("name"),
        "layers": layers,
        "input_layers": _references(config["input_layers"], nested),
        "output_layers": _references(config["output_layers"], nested),
    }


def _dict(x: Any) -> dict:
    return x if isinstance(x, dict) else {}


def _node(node: dict[str, Any], nested: dict[str, str]) -> list:
    tensors: list[list] = []

    def collect(x: Any) -> None:
        if isinstance(x, dict) and x.get("class_name") == "__keras_tensor__":
            name, call, output = x["config"]["keras_history"]
            tensors.append([name, call + (name in nested), output, {}])
        elif isinstance(x, (list, tuple)):
            for item in x:
                collect(item)
        elif isinstance(x, dict):
            for item in x.values():
                collect(item)

    collect(node["args"])
    collect(node["kwargs"])
    plain = {k: v for k, v in node["kwargs"].items() if _is_plain(v)}
    if "training" in plain and plain["training"] is not None:
        plain["training"] = bool(plain["training"])
    if tensors and plain:
        tensors[0][3] = plain
    return tensors


def _is_plain(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return all(_is_plain(item) for item in x)
    return isinstance(x, (str, int, float, bool))


def _references(references: Any, nested: dict[str, str]) -> list[list]:
    if isinstance(references, dict):
        return [r for x in references.values() for r in _references(x, nested)]
    if isinstance(references, list) and len(references) == 3 and isinstance(references[0], str):
        name, call, output = references
        # Keras 3 counts a functional model's own graph here already, a Sequential's not.
        return [[name, call + (nested.get(name) == "Sequential"), output]]
    return [r for x in references for r in _references(x, nested)]
