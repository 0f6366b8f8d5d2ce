"""Layers that are an `RNN` around one cell of their own, with the cell's options as theirs."""

from __future__ import annotations

from typing import Any

from addax import regularizers
from addax.layers.input_spec import InputSpec
from addax.layers.rnn.rnn import RNN


def cell_option(name: str) -> property:
    """A read-only attribute of the layer that is the cell's."""
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class CellLayer(RNN):
    """Base of SimpleRNN, LSTM, GRU, ConvLSTM: the config is that of `RNN` and the cell in one."""

    # Rank of the sequences.
    input_ndim = 3

    use_bias = cell_option("use_bias")
    kernel_initializer = cell_option("kernel_initializer")
    recurrent_initializer = cell_option("recurrent_initializer")
    bias_initializer = cell_option("bias_initializer")
    kernel_regularizer = cell_option("kernel_regularizer")
    recurrent_regularizer = cell_option("recurrent_regularizer")
    bias_regularizer = cell_option("bias_regularizer")
    kernel_constraint = cell_option("kernel_constraint")
    recurrent_constraint = cell_option("recurrent_constraint")
    bias_constraint = cell_option("bias_constraint")
    dropout = cell_option("dropout")
    recurrent_dropout = cell_option("recurrent_dropout")
    seed = cell_option("seed")

    def __init__(self, cell, **kwargs):
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=self.input_ndim)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["cell"]
        options = self.cell.get_config()
        for name in ("name", "trainable", "dtype"):
            del options[name]
        regularizer = regularizers.serialize(self.activity_regularizer)
        return {**config, **options, "activity_regularizer": regularizer}

    @classmethod
    def from_config(cls, config):
        return cls(**config)
