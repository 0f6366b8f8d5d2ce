"""The table that `Model.summary()` prints, in Keras 3's form."""

from __future__ import annotations

import io
import re
import shutil
from typing import Any

from addax.layers.layer import Layer, map_shapes
from addax.layers.state import count_scalars, memory_size

# Width of the table and where its columns end, as in Keras 3, for linear models and for graphs.
_LINEAR = (88, [0.45, 0.80, 1.0])
_GRAPH = (108, [0.3, 0.56, 0.74, 1.0])
_TRAINABLE_WIDTH = 12
_NARROWEST_COLUMN = 4


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
) -> None:
    """Draws the table and hands it to `print_fn` in one piece, or prints it.

    Raises:
        ValueError: If `layer_range` names no layer, or the width is too small.
    """
    import rich.console
    import rich.markup

    connections = _Connections(model)
    width, ends = _LINEAR if connections.linear else _GRAPH
    ends = list(positions or ends)
    if show_trainable and positions is None:
        width += _TRAINABLE_WIDTH
        ends = [end * 0.90 for end in ends] + [1.0]
    width = line_length or min(width, shutil.get_terminal_size().columns - 4)
    table = _empty_table(width, ends, connections, show_trainable)
    for layer, depth in _listed(model, expand_nested, layer_range):
        table.add_row(*_row(layer, depth, connections, show_trainable))

    buffer = io.StringIO()
    if print_fn is not None:
        console = rich.console.Console(
            file=buffer,
            highlight=False,
            force_terminal=False,
            color_system=None,
            width=max(width, 80),
        )
    else:
        console = rich.console.Console(highlight=False, soft_wrap=False)
    console.print(rich.markup.escape(f'Model: "{model.name}"'), style="bold")
    console.print(table)
    for line in _totals(model):
        console.print(line)
    if print_fn is not None:
        print_fn(buffer.getvalue())


def _empty_table(width: int, ends: list, connections: _Connections, show_trainable: bool):
    import rich.table

    names: list[tuple[str, Any]] = [
        ("Layer (type)", "left"),
        ("Output Shape", "left"),
        ("Param #", "right"),
    ]
    if not connections.linear:
        names.append(("Connected to", "left"))
    if show_trainable:
        names.append(("Trainable", "center"))
    columns = []
    begin = 0
    for (name, justify), end in zip(names, ends, strict=False):
        column = int(end * width) - begin if end <= 1 else int(end) - begin
        if column < _NARROWEST_COLUMN:
            raise ValueError("Insufficient console width to print summary.")
        columns.append(rich.table.Column(name, justify=justify, width=column))
        begin += column
    return rich.table.Table(*columns, width=width, show_lines=True)


class _Connections:
    """How the layers of a model hang together.

    Attributes:
        linear: Whether each layer takes what the one before it gives, so that the column
            "Connected to" would say nothing.
    """

    def __init__(self, model):
        graph = getattr(model, "_graph", None)
        self._nodes = {id(node) for node in graph.nodes} if graph else set()
        self.linear = True
        if graph is None:
            return
        for nodes in graph.depths.values():
            if len(nodes) > 1 or len(nodes[0].arguments.keras_tensors) > 1:
                self.linear = False
        called = [node.operation for node in graph.nodes]
        if len({id(operation) for operation in called}) < len(called):
            self.linear = False

    def of(self, layer) -> str:
        """`a[0][0], b[0][0]`: layer, call, output that each input comes from."""
        found = []
        for node in layer._inbound_nodes:
            if id(node) not in self._nodes or node.is_input:
                continue
            for x in node.arguments.keras_tensors:
                source, call, output = x._keras_history
                found.append(f"{source.name}[{self._call_number(source, call)}][{output}]")
        return ", ".join(found) or "-"

    def _call_number(self, source, call: int) -> int:
        """Calls outside the model do not count."""
        return sum(id(node) in self._nodes for node in source._inbound_nodes[:call])


def _listed(model, expand_nested: bool, layer_range) -> list[tuple[Any, int]]:
    """The layers to list, with the depth they are nested at."""
    layers = getattr(model, "operations", model.layers)
    if layer_range is not None:
        layers = _in_range(layers, layer_range)
    found: list[tuple[Any, int]] = []

    def visit(layer, depth):
        found.append((layer, depth))
        if expand_nested:
            for inner in getattr(layer, "layers", None) or ():
                if isinstance(inner, Layer):
                    visit(inner, depth + 1)

    for layer in layers:
        visit(layer, 0)
    return found


