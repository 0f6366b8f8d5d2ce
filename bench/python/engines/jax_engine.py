"""Plain JAX: a jitted function for a call and a jitted step, parameters as a list of arrays.

For the workloads whose definition is a few lines. Weights and their order are Keras's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from workloads import Workload

from engines import base


def _mlp(weights: list, x: Any) -> Any:
    *hidden, (kernel, bias) = zip(weights[::2], weights[1::2])
    for w, b in hidden:
        x = jax.nn.relu(x @ w + b)
    return x @ kernel + bias


def _text(weights: list, x: Any) -> Any:
    table, kernel, bias = weights
    return table[x].mean(axis=1) @ kernel + bias


def _lstm(weights: list, x: Any) -> Any:
    kernel, recurrent, bias, dense, dense_bias = weights
    projected = jnp.swapaxes(x @ kernel + bias, 0, 1)  # of all steps at once, time first

    def step(state: tuple, given: Any) -> tuple:
        hidden, cell = state
        i, f, g, o = jnp.split(given + hidden @ recurrent, 4, axis=-1)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(cell), cell), None

    zeros = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    (hidden, _), _ = lax.scan(step, (zeros, zeros), projected)
    return hidden @ dense + dense_bias


def _gru(weights: list, x: Any) -> Any:
    kernel, recurrent, biases, dense, dense_bias = weights
    projected = jnp.swapaxes(x @ kernel + biases[0], 0, 1)

    def step(hidden: Any, given: Any) -> tuple:
        z, r, n = jnp.split(given, 3, axis=-1)
        hz, hr, hn = jnp.split(hidden @ recurrent + biases[1], 3, axis=-1)
        update = jax.nn.sigmoid(z + hz)
        candidate = jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn)
        return update * hidden + (1 - update) * candidate, None

    zeros = jnp.zeros((x.shape[0], recurrent.shape[0]), x.dtype)
    hidden, _ = lax.scan(step, zeros, projected)
    return hidden @ dense + dense_bias


def _transformer(weights: list, x: Any) -> Any:
    attention = weights[2:10]
    y = _layer_norm(x, *weights[:2])
    x = x + _self_attention(y, attention)
    y = _layer_norm(x, *weights[10:12])
    y = jax.nn.gelu(y @ weights[12] + weights[13], approximate=False)
    x = x + y @ weights[14] + weights[15]
    return x.mean(axis=1) @ weights[16] + weights[17]


def _layer_norm(x: Any, scale: Any, shift: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-6) * scale + shift


def _self_attention(x: Any, weights: list) -> Any:
    parts = [jnp.einsum("btd,dhk->bthk", x, w) + b for w, b in zip(weights[:6:2], weights[1:6:2])]
    attended = jax.nn.dot_product_attention(*parts)
    return jnp.einsum("bthk,hkd->btd", attended, weights[6]) + weights[7]


_FUNCTIONS: dict[str, Callable[[list, Any], Any]] = {
    "tiny_mlp": _mlp,
    "mlp": _mlp,
    "tabular": _mlp,
    "text": _text,
    "lstm": _lstm,
    "gru": _gru,
    "transformer": _transformer,
}


def _definition(workload: Workload, folder: Path) -> tuple[Callable[[list, Any], Any], list]:
    with np.load(folder / "weights.npz") as saved:
        return _FUNCTIONS[workload.name], [jnp.asarray(saved[name]) for name in saved.files]


class Training(base.Training):
    way = "jitted step, donated state"

    def prepare(self) -> None:
        self.apply, self.weights = _definition(self.workload, self.folder)
        self.step = jax.jit(self._step, donate_argnums=0)

    def compile(self) -> None:
        self.state = self._first_state()

    def epoch(self) -> None:
        size = self.workload.batch
        for start in range(0, len(self.x), size):
            self.state, loss = self.step(
                self.state, self.x[start : start + size], self.y[start : start + size]
            )
        loss.block_until_ready()

    def losses(self, epochs: int) -> list[float]:
        self.state = self._first_state()
        size, found = self.workload.batch, []
        for _ in range(epochs):
            steps = []
            for start in range(0, len(self.x), size):
                self.state, loss = self.step(
                    self.state, self.x[start : start + size], self.y[start : start + size]
                )
                steps.append(float(loss))
            found.append(float(np.mean(steps)))
        return found

    def _first_state(self) -> Any:
        weights = [jnp.array(w) for w in self.weights]  # copies: the state is donated
        zeros = [[jnp.zeros_like(w) for w in weights] for _ in range(2)]
        return weights, *zeros, jnp.zeros((), jnp.float32)

    def _step(self, state: Any, x: Any, y: Any) -> Any:
        """Adam, with Keras's placing of epsilon."""
        weights, means, squares, count = state

        def loss_of(weights: list) -> Any:
            logs = jax.nn.log_softmax(self.apply(weights, x))
            return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()

        loss, gradients = jax.value_and_grad(loss_of)(weights)
        count = count + 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        means = [m + 0.1 * (g - m) for m, g in zip(means, gradients)]
        squares = [v + 0.001 * (g * g - v) for v, g in zip(squares, gradients)]
        weights = [w - rate * m / (jnp.sqrt(v) + 1e-7) for w, m, v in zip(weights, means, squares)]
        return (weights, means, squares, count), loss


class Inference(base.Inference):
    def calls(self) -> dict[str, Callable[[], Any]]:
        apply, weights = _definition(self.workload, self.folder)
        function = jax.jit(lambda x: apply(weights, x))
        return {f"b{batch}": self._call(function, x) for batch, x in self.inputs.items()}

    def _call(self, function: Any, x: Any) -> Callable[[], Any]:
        return lambda: np.asarray(function(x))
