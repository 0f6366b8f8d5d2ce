"""The long short-term memory cell (Hochreiter and Schmidhuber, 1997; Gers et al., 2000)."""

from __future__ import annotations

from typing import Any

from addax import activations, initializers, ops
from addax.layers.rnn.cell import RecurrentCell
from addax.layers.rnn.cell_layer import CellLayer, cell_option
from addax.layers.weight_options import add_optioned_weight
from addax.ops import recurrent


class LSTMCell(RecurrentCell):
    """One step of an LSTM.

    With `z = x @ kernel + bias + h @ recurrent_kernel` split into four parts i, f, g, o (Keras's
    order): `c = sigmoid(f) * c + sigmoid(i) * tanh(g)`, `h = sigmoid(o) * tanh(c)`.

    Args:
        units: Length of the states and the output, a positive integer.
        activation: In the place of tanh.
        recurrent_activation: In the place of sigmoid.
        use_bias: Whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        unit_forget_bias: Whether f's bias begins with ones (Jozefowicz et al., 2015).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the weights.
        kernel_constraint, recurrent_constraint, bias_constraint: Projections after updates.
        dropout: Fraction of the inputs dropped while training.
        recurrent_dropout: Fraction of the state dropped where it enters the product.
        seed: Seed of the dropouts.

    Call arguments:
        inputs: Tensor of shape `(batch, features)`.
        states: List `[h, c]` of tensors of shape `(batch, units)`.
        training: Whether to drop.

    Returns:
        The output `h` and the list `[h, c]`.
    """

    gates = 4

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
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
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def build_bias(self, width):
        if not self.unit_forget_bias:
            return super().build_bias(width)

        def initializer(shape, dtype=None):
            ends = self.bias_initializer((self.units * 3,), dtype=dtype)
            ones = initializers.Ones()((self.units,), dtype=dtype)
            return ops.concatenate([ends[: self.units], ones, ends[self.units :]], axis=0)

        return add_optioned_weight(self, "bias", (width,), initializer=initializer)

    def make_step(self, dropped):
        def step(projected, states):
            h, c = states
            i, f, g, o = self.split_gates(projected + self.recurrent_product(h, dropped))
            c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
            h = self.recurrent_activation(o) * self.activation(c)
            return h, [h, c]

        return step

    def recurrent_product(self, h, dropped):
        """What the state adds to the gates; `dropped` as of `make_step`."""
        h = h if dropped is None else h * dropped
        return ops.matmul(h, self.recurrent_kernel)

    def split_gates(self, z) -> list:
        """The parts i, f, g, o of the gates, which stand side by side."""
        return ops.split(z, 4, axis=-1)

    def has_operation(self):
        return (
            self.activation is activations.tanh and self.recurrent_activation is activations.sigmoid
        )

    def run_steps(self, projected, states, mask, **order):
        return recurrent.lstm(projected, states, self.recurrent_kernel, mask, **order)

    def get_config(self) -> dict[str, Any]:
        return {
            **self.options_config(),
            "recurrent_activation": activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }


class LSTM(CellLayer):
    """Runs an `LSTMCell` over sequences `(batch, time, features)`.

    Args:
        units to bias_constraint, dropout, recurrent_dropout, seed: Those of `LSTMCell`.
        activity_regularizer: Penalty on the outputs.
        return_sequences, return_state, go_backwards, stateful, unroll: Those of `RNN`.
        use_cudnn: Accepted for Keras's sake; there is one implementation.

    Call arguments and result are those of `RNN`; the states are `[h, c]`.
    """

    units = cell_option("units")
    activation = cell_option("activation")
    recurrent_activation = cell_option("recurrent_activation")
    unit_forget_bias = cell_option("unit_forget_bias")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
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
        use_cudnn="auto",
        **kwargs,
    ):
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            implementation=kwargs.pop("implementation", None),
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="lstm_cell",
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
