"""Numbers as the bins that they fall into."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from addax import ops
from addax.backend.keras_tensor import KerasTensor
from addax.layers.arguments import as_integer, is_number, refuse_options
from addax.layers.layer import Layer
from addax.layers.preprocessing.batches import batches_of
from addax.layers.preprocessing.encoding import MODES, encode, encoded_shape


class Discretization(Layer):
    """Replaces each number by the index of its bin: how many boundaries are not above it.

    Args:
        bin_boundaries: The boundaries in rising order; n of them make n + 1 bins.
        num_bins: Number of bins whose boundaries `adapt(data)` finds, instead.
        epsilon: Share of the data by which the boundaries that `adapt` finds may be off.
        output_mode: "int" (default) for the indices, or "one_hot", "multi_hot", "count" for
            vectors as `CategoryEncoding` makes them of the indices.
        sparse: False; there are no sparse tensors.

    Call arguments:
        inputs: Tensor of numbers.

    Returns:
        int32 tensor of the inputs' shape, or vectors of the compute dtype.

    Raises:
        ValueError: If an argument is none of the above, or the layer is called before it knows
            its boundaries.
    """

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
        **kwargs,
    ):
        if output_mode not in ("int", *MODES):
            raise ValueError(
                "Unknown argument `output_mode` for layer Discretization. Expected one of "
                f"{('int', *MODES)}. Received: output_mode={output_mode}"
            )
        refuse_options("Discretization", sparse=sparse)
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. Received: "
                f"`num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        if num_bins is not None and (as_integer(num_bins) is None or num_bins < 1):
            raise ValueError(
                f"`num_bins` must be a positive integer. Received: `num_bins={num_bins}`"
            )
        if not is_number(epsilon) or not 0 < epsilon < 1:
            raise ValueError(f"`epsilon` must be between 0 and 1. Received: epsilon={epsilon}")
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.bin_boundaries = None if bin_boundaries is None else _checked(bin_boundaries)
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode
        self.sparse = False
        # Numbers are compared as they come; rounded, some would change their bin.
        self.autocast = False
        self._build_at_init()

    @property
    def output_dtype(self) -> str:
        """Dtype of the outputs."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def adapt(self, data, steps=None):
        """Puts as many of the data into each bin. To be done before a model runs the layer.

        Args:
            data: Array, tensor, or an iterable of batches.
            steps: Number of batches to read; None for all.

        Raises:
            ValueError: If the boundaries were given, or there is no data.
        """
        import numpy as np

        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with "
                "`bin_boundaries`, use `num_bins` instead."
            )
        summary = np.zeros((2, 0), "float32")
        for i, batch in enumerate(batches_of(data)):
            if steps is not None and i >= steps:
                break
            merged = np.concatenate([_sampled(batch, self.epsilon), summary], axis=1)
            merged = merged[:, np.argsort(merged[0], kind="stable")]
            summary = _at_shares(merged, self.epsilon)
        if summary.shape[1] == 0:
            raise ValueError(f"`adapt()` of layer '{self.name}' received no data.")
        self.bin_boundaries = _at_shares(summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or "
                "call `adapt(dataset)` before you can start using the `Discretization` layer."
            )
        bins = ops.digitize(inputs, ops.convert_to_tensor(self.bin_boundaries, dtype="float32"))
        if self.output_mode == "int":
            return bins
        return encode(bins, self.output_mode, self._depth, self.compute_dtype)

    @property
    def _depth(self) -> int:
        boundaries = self.bin_boundaries
        return self.num_bins if boundaries is None else len(boundaries) + 1

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return tuple(input_shape)
        return encoded_shape(input_shape, self.output_mode, self._depth)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.output_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self._own_policy().name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        found = config.get("bin_boundaries") if config.get("num_bins") is not None else None
        if found is None:
            return cls(**config)
        # Boundaries that `adapt` found.
        layer = cls(**{**config, "bin_boundaries": None})
        layer.bin_boundaries = _checked(found)
        return layer


def _checked(boundaries: Any) -> list:
    """The boundaries as a list; ValueError unless they are numbers in rising order."""
    values = boundaries.tolist() if hasattr(boundaries, "tolist") else boundaries
    if (
        not isinstance(values, list | tuple)
        or not all(map(is_number, values))
        or any(not a <= b for a, b in pairwise(values))
    ):
        raise ValueError(
            "`bin_boundaries` must be a list of numbers in rising order. "
            f"Received: bin_boundaries={boundaries}"
        )
    return list(values)


def _sampled(batch: Any, epsilon: float) -> Any:
    """About `1 / epsilon` of the batch's numbers in order, and how many each stands for: 2 × n."""
    import numpy as np

    values = np.sort(np.asarray(batch, "float32").ravel())
    step = max(values.size * epsilon, 1.0)
    sample = values[int(step - 1) :: int(step)]
    return np.stack([sample, np.full_like(sample, step)])


def _at_shares(summary: Any, share: float) -> Any:
    """The numbers below which lie 1, 2, 3, … shares of all that the summary stands for.

    A summary that is shorter than that stays as it is.
    """
    import numpy as np

    if summary.shape[1] * share < 1:
        return summary
    numbers, counts = summary[0], np.cumsum(summary[1])
    wanted = share + np.arange(0.0, 1.0, share)
    below = counts / counts[-1]
    places = np.interp(wanted, below, numbers)
    totals = np.interp(wanted, below, counts)
    return np.stack([places, np.diff(totals, prepend=0.0)]).astype("float32")
