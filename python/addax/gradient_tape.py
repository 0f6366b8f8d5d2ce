"""GradientTape: records operations for automatic differentiation; the interface is TensorFlow's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from addax import _core, tree
from addax.backend.tensor import Tensor, convert_to_tensor
from addax.backend.variable import Variable


class GradientTape:
    """Context that writes down what is computed from watched values, so that derivatives can be
    taken.

    ```python
    with GradientTape() as tape:
        loss = ops.mean((layer(x) - y) ** 2)
    gradients = tape.gradient(loss, layer.trainable_variables)
    ```

    Trainable Variables are watched when they are read. `gradient` may be called once, or any number
    of times if `persistent`. Tapes nest, which gives higher derivatives.

    Args:
        persistent: Whether gradients may be taken more than once.
        watch_accessed_variables: Whether trainable Variables are watched by themselves.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent = persistent
        self._watch_variables = watch_accessed_variables
        self._tape: Any = None
        self._recording = False

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise ValueError("Tape is already recording.")
        if self._tape is None:
            # Freed in `gradient` where it may be used only once; so Jacobians can walk it several
            # times.
            self._tape = _core.Tape(True, self._watch_variables)
        self._tape.start()
        self._recording = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._recording:
            self._tape.stop()
            self._recording = False

    def watch(self, tensor: Any) -> None:
        """Watches a tensor or Variable, or all of a nested structure.

        Raises:
            ValueError: If one is neither, or the tape is not open.
        """
        if self._tape is None:
            raise ValueError("Open the tape with `with` before it can watch a tensor.")
        for x in tree.flatten(tensor):
            if isinstance(x, Variable):
                self._tape.watch(x._variable.value())
            elif isinstance(x, Tensor):
                self._tape.watch(x)
            else:
                raise ValueError(
                    f"Passed in object {x} of type '{type(x).__name__}', not a tensor or Variable."
                )

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """Derivatives of the sum of `target` with respect to `sources`.

        Args:
            target: Tensor or nested structure of tensors.
            sources: Tensor, Variable, or nested structure of them.
            output_gradients: Weights of the targets' elements, of the targets' structure; ones if
                `None`.
            unconnected_gradients: `"none"` gives `None` for a source on which the target does not
                depend, `"zero"` zeros.

        Returns:
            Structure of `sources` with a tensor of each one's shape.

        Raises:
            RuntimeError: If the tape is not persistent and has been used.
        """
        tape = self._used()
        unconnected = str(getattr(unconnected_gradients, "value", unconnected_gradients)).lower()
        if unconnected not in ("none", "zero"):
            raise ValueError(
                f"Unknown value for unconnected_gradients: '{unconnected_gradients}'. Use 'none' "
                f"or 'zero'."
            )
        targets = [convert_to_tensor(t) for t in tree.flatten(target)]
        upstream = None
        if output_gradients is not None:
            weights = (
                tree.flatten(output_gradients) if tree.is_nested(target) else [output_gradients]
            )
            upstream = [
                None if g is None else convert_to_tensor(g, t.dtype)
                for g, t in zip(weights, targets)
            ]
        flat = tree.flatten(sources)
        gradients = tape.gradient(targets, [_core_source(s) for s in flat], upstream)
        if not self._persistent:
            self._tape = None
        if unconnected == "zero":
            gradients = [_zeros(s) if g is None else g for s, g in zip(flat, gradients)]
        return tree.pack_sequence_as(sources, gradients)

    def jacobian(
        self, target: Any, sources: Any, unconnected_gradients: str = "none", **_: Any
    ) -> Any:
        """Derivatives of each element of `target`: tensors of shape `target.shape + source.shape`.

        Takes one walk over the tape per element. The shape of `target` must be known.
        """
        from addax import ops

        tape = self._used()
        target = convert_to_tensor(target)
        if None in target.shape:
            raise ValueError(f"A Jacobian needs a known target shape. Received: {target.shape}")
        flat = tree.flatten(sources)
        handles = [_core_source(s) for s in flat]
        count = 1
        for size in target.shape:
            count *= size
        rows: list[list] = [[] for _ in flat]
        for i in range(count):
            upstream = ops.reshape(ops.one_hot(i, count, dtype=target.dtype), target.shape)
            for row, gradient in zip(rows, tape.gradient([target], handles, [upstream])):
                row.append(gradient)
        if not self._persistent:
            self._tape = None
        results = []
        for source, row in zip(flat, rows):
            if not row or row[0] is None:
                connected = unconnected_gradients != "zero"
                shape = tuple(target.shape) + tuple(source.shape)
                results.append(None if connected else ops.zeros(shape, source.dtype))
            else:
                shape = (*target.shape, *row[0].dims)
                results.append(ops.reshape(ops.stack(row), shape))
        return tree.pack_sequence_as(sources, results)

    def batch_jacobian(self, target: Any, source: Any, **_: Any) -> Any:
        """Jacobian of each sample: `target` (batch, …), `source` (batch, …) give (batch,
        …target, …source).

        A sample of the target must depend on the same sample of the source alone.
        """
        from addax import ops

        tape = self._used()
        target = convert_to_tensor(target)
        inner = tuple(target.shape[1:])
        count = 1
        for size in inner:
            count *= size
        flat = ops.reshape(target, (target.dims[0], count))
        handle = _core_source(source)
        rows = []
        for i in range(count):
            upstream = ops.broadcast_to(ops.one_hot(i, count, dtype=target.dtype), ops.shape(flat))
            upstream = ops.reshape(upstream, ops.shape(target))
            rows.append(tape.gradient([target], [handle], [upstream])[0])
        if not self._persistent:
            self._tape = None
        if any(row is None for row in rows):
            return None
        shape = (target.dims[0], *inner, *ops.shape(source)[1:])
        return ops.reshape(ops.stack(rows, axis=1), shape)

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Context inside which this tape writes nothing down."""
        if not self._recording:
            raise ValueError("Tape is not recording.")
        self._tape.stop()
        self._recording = False
        try:
            yield
        finally:
            self._tape.start()
            self._recording = True

    def reset(self) -> None:
        """Forgets everything that was written down."""
        recording = self._recording
        self.__exit__()
        self._tape = None
        if recording:
            self.__enter__()

    def _used(self) -> Any:
        if self._tape is None:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                "(or jacobians)"
            )
        if self._recording and not self._persistent:
            self.__exit__()
        return self._tape


def _core_source(source: Any) -> Any:
    if isinstance(source, Variable):
        return source._variable
    if isinstance(source, Tensor):
        return source
    raise TypeError(
        "Sources of a gradient must be tensors or Variables. "
        f"Received: {source!r} (of type {type(source).__name__})"
    )


def _zeros(source: Any) -> Any:
    from addax import ops

    return ops.zeros_like(source)
