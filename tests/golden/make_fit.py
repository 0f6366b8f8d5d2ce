"""Writes fit.json: what Keras's `fit` and `evaluate` give for the cases of fit_cases.py.

Run with Keras 3 and JAX installed: `KERAS_BACKEND=jax python make_fit.py`.
"""

import json
from pathlib import Path

import keras
from fit_cases import CASES, run


def main():
    golden = {"keras": keras.__version__, "cases": {name: run(name, keras) for name in CASES}}
    path = Path(__file__).with_name("fit.json")
    path.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
