"""Writes layers.json: what Keras's layers give for the cases of layer_cases.py, and their configs.

Run with Keras 3 and JAX installed: `KERAS_BACKEND=jax python make_layers.py`.
"""

import json
from pathlib import Path

import keras
import numpy as np
from keras import layers, tree
from layer_cases import CASES, CONFIGS, arguments, build, set_numbers, shortened


def rounded(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "values": [float(f"{v:.6g}") for v in x.ravel().tolist()]}


def run(constructor, shapes, options):
    layer = build(constructor, layers)
    args, options = arguments(shapes, options)
    layer(*args, **{k: v for k, v in options.items() if k != "training"})
    set_numbers(layer)
    outputs = tree.flatten(layer(*args, **options))
    result = {"outputs": [rounded(y) for y in outputs]}
    if options.get("training"):
        result["weights"] = [rounded(w) for w in layer.get_weights()]
    return result


def config(constructor):
    keras.utils.clear_session()
    serialized = keras.saving.serialize_keras_object(build(constructor, layers))
    return shortened({name: serialized[name] for name in ("class_name", "config")})


def main():
    golden = {
        "keras": keras.__version__,
        "values": {name: run(*case) for name, case in CASES.items()},
        "configs": {constructor: config(constructor) for constructor in CONFIGS},
    }
    text = json.dumps(golden, separators=(",", ":")).replace('},"', '},\n"')
    Path(__file__).with_name("layers.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
