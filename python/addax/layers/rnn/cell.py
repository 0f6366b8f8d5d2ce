"""What the recurrent cells share, and how a layer gets a step function from any cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from addax import activations, ops, random, tree
from addax.layers.arguments import fraction, positive_integer
from addax.layers.layer import Layer
from addax.layers.weight_options import (
    add_optioned_weight,
    set_weight_options,
    weight_options_config,
)

# project(inputs): inputs of one step or, with leading axes, of many → what step() takes.
Project = Callable[[Any], Any]
# step(projected, states): → (output, new states), both lists of states.
Step = Callable[[Any, list], tuple[Any, list]]


class RecurrentCell(Layer):
    """Base of SimpleRNNCell, LSTMCell and GRUCell.

    The work of a step falls into `project`, the part that does not depend on the states and is
    done for all steps at once when a layer runs the cell, and `step`, the rest. Both come from
    `begin`, which does once what is the same for all steps (dropout patterns, splitting the
    recurrent kernel).

    Subclasses set `gates`, the number of matrices side by side in the kernels.
    """

    gates = 1

    def __init__(
        self,
        units,
        activation,
        use_bias,
        kernel,
        recurrent,
        bias,
        dropout,
        recurrent_dropout,
        seed,
        **kwargs,
    ):
        units = positive_integer(
            units,
            "Received an invalid value for argument `units`, expected a positive integer, "
            f"got {units}.",
        )
        kwargs.pop("implementation", None)  # Keras 2 had two ways to compute the same.
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        set_weight_options(self, kernel=kernel, recurrent=recurrent, bias=bias)
        self.dropout = fraction(dropout, "dropout")
        self.recurrent_dropout = fraction(recurrent_dropout, "recurrent_dropout")
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.state_size: Any = units
        self.output_size = units

    def build(self, input_shape):
        width = self.units * self.gates
        self.kernel = add_optioned_weight(self, "kernel", (input_shape[-1], width))
        self.recurrent_kernel = add_optioned_weight(
            self, "recurrent_kernel", (self.units, width), options="recurrent"
        )
        self.bias = self.build_bias(width) if self.use_bias else None
        self.built = True

    def build_bias(self, width: int):
        return add_optioned_weight(self, "bias", (width,))

    def begin(self, batch_size, training: bool) -> tuple[Project, Step]:
        """Returns `project` and `step` for one run over a batch of sequences.

        Random numbers are drawn here: the dropout pattern of a sequence is one for all its
        steps (Gal and Ghahramani, 2016).
        """
        dropped = self._input_pattern(batch_size, training)
        recurrent = self._state_pattern(batch_size, training)
        return lambda inputs: self._project(inputs, dropped), self.make_step(recurrent)

    def _project(self, inputs, dropped):
        if dropped is not None:
            inputs = inputs * dropped
        return self.add_input_bias(ops.matmul(inputs, self.kernel))

    def runs_whole(self, training: bool) -> bool:
        """Whether `run_whole` computes what `begin`'s functions do: there is an operation of the
        core for the cell with these options, and no method that it stands for was overridden."""
        if (training and self.recurrent_dropout > 0) or not self.has_operation():
            return False
        own = next(c for c in type(self).__mro__ if "run_steps" in vars(c))
        replaced = ("call", "begin", "make_step", "add_input_bias")
        return all(getattr(type(self), name) is getattr(own, name) for name in replaced)

    def has_operation(self) -> bool:
        """Whether the core has an operation for all steps of this cell."""
        return False

    def run_whole(self, sequences, states: list, mask, training: bool, **order: bool):
        """Runs over sequences `(batch, time, features)` in one operation.

        Returns:
            The last output, all outputs `(batch, time, units)` in the order in which they were
            computed, and the last states.
        """
        batch_size = ops.shape(sequences)[0]
        dropped = self._input_pattern(batch_size, training)
        if dropped is not None:
            dropped = ops.expand_dims(dropped, 1)
        return self.run_steps(self._project(sequences, dropped), states, mask, **order)

    def run_steps(self, projected, states: list, mask, **order: bool):
        """The operation, on the inputs' product; `order` as of `addax.ops.recurrent`."""
        raise AssertionError(f"{type(self).__name__} has no operation for all steps")

    def make_step(self, dropped) -> Step:
        """The step function; `dropped` is None or the factors of the recurrent dropout."""
        raise AssertionError(f"{type(self).__name__} must make its step")

    def add_input_bias(self, projected):
        return projected if self.bias is None else projected + self.bias

    def _input_pattern(self, batch_size, training: bool):
        """Factors that drop inputs; None if none are dropped."""
        return self._pattern((batch_size, self.kernel.shape[0]), self.dropout, training)

    def _state_pattern(self, batch_size, training: bool):
        """Factors that drop the state where it enters the product; None if none are dropped."""
        return self._pattern((batch_size, self.units), self.recurrent_dropout, training)

    def _pattern(self, shape, rate, training):
        """Zeros and `1 / (1 - rate)`s of the given shape; None if nothing is dropped."""
        if not training or rate == 0:
            return None
        ones = ops.ones(shape, dtype=self.compute_dtype)
        return random.dropout(ones, rate, seed=self.seed_generator)

    def call(self, inputs, states, training=False):
        states = list(states) if isinstance(states, list | tuple) else [states]
        project, step = self.begin(ops.shape(inputs)[0], training)
        return step(project(inputs), states)

    def get_initial_state(self, batch_size=None):
        return [
            ops.zeros((batch_size, size), dtype=self.compute_dtype)
            for size in tree.flatten(self.state_size)
        ]

    def compute_output_shape(self, inputs_shape, states_shape=None):
        states = [(inputs_shape[0], size) for size in tree.flatten(self.state_size)]
        return (inputs_shape[0], *output_sizes(self)), states

    def options_config(self) -> dict[str, Any]:
        """The entries that all cells have, before those of the subclass."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weights_config(),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }

    def _weights_config(self) -> dict[str, Any]:
        names = ("kernel", "recurrent", "bias")
        return weight_options_config(self, *names, activity_regularizer=False)

    def get_config(self) -> dict[str, Any]:
        return self.options_config()


def output_sizes(cell) -> tuple:
    """The shape of a cell's output without the batch; its first state's if it does not say."""
    size = getattr(cell, "output_size", None)
    if size is None:
        size = tree.flatten(cell.state_size)[0]
    return tuple(size) if isinstance(size, list | tuple) else (size,)


def step_shapes(cell, inputs_shape) -> tuple[tuple, list]:
    """Shapes of a cell's output and of its list of new states, for inputs at one step."""
    if hasattr(cell, "begin"):  # one of ours, whose states may be images
        return cell.compute_output_shape(inputs_shape)
    batch = inputs_shape[0]
    states = tree.map_structure(lambda size: (batch, size), cell.state_size)
    several = tree.is_nested(cell.state_size)
    return (batch, *output_sizes(cell)), list(states) if several else [states]