def _in_range(layers: list, layer_range) -> list:
    if len(layer_range) != 2:
        raise ValueError(
            "layer_range must be a list or tuple of length 2. Received: layer_range = "
            f"{layer_range} of length {len(layer_range)}"
        )
    if not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            "layer_range should contain string type only. "
            f"Received: {[type(name) for name in layer_range]}"
        )
    found = [
        [index for index, layer in enumerate(layers) if re.match(pattern, layer.name)]
        for pattern in layer_range
    ]
    if not all(found):
        raise ValueError(
            "Passed layer_names do not match the layer names in the model. "
            f"Received: {tuple(layer_range)}"
        )
    first, last = found[0][0], found[1][-1]
    if first > last:
        first, last = found[1][0], found[0][-1]
    return layers[first : last + 1]


def _row(layer, depth: int, connections: _Connections, show_trainable: bool) -> list[str]:
    import rich.markup

    name = rich.markup.escape(layer.name)
    kind = rich.markup.escape(_type_name(layer))
    indent = "   " * depth + "└ " if depth else ""
    row = [f"{indent}{name} ([color(33)]{kind}[/])", _shape_text(layer), _count_text(layer)]
    if not connections.linear:
        row.append(rich.markup.escape(connections.of(layer) if depth == 0 else "-"))
    if show_trainable:
        if not _weights(layer):
            row.append("-")
        else:
            row.append("[bold color(34)]Y[/]" if layer.trainable else "[bold color(9)]N[/]")
    return row


def _type_name(layer) -> str:
    """The class name; for an operation the name of its function in camel case, as in Keras."""
    function = getattr(layer, "function_name", None)
    if function is None or isinstance(layer, Layer):
        return type(layer).__name__
    return "".join(part.capitalize() for part in function.rpartition(".")[2].split("_"))


def _weights(layer) -> list:
    return layer._collect_weights() if isinstance(layer, Layer) else []


def _count_text(layer) -> str:
    if isinstance(layer, Layer) and not layer.built:
        return "[color(34)]0[/] (unbuilt)"
    return f"[color(34)]{count_scalars(_weights(layer)):,}[/]"


def _shape_text(layer) -> str:
    shapes = _output_shapes(layer)
    if not shapes:
        return "?"
    texts = [_colored(shape) for shape in shapes]
    return texts[0] if len(texts) == 1 else f"\\[{', '.join(texts)}]"


def _output_shapes(layer) -> list:
    if layer._inbound_nodes:
        return [x.shape for x in layer._inbound_nodes[-1].output_tensors]
    tensors = getattr(layer, "_tensors", None)
    if isinstance(layer, Layer) and tensors:
        return [tensors[-1].shape]  # a Sequential that was never called symbolically
    built_with = getattr(layer, "_build_shapes", None)
    if not built_with:
        return []
    shapes: list = []
    try:
        values = list(built_with.values())
        map_shapes(shapes.append, layer.compute_output_shape(*values))
    except Exception:  # a user's layer need not tell its shape; the table then shows "?"
        return []
    return shapes


def _colored(shape: tuple) -> str:
    sizes = [f"[color(45)]{d}[/]" if d is None else f"[color(34)]{d}[/]" for d in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def _totals(model) -> list[str]:
    weights = {id(v): v for v in model._collect_weights()}
    trainable = [v for v in weights.values() if v.trainable] if model.trainable else []
    frozen_ids = {id(v) for v in trainable}
    frozen = [v for key, v in weights.items() if key not in frozen_ids]
    optimizer = getattr(model, "optimizer", None)
    slots = list(optimizer.variables) if optimizer is not None and optimizer.built else []
    lines = [
        ("Total params", [*weights.values(), *slots]),
        ("Trainable params", trainable),
        ("Non-trainable params", frozen),
    ]
    if slots:
        lines.append(("Optimizer params", slots))
    return [
        f"[bold] {name}: [/][color(34)]{count_scalars(values):,}[/] "
        f"({_readable(memory_size(values))})"
        for name, values in lines
    ]


def _readable(size: float) -> str:
    """Bytes in the unit that suits them, two decimals."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"
