"""Weights of Keras 1 and of CuDNN's layers in the arrangement that the layers of today have."""

from __future__ import annotations

from typing import Any

# Keras 1 had a kernel, a recurrent kernel and a bias for each gate: where those of today's gates
# are. Its order was i, c, f, o in an LSTM and z, r, h in a GRU.
_GATES = {"LSTM": (0, 2, 1, 3), "ConvLSTM2D": (0, 2, 1, 3), "GRU": (0, 1, 2)}
_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose")


def converted(layer, arrays: list[Any], is_keras_1: bool, is_flipped: bool) -> list[Any]:
    """The arrays of a layer, rearranged if an old Keras or CuDNN wrote them.

    Args:
        layer: The layer, built.
        arrays: What the file has for it.
        is_keras_1: Whether Keras 1 wrote the file.
        is_flipped: Whether it did so on Theano, which convolves where others correlate.
    """
    from addax.layers.rnn.bidirectional import Bidirectional
    from addax.layers.rnn.time_distributed import TimeDistributed

    if isinstance(layer, Bidirectional):
        half = len(arrays) // 2
        return [
            *converted(layer.forward_layer, arrays[:half], is_keras_1, is_flipped),
            *converted(layer.backward_layer, arrays[half:], is_keras_1, is_flipped),
        ]
    if isinstance(layer, TimeDistributed):
        return converted(layer.layer, arrays, is_keras_1, is_flipped)
    name = type(layer).__name__
    if is_keras_1:
        arrays = _from_keras_1(name, arrays)
    if is_flipped and name in _CONVOLUTIONS and arrays:
        turned = tuple(slice(None, None, -1) for _ in range(arrays[0].ndim - 2))
        arrays = [arrays[0][turned], *arrays[1:]]
    return _from_cudnn(layer, name, arrays)


def _from_keras_1(name: str, arrays: list[Any]) -> list[Any]:
    import numpy as np

    order = _GATES.get(name, ())
    if order and len(arrays) == 3 * len(order):
        return [
            np.concatenate([arrays[3 * gate + kind] for gate in order], axis=-1)
            for kind in range(3)
        ]
    if name == "Conv1D" and arrays and arrays[0].ndim == 4 and arrays[0].shape[1] == 1:
        return [arrays[0][:, 0], *arrays[1:]]
    if name == "Conv2DTranspose" and arrays and arrays[0].ndim == 4:
        return [arrays[0].transpose(0, 1, 3, 2), *arrays[1:]]
    return arrays


def _from_cudnn(layer, name: str, arrays: list[Any]) -> list[Any]:
    """CuDNN's kernels lie transposed, gate by gate, and have two biases."""
    import numpy as np

    gates = {"LSTM": 4, "GRU": 3}.get(name)
    if gates is None or len(arrays) != 3 or arrays[2].ndim != 1:
        return arrays
    kernel, recurrent, bias = arrays
    units = layer.units
    if bias.shape != (2 * gates * units,) or kernel.ndim != 2 or recurrent.ndim != 2:
        return arrays
    if name == "GRU" and not layer.reset_after:
        raise ValueError(
            f"Layer '{layer.name}' cannot take the weights of a CuDNNGRU: it needs "
            "`reset_after=True`."
        )
    kernel = np.hstack([g.T.reshape(g.shape, order="F") for g in np.hsplit(kernel, gates)])
    recurrent = np.hstack([g.T for g in np.hsplit(recurrent, gates)])
    biases = bias.reshape(2, gates * units)
    return [kernel, recurrent, biases if name == "GRU" else biases.sum(axis=0)]
