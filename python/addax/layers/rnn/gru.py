"""The gated recurrent unit (Cho et al., 2014) and its layer."""

from __future__ import annotations

from typing import Any

from addax import activations, ops
from addax.layers.rnn.cell import RecurrentCell
from addax.layers.rnn.cell_layer import CellLayer, cell_option
from addax.layers.weight_options import add_optioned_weight
from addax.ops import recurrent


class GRUCell(RecurrentCell):
    """One step of a GRU: `h = z * h + (1 - z) * candidate`.

    The kernels hold the parts of z, r and the candidate in this order. `z` and `r` are
    `sigmoid(x @ kernel + h @ recurrent_kernel + bias)`. The reset gate r works on
    `h @ recurrent_kernel + bias` if `reset_after` (two biases, as in cuDNN), else on `h` before
    that product (as in the paper).

    Args:
        units: Length of the state and the output, a positive integer.
        activation: Of the candidate.
        recurrent_activation: Of z and r.
        use_bias: Whether biases are added.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: Projections after updates.
        dropout: Fraction of the inputs dropped while training.
        recurrent_dropout: Fraction of the state dropped where it enters the products.
        reset_after: Where the reset gate works.
        seed: Seed of the dropouts.

    Call arguments:
        inputs: Tensor of shape `(batch, features)`.
        states: List with the state, of shape `(batch, units)`.
        training: Whether to drop.

    Returns:
        The output and the list with the new state, which is the output.
    """

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def build_bias(self, width):
        # Row 0 is added to the input's product, row 1 to the state's.
        return add_optioned_weight(self, "bias", (2, width) if self.reset_after else (width,))

    def add_input_bias(self, projected):
        if self.bias is None:
            return projected
        return projected + (self.bias[0] if self.reset_after else self.bias)

    def make_step(self, dropped):
        return self._reset_after(dropped) if self.reset_after else self._reset_before(dropped)

    def _reset_after(self, dropped):
        bias = None if self.bias is None else self.bias[1]

        def step(projected, states):
            h = states[0]
            recurrent = ops.matmul(h if dropped is None else h * dropped, self.recurrent_kernel)
            if bias is not None:
                recurrent = recurrent + bias
            x_z, x_r, x_h = ops.split(projected, 3, axis=-1)
            h_z, h_r, h_h = ops.split(recurrent, 3, axis=-1)
            z = self.recurrent_activation(x_z + h_z)
            r = self.recurrent_activation(x_r + h_r)
            h = z * h + (1.0 - z) * self.activation(x_h + r * h_h)
            return h, [h]

        return step

    def _reset_before(self, dropped):
        gates_kernel = self.recurrent_kernel[:, : 2 * self.units]
        candidate_kernel = self.recurrent_kernel[:, 2 * self.units :]

        def step(projected, states):
            h = states[0]
            entering = h if dropped is None else h * dropped
            x_z, x_r, x_h = ops.split(projected, 3, axis=-1)
            h_z, h_r = ops.split(ops.matmul(entering, gates_kernel), 2, axis=-1)
            z = self.recurrent_activation(x_z + h_z)
            r = self.recurrent_activation(x_r + h_r)
            candidate = self.activation(x_h + ops.matmul(r * entering, candidate_kernel))
            h = z * h + (1.0 - z) * candidate
            return h, [h]

        return step

    def has_operation(self):
        return (
            self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        )

    def run_steps(self, projected, states, mask, **order):
        bias = self._recurrent_bias(projected.dtype) if self.reset_after else None
        return recurrent.gru(projected, states, self.recurrent_kernel, bias, mask, **order)

    def _recurrent_bias(self, dtype):
        if self.bias is None:
            return ops.zeros((3 * self.units,), dtype=dtype)
        return self.bias[1]

    def get_config(self) -> dict[str, Any]:
        return {
            **self.options_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }


class GRU(CellLayer):
    """Runs a `GRUCell` over sequences `(batch, time, features)`.

    Args:
        units to bias_constraint, dropout, recurrent_dropout, seed, reset_after: Those of
            `GRUCell`.
        activity_regularizer: Penalty on the outputs.
        return_sequences, return_state, go_backwards, stateful, unroll: Those of `RNN`.
        use_cudnn: Accepted for Keras's sake; there is one implementation.

    Call arguments and result are those of `RNN`.
    """

    units = cell_option("units")
    activation = cell_option("activation")
    recurrent_activation = cell_option("recurrent_activation")
    reset_after = cell_option("reset_after")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_after,
            seed=seed,
            implementation=kwargs.pop("implementation", None),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="gru_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn
