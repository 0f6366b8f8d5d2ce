"""Pictures of a model's graph, drawn by Graphviz."""

from __future__ import annotations

import itertools
import os
from typing import Any

_MISSING = (
    "You must install pydot (`pip install addax[plot]`) for `{}` to work, "
    "and graphviz (see instructions at https://graphviz.gitlab.io/download/)."
)


def _pydot(what: str) -> Any:
    try:
        import pydot  # type: ignore[import-not-found, unused-ignore]
    except ImportError as e:
        raise ImportError(_MISSING.format(what)) from e
    return pydot


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """The graph of a model as a pydot graph.

    Args:
        model: A built model.
        show_shapes: Whether to show shapes of inputs and outputs.
        show_dtype: Whether to show dtypes.
        show_layer_names: Whether to show the layers' names.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: Whether to draw what is inside nested models.
        dpi: Resolution.
        subgraph: Whether to make a cluster instead of a graph.
        show_layer_activations: Whether to show activation functions.
        show_trainable: Whether to show if a layer is trained.
        splines: How edges are drawn.

    Raises:
        ValueError: If the model is not built or an argument is unknown.
        ImportError: Without pydot.
    """
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            "calling the model on a batch of data."
        )
    pydot = _pydot("model_to_dot")
    if subgraph:
        graph = pydot.Cluster(style="dashed", graph_name=model.name)
        graph.set("label", model.name)
    else:
        graph = pydot.Dot()
        graph.set("rankdir", rankdir)
        graph.set("dpi", dpi)
        graph.set("splines", splines)
        graph.set_node_defaults(shape="record")
    shown: dict[str, Any] = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    for layer in _layers_of(model):
        if expand_nested and _is_model(layer):
            inside = model_to_dot(
                layer, rankdir=rankdir, expand_nested=True, subgraph=True, **shown
            )
            graph.add_subgraph(inside)
        else:
            graph.add_node(pydot.Node(str(id(layer)), label=_label(layer, **shown)))
    for source, target in _edges_of(model):
        source, target = _last_of(source, expand_nested), _first_of(target, expand_nested)
        graph.add_edge(pydot.Edge(str(id(source)), str(id(target))))
    return graph


def _is_model(layer: Any) -> bool:
    from addax.models.model import Model

    return isinstance(layer, Model)


def _layers_of(model: Any) -> list[Any]:
    """The layers, the inputs among them where the model has a graph."""
    layers = list(model.layers)
    entries = [layer for layer in getattr(model, "input_layers", ()) if layer not in layers]
    return entries + layers


def _edges_of(model: Any) -> list[tuple[Any, Any]]:
    """Pairs of layers of which the second takes what the first gives."""
    layers = _layers_of(model)
    if not getattr(model, "input_layers", ()):
        return list(itertools.pairwise(layers))
    known = {id(layer) for layer in layers}
    edges: dict[tuple[int, int], tuple[Any, Any]] = {}
    for layer in layers:
        for node in getattr(layer, "_inbound_nodes", ()):
            for tensor in () if node.is_input else node.input_tensors:
                source = tensor._keras_history.operation
                if id(source) in known:
                    edges[(id(source), id(layer))] = (source, layer)
    return list(edges.values())


def _first_of(layer: Any, expand_nested: bool) -> Any:
    while expand_nested and _is_model(layer):
        layer = _layers_of(layer)[0]
    return layer


def _last_of(layer: Any, expand_nested: bool) -> Any:
    while expand_nested and _is_model(layer):
        layer = _layers_of(layer)[-1]
    return layer


def _label(
    layer: Any,
    show_shapes: bool,
    show_dtype: bool,
    show_layer_names: bool,
    show_layer_activations: bool,
    show_trainable: bool,
) -> str:
    """The text of a node in Graphviz's record language."""
    title = type(layer).__name__
    if show_layer_names:
        title = f"{layer.name} ({title})"
    cells = [title]
    activation = getattr(layer, "activation", None)
    if show_layer_activations and activation is not None:
        cells.append(f"Activation: {getattr(activation, '__name__', activation)}")
    if show_shapes:
        cells.append(
            f"Input shape: {_shape_of(layer, 'input')}|Output shape: {_shape_of(layer, 'output')}"
        )
    if show_dtype:
        cells.append(f"Output dtype: {layer.compute_dtype}")
    if show_trainable:
        cells.append("Trainable" if layer.trainable else "Non-trainable")
    return "{" + "|".join(_escaped(cell) for cell in cells) + "}"


def _shape_of(layer: Any, side: str) -> str:
    from addax import tree

    try:
        tensors = getattr(layer, side)
    except (AttributeError, ValueError, RuntimeError):
        return "?"
    return str(tree.map_structure(lambda tensor: tuple(tensor.shape), tensors))


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "{}<>" else c for c in text)


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draws the graph of a model into a file; the arguments are those of `model_to_dot`.

    Returns:
        An IPython image in a notebook, else `None`.

    Raises:
        ValueError: If the model is not built.
        ImportError: Without pydot or Graphviz.
    """
    pydot: Any = _pydot("plot_model") if model.built and not kwargs else None
    graph = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    path = os.fspath(to_file)
    ending = os.path.splitext(path)[1].lstrip(".") or "png"
    try:
        pydot.Dot.create(pydot.Dot())
    except OSError as e:
        raise ImportError(_MISSING.format("plot_model")) from e
    graph.write(path, format=ending)
    if ending == "pdf":
        return None
    try:
        from IPython import display  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return display.Image(filename=path)