def begin(cell, batch_size, training: bool | None) -> tuple[Project, Step]:
    """`cell.begin` where the cell has one, else functions that call the cell.

    A cell of ours whose `call` was overridden is called, too.
    """
    offered = getattr(cell, "begin", None)
    if offered is not None and type(cell).call in _SPLIT_CALLS:
        return offered(batch_size, bool(training))
    takes_training = getattr(cell, "_call_has_training_arg", False)
    options = {"training": training} if takes_training else {}

    def step(inputs, states):
        output, new_states = cell(inputs, states, **options)
        return output, new_states if tree.is_nested(new_states) else [new_states]

    return lambda inputs: inputs, step


def runs_whole(cell, sequences, unroll: bool, training: bool | None) -> bool:
    """Whether one operation can run all steps: see `RecurrentCell.runs_whole`. Steps that shall be
    written out (`unroll`) are, and other dtypes go step by step."""
    offered = getattr(cell, "runs_whole", None)
    if offered is None or unroll or tree.is_nested(sequences):
        return False
    return cell.compute_dtype in ("float32", "float64") and offered(bool(training))


# The `call` methods that are `begin` and nothing else; stacked_rnn_cells adds its own.
_SPLIT_CALLS = {RecurrentCell.call}


def splits_its_call(method):
    """Decorator for a `call` that only runs what `begin` returns."""
    _SPLIT_CALLS.add(method)
    return method
