"""Files of all the small models, written by one library and read by another.

Each library does the same: `write_files` saves its models with what they predict and how their
training goes on, `read_files` says of each file whether it gives the same in the library at hand.

    python interop_files.py FOLDER      reads files with the Keras that is installed; prints JSON
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import interop_models
import interop_training
import numpy as np

STEPS = 3
TOLERANCE = 2e-5
ENDINGS = (".keras", ".h5", ".weights.h5", ".legacy.h5")
PASS = "pass"


def write_files(keras, folder: Path, endings: tuple[str, ...]) -> None:
    """Writes `models/`, `training/` and `expected.json` into a folder.

    Args:
        keras: The library.
        folder: An empty folder.
        endings: `.keras` and `.h5` (models), `.weights.h5` and `.legacy.h5` (weights) of these.
    """
    failures: dict[str, str] = {}
    expected = {"keras": keras.__version__, "models": {}, "training": {}, "not written": failures}
    for name in _known(keras, interop_models.MODELS, interop_models.KERAS_3):
        model = _quietly(failures, name, interop_models.build, name, keras)
        if model is not None:
            expected["models"][name] = _rounded(interop_models.outputs(model))
            _save(model, folder / "models" / name, endings, failures)
    for name in _known(keras, interop_training.CASES, interop_training.OF_KERAS_3):
        model = interop_training.model_of(keras, name)
        interop_training.train(model, 0, STEPS)
        _save(model, folder / "training" / name, endings, failures)
        losses = interop_training.train(model, STEPS, 2 * STEPS)
        outputs = _rounded(interop_models.outputs(model))
        expected["training"][name] = {"losses": losses, "outputs": outputs}
    (folder / "expected.json").write_text(json.dumps(expected))


def read_files(keras, folder: Path) -> dict[str, dict[str, str]]:
    """`{".keras": {"dense": "pass", "training/adam": reason, …}, …}` for the files of a folder."""
    expected = json.loads((folder / "expected.json").read_text())
    results: dict[str, dict[str, str]] = {}
    for ending in ENDINGS:
        found = results.setdefault(ending, {})
        for name, wanted in expected["models"].items():
            path = folder / "models" / f"{name}{ending}"
            if path.exists():
                found[name] = _verdict(compare_model, keras, path, name, wanted)
        for name, wanted in expected["training"].items():
            path = folder / "training" / f"{name}{ending}"
            if path.exists() and ending != ".legacy.h5":
                title = f"training/{name}"
                found[title] = _verdict(compare_training, keras, path, name, wanted)
        for path, reason in expected["not written"].items():
            stem, dot, end = path.removeprefix("models/").partition(".")
            if dot + end in ("", ending) and found:
                found[stem] = f"not written: {reason}"
    return {ending: found for ending, found in results.items() if found}


def compare_model(keras, path: Path, name: str, wanted: list) -> str:
    """`PASS`, or how far the outputs of the file's model are from those wanted."""
    model = _read(keras, path, lambda: interop_models.MODELS[name](keras))
    return _difference(interop_models.outputs(model), wanted)


def compare_training(keras, path: Path, name: str, wanted: dict) -> str:
    """`PASS`, or how far training has gone astray after some more steps."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping variable loading")
        model = _read(keras, path, lambda: interop_training.model_of(keras, name))
    losses = interop_training.train(model, STEPS, 2 * STEPS)
    if not np.allclose(losses, wanted["losses"], TOLERANCE, TOLERANCE):
        return (
            f"losses {[round(x, 5) for x in losses]}, not {[round(x, 5) for x in wanted['losses']]}"
        )
    return _difference(interop_models.outputs(model), wanted["outputs"])


def _read(keras, path: Path, fresh):
    if path.name.endswith((".weights.h5", ".legacy.h5")):
        keras.backend.clear_session()
        model = fresh()
        if getattr(model, "optimizer", None) is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        model.load_weights(path)
        return model
    return keras.saving.load_model(path)


def _difference(outputs: list, wanted: list) -> str:
    if len(outputs) != len(wanted):
        return f"{len(outputs)} outputs, not {len(wanted)}"
    for have, want in zip(outputs, wanted):
        array = np.array(want["values"]).reshape(want["shape"])
        if have.shape != array.shape:
            return f"shape {have.shape}, not {array.shape}"
        if not np.allclose(have, array, TOLERANCE, TOLERANCE):
            return f"outputs differ by {np.abs(have - array).max():.2g}"
    return PASS


def _known(keras, names, of_keras_3) -> list[str]:
    is_keras_2 = keras.__version__.startswith("2.")
    return [name for name in names if not (is_keras_2 and name in of_keras_3)]


def _save(model, stem: Path, endings: tuple[str, ...], failures: dict) -> None:
    stem.parent.mkdir(exist_ok=True)
    for ending in endings:
        path = stem.with_name(stem.name + ending)
        save = model.save if ending in (".keras", ".h5") else model.save_weights
        _quietly(failures, f"{path.parent.name}/{path.name}", save, path)


def _quietly(failures: dict, title: str, action, *args):
    """What the action returns; its error is noted as one line."""
    try:
        return action(*args)
    except Exception as error:  # whatever a library raises is its answer
        failures[title] = _one_line(error)
        return None


def _verdict(compare, *args) -> str:
    try:
        return compare(*args)
    except Exception as error:  # whatever a library raises is its answer
        return _one_line(error)


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]


def _rounded(arrays) -> list:
    return [
        {"shape": list(x.shape), "values": [float(f"{v:.7g}") for v in x.ravel()]} for x in arrays
    ]


if __name__ == "__main__":
    import keras as real_keras

    warnings.simplefilter("ignore")
    answer = {"keras": real_keras.__version__, "results": read_files(real_keras, Path(sys.argv[1]))}
    print(json.dumps(answer))
