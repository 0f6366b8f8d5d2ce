"""Legacy `.h5` files made by hand."""

from __future__ import annotations

import json

import numpy as np


def write_legacy(path, saved, root=None, **attributes):
    """Writes (layer, arrays) pairs as Keras does; `attributes` go to the root."""
    import h5py

    with h5py.File(path, "w") as h5:
        for name, value in attributes.items():
            h5.attrs[name] = json.dumps(value) if isinstance(value, (dict, list)) else value
        group = h5.create_group(root) if root else h5
        group.attrs["layer_names"] = [name.encode() for name, _ in saved]
        for name, weights in saved:
            layer = group.create_group(name)
            names = [f"{name}/w{i}:0".encode() for i in range(len(weights))]
            layer.attrs["weight_names"] = names if names else np.array([], "S1")
            for title, w in zip(names, weights):
                layer.create_dataset(title.decode(), data=w)
