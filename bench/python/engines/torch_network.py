"""A PyTorch network from the configuration and weights of a Keras model.

Each layer becomes what one would write in PyTorch: a module with its weights, or a function. Images
lie in memory as in Keras (channels_last), so that a flatten gives the same order after a permute.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional as F


class Network:
    """`module` is the `torch.fx.GraphModule`.

    Args:
        configuration: Keras's `model.to_json()`, parsed.
        weights: `model.get_weights()`.
        exact: Pads as Keras does, at the end first. Otherwise an uneven padding becomes the
            even one of PyTorch's own models, which costs no pass of its own and gives the same
            shapes: for timing.
    """

    def __init__(
        self, configuration: dict[str, Any], weights: list[np.ndarray], exact: bool = False
    ) -> None:
        self.exact = exact
        self._weights = iter(weights)
        self._modules = nn.Module()
        self._graph = fx.Graph()
        self._values: dict[str, fx.Node] = {}
        self._sizes: dict[fx.Node, list[int]] = {}  # height and width of images
        self._padding: dict[fx.Node, tuple[fx.Node, Any]] = {}
        last: str | None = None
        for layer in configuration["config"]["layers"]:
            name = layer["config"]["name"]
            sources = _sources(layer) if "inbound_nodes" in layer else [last]
            inputs = [self._values[source] for source in sources if source in self._values]
            rule = getattr(self, "_" + layer["class_name"], None)
            if rule is None:
                raise NotImplementedError(f"no rule for the layer {layer['class_name']}")
            value = rule(name, layer["config"], *inputs)
            if inputs and inputs[0] in self._sizes:
                self._sizes.setdefault(value, self._sizes[inputs[0]])
            self._values[name] = value
            last = name
        self._graph.output(self._values[last])
        self.module = fx.GraphModule(self._modules, self._graph)
        # Paddings and embeddings that became part of what reads them.
        self.module.graph.eliminate_dead_code()
        self.module.delete_all_unused_submodules()
        self.module.recompile()
        if next(self._weights, None) is not None:
            raise ValueError("The configuration has fewer weights than were given.")

    # Building blocks

    def _add(self, name: str, module: nn.Module, *inputs: Any) -> fx.Node:
        self._modules.add_module(name, module)
        return self._graph.call_module(name, inputs)

    def _function(self, function: Any, *inputs: Any, **options: Any) -> fx.Node:
        return self._graph.call_function(function, inputs, options)

    def _next(self) -> torch.Tensor:
        return torch.from_numpy(next(self._weights).copy())

    def _activated(self, x: fx.Node, config: dict[str, Any]) -> fx.Node:
        functions = {"relu": F.relu, "gelu": F.gelu, "sigmoid": torch.sigmoid}
        activation = config["activation"]
        return x if activation == "linear" else self._function(functions[activation], x)

    # Layers

    def _InputLayer(self, name: str, config: dict) -> fx.Node:
        x = self._graph.placeholder("x")
        if len(config["batch_shape"]) == 4:
            self._sizes[x] = list(config["batch_shape"][1:3])
        return x

    def _Dense(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        kernel = self._next()
        dense = nn.Linear(*kernel.shape)
        dense.weight.data = kernel.T.contiguous()
        dense.bias.data = self._next()
        return self._activated(self._add(name, dense, x), config)

    def _Conv2D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        kernel = self._next().permute(3, 2, 0, 1).contiguous()  # to (out, in, height, width)
        filters, channels, *size = kernel.shape
        bias = self._next() if config["use_bias"] else None

        def make(x: fx.Node, padding: Any, ceil: bool) -> fx.Node:
            convolution = nn.Conv2d(
                channels, filters, size, config["strides"], padding, bias=bias is not None
            )
            convolution.weight.data = kernel
            if bias is not None:
                convolution.bias.data = bias
            return self._add(name, convolution, x)

        y = self._window(x, config, size, make)
        activated = self._activated(y, config)
        self._sizes[activated] = self._sizes[y]
        return activated

    def _DepthwiseConv2D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        kernel = self._next().permute(2, 3, 0, 1).contiguous()
        channels, multiplier, *size = kernel.shape
        filters = channels * multiplier

        def make(x: fx.Node, padding: Any, ceil: bool) -> fx.Node:
            convolution = nn.Conv2d(
                channels, filters, size, config["strides"], padding, groups=channels, bias=False
            )
            convolution.weight.data = kernel
            return self._add(name, convolution, x)

        return self._window(x, config, size, make)

    def _SeparableConv2D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        x = self._DepthwiseConv2D(name + "_depthwise", config, x)
        pointwise = {**config, "padding": "valid", "strides": (1, 1)}
        return self._Conv2D(name + "_pointwise", pointwise, x)

    def _Conv2DTranspose(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        kernel = self._next().permute(3, 2, 0, 1).contiguous()  # (in, out, height, width)
        channels, filters, *size = kernel.shape
        # "same": the output has strides times the input's size; Keras cuts the end first.
        strides = config["strides"]
        cut = [k - s for k, s in zip(size, strides)]
        uneven = [c % 2 for c in cut]
        if self.exact:
            padding, more = [0, 0], [0, 0]
        else:
            padding, more = [c // 2 + u for c, u in zip(cut, uneven)], uneven
        convolution = nn.ConvTranspose2d(channels, filters, size, strides, padding, more)
        convolution.weight.data = kernel
        convolution.bias.data = self._next()
        y = self._add(name, convolution, x)
        if self.exact:
            rows, columns = (slice(c // 2, -(c - c // 2) or None) for c in cut)
            y = self._function(operator.getitem, y, (slice(None), slice(None), rows, columns))
        y = self._activated(y, config)
        self._sizes[y] = [n * s for n, s in zip(self._sizes[x], strides)]
        return y

    def _ZeroPadding2D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        (top, bottom), (left, right) = config["padding"]
        y = self._function(F.pad, x, (left, right, top, bottom))
        self._padding[y] = (x, [(top, bottom), (left, right)])
        height, width = self._sizes[x]
        self._sizes[y] = [height + top + bottom, width + left + right]
        return y

    def _BatchNormalization(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        weight, bias, mean, variance = (self._next() for _ in range(4))
        norm = nn.BatchNorm2d(len(weight), config["epsilon"], 1 - config["momentum"])
        norm.weight.data, norm.bias.data = weight, bias
        norm.running_mean, norm.running_var = mean, variance
        return self._add(name, norm, x)

    def _LayerNormalization(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        weight = self._next()
        norm = nn.LayerNorm(len(weight), config["epsilon"])
        norm.weight.data, norm.bias.data = weight, self._next()
        return self._add(name, norm, x)

    def _MaxPooling2D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        size, strides = tuple(config["pool_size"]), tuple(config["strides"])

        def make(x: fx.Node, padding: Any, ceil: bool) -> fx.Node:
            return self._function(F.max_pool2d, x, size, strides, padding, ceil_mode=ceil)

        return self._window(x, config, list(size), make, pool=True)

    def _GlobalAveragePooling2D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        return self._function(torch.mean, x, (2, 3))

    def _GlobalMaxPooling2D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        return self._function(torch.amax, x, (2, 3))

    def _GlobalAveragePooling1D(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        if x.op == "call_module" and isinstance(
            embedding := self._modules.get_submodule(x.target), nn.Embedding
        ):
            # PyTorch's own layer for the mean of embedded words.
            bag = nn.EmbeddingBag(embedding.num_embeddings, embedding.embedding_dim, mode="mean")
            bag.weight = embedding.weight
            return self._add(name, bag, x.args[0])
        return self._function(torch.mean, x, 1)

    def _Flatten(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        x = self._graph.call_method("permute", (x, 0, 2, 3, 1))
        return self._graph.call_method("reshape", (x, self._graph.call_method("size", (x, 0)), -1))

    def _Dropout(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        return self._add(name, nn.Dropout(config["rate"]), x)

    def _ReLU(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        return self._function(F.relu6 if config["max_value"] else F.relu, x)

    def _Activation(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        return self._activated(x, config)

    def _Add(self, name: str, config: dict, *x: fx.Node) -> fx.Node:
        return self._function(operator.add, *x)

    def _Embedding(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        table = self._next()
        embedding = nn.Embedding(*table.shape)
        embedding.weight.data = table
        return self._add(name, embedding, x)

    def _LSTM(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        kernel, recurrent, bias = self._next(), self._next(), self._next()
        lstm = nn.LSTM(kernel.shape[0], recurrent.shape[0], batch_first=True)
        return self._last_step(name, lstm, x, kernel, recurrent, bias, torch.zeros_like(bias))

    def _GRU(self, name: str, config: dict, x: fx.Node) -> fx.Node:
        kernel, recurrent, (bias, hidden) = self._next(), self._next(), self._next()
        gru = nn.GRU(kernel.shape[0], recurrent.shape[0], batch_first=True)

        def reset_first(w: torch.Tensor) -> torch.Tensor:  # Keras has the update gate first
            update, reset, candidate = w.chunk(3, dim=-1)
            return torch.cat([reset, update, candidate], dim=-1)

        ordered = [reset_first(w) for w in (kernel, recurrent, bias, hidden)]
        return self._last_step(name, gru, x, *ordered)

    def _last_step(self, name: str, layer: Any, x: fx.Node, *weights: torch.Tensor) -> fx.Node:
        kernel, recurrent, bias, hidden = weights
        layer.weight_ih_l0.data = kernel.T.contiguous()
        layer.weight_hh_l0.data = recurrent.T.contiguous()
        layer.bias_ih_l0.data, layer.bias_hh_l0.data = bias.clone(), hidden.clone()
        sequence = self._function(operator.getitem, self._add(name, layer, x), 0)
        return self._function(operator.getitem, sequence, (slice(None), -1))

    def _MultiHeadAttention(self, name: str, config: dict, x: fx.Node, *_: fx.Node) -> fx.Node:
        weights = [self._next() for _ in range(8)]
        return self._add(name, SelfAttention(config["num_heads"], *weights), x)

    # Windows over images

    def _window(
        self, x: fx.Node, config: dict, size: list[int], make: Any, pool: bool = False
    ) -> fx.Node:
        """`make(x, padding, ceil)` over a window of `size`, padded as the configuration says."""
        strides, lengths = config["strides"], self._sizes[x]
        if config["padding"] == "same":
            result = [-(-n // s) for n, s in zip(lengths, strides)]
            total = [
                max(0, (m - 1) * s + k - n) for m, s, k, n in zip(result, strides, size, lengths)
            ]
            sides = [(t // 2, t - t // 2) for t in total]
        else:
            result = [(n - k) // s + 1 for n, s, k in zip(lengths, strides, size)]
            x, sides = (
                self._padding.get(x, (x, [(0, 0), (0, 0)])) if not pool else (x, [(0, 0)] * 2)
            )
        uneven = any(before != after for before, after in sides)
        if pool:  # an end that is not there counts as -inf
            y = make(x, tuple(before for before, _ in sides), uneven)
        elif uneven and self.exact:
            (top, bottom), (left, right) = sides
            y = make(self._function(F.pad, x, (left, right, top, bottom)), 0, False)
        else:
            y = make(x, tuple(after for _, after in sides), False)
        self._sizes[y] = result
        return y


class SelfAttention(nn.Module):
    """Self-attention with one projection for queries, keys and values."""

    def __init__(self, heads: int, *weights: torch.Tensor) -> None:
        super().__init__()
        *parts, output, output_bias = weights
        width = parts[0].shape[0]
        self.heads = heads
        self.projection = nn.Linear(width, 3 * width)
        self.projection.weight.data = torch.cat([w.reshape(width, -1) for w in parts[::2]], 1).T
        self.projection.weight.data = self.projection.weight.data.contiguous()
        self.projection.bias.data = torch.cat([b.reshape(-1) for b in parts[1::2]])
        self.output = nn.Linear(width, width)
        self.output.weight.data = output.reshape(width, width).T.contiguous()
        self.output.bias.data = output_bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        shaped = self.projection(x).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = shaped.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.output(attended.transpose(1, 2).reshape(batch, tokens, width))


def _sources(layer: dict[str, Any]) -> list[str]:
    """Names of the layers that a layer of a functional model reads, in order."""
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
            found.append(part["config"]["keras_history"][0])
        elif isinstance(part, dict):
            walk(list(part.values()))
        elif isinstance(part, list | tuple):
            for inner in part:
                walk(inner)

    walk(layer["inbound_nodes"])
    return found
