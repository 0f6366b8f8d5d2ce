"""The fully connected recurrent cell (Elman, 1990) and its layer."""

from __future__ import annotations

from addax import activations, ops
from addax.layers.rnn.cell import RecurrentCell
from addax.layers.rnn.cell_layer import CellLayer, cell_option
from addax.ops import recurrent


class SimpleRNNCell(RecurrentCell):
    """One step: `h = activation(x @ kernel + bias + h @ recurrent_kernel)`.

    Args:
        units: Length of the state and the output, a positive integer.
        activation: Name or function.
        use_bias: Whether a bias is added.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on them.
        kernel_constraint, recurrent_constraint, bias_constraint: Projections after updates.
        dropout: Fraction of the inputs dropped while training.
        recurrent_dropout: Fraction of the state dropped where it enters the product.
        seed: Seed of the dropouts.

    Call arguments:
        sequence: Tensor of shape `(batch, features)`.
        states: List with the state, of shape `(batch, units)`.
        training: Whether to drop.

    Returns:
        The output and the list with the new state, which is the output.
    """

    def __init__(
        self,
        units,
        activation="tanh",
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

    def make_step(self, dropped):
        def step(projected, states):
            h = states[0] if dropped is None else states[0] * dropped
            h = self.activation(projected + ops.matmul(h, self.recurrent_kernel))
            return h, [h]

        return step

    def has_operation(self):
        return self.activation in (activations.tanh, activations.relu)

    def run_steps(self, projected, states, mask, **order):
        activation = "relu" if self.activation is activations.relu else "tanh"
        return recurrent.simple_rnn(
            projected, states, self.recurrent_kernel, mask, activation, **order
        )


class SimpleRNN(CellLayer):
    """Runs a `SimpleRNNCell` over sequences `(batch, time, features)`.

    Args:
        units to bias_constraint, dropout, recurrent_dropout, seed: Those of `SimpleRNNCell`.
        activity_regularizer: Penalty on the outputs.
        return_sequences, return_state, go_backwards, stateful, unroll: Those of `RNN`.

    Call arguments and result are those of `RNN`.
    """

    units = cell_option("units")
    activation = cell_option("activation")

    def __init__(
        self,
        units,
        activation="tanh",
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
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        implementation = kwargs.pop("implementation", None)
        cell = SimpleRNNCell(
            units,
            activation=activation,
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
            seed=seed,
            implementation=implementation,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="simple_rnn_cell",
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
