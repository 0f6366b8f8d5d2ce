"""Writes keras/keras-<version>.tar.xz: files that real Keras wrote, and what its models predict.

Run with the Keras whose files are wanted: `KERAS_BACKEND=jax python make_keras.py` (Keras 3), or
`python make_keras.py` with TensorFlow 2.15 or 2.13 installed. In the archive:

    models/<model>.{keras,h5,weights.h5}      models/<model>.legacy.h5: weights alone, Keras 2
    training/<case>.{keras,h5,weights.h5}     after three steps
    expected.json                             predictions; losses and predictions after three more;
                                              what Keras itself failed to write
"""

from __future__ import annotations

import io
import json
import lzma
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

import interop_models
import interop_training
import keras

IS_KERAS_2 = keras.__version__.startswith("2.")
STEPS = 3


def write(model, stem: Path, failures: dict) -> None:
    """Saves a model in all formats; what Keras itself cannot write is noted."""
    endings = [".keras", ".h5", ".weights.h5", *([".legacy.h5"] if IS_KERAS_2 else [])]
    for ending in endings:
        path = stem.with_name(stem.name + ending)
        try:
            if ending in (".keras", ".h5"):
                model.save(path)
            else:
                model.save_weights(path)
        except (ValueError, TypeError, RuntimeError) as error:
            failures[f"{path.parent.name}/{path.name}"] = str(error).splitlines()[0][:200]
            path.unlink(missing_ok=True)


def rounded(arrays) -> list:
    return [
        {"shape": list(x.shape), "values": [float(f"{v:.7g}") for v in x.ravel()]} for x in arrays
    ]


def make_models(folder: Path, failures: dict) -> dict:
    folder.mkdir()
    expected = {}
    for name in interop_models.MODELS:
        if IS_KERAS_2 and name in interop_models.KERAS_3:
            continue
        model = interop_models.build(name, keras)
        expected[name] = rounded(interop_models.outputs(model))
        write(model, folder / name, failures)
    return expected


def make_training(folder: Path, failures: dict) -> dict:
    folder.mkdir()
    expected = {}
    for name in interop_training.CASES:
        if IS_KERAS_2 and name in interop_training.OF_KERAS_3:
            continue
        model = interop_training.model_of(keras, name)
        interop_training.train(model, 0, STEPS)
        write(model, folder / name, failures)
        losses = interop_training.train(model, STEPS, 2 * STEPS)
        expected[name] = {"losses": losses, "outputs": rounded(interop_models.outputs(model))}
    return expected


def pack(folder: Path, archive: Path) -> None:
    """The same bytes for the same files: sorted, without times and owners."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = tarfile.TarInfo(str(path.relative_to(folder)))
                info.size = path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(info, file)
    archive.write_bytes(lzma.compress(data.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def main() -> None:
    warnings.simplefilter("ignore")
    target = Path(__file__).with_name("keras") / f"keras-{keras.__version__}.tar.xz"
    with tempfile.TemporaryDirectory() as temporary:
        folder, failures = Path(temporary), {}
        expected = {
            "keras": keras.__version__,
            "models": make_models(folder / "models", failures),
            "training": make_training(folder / "training", failures),
            "not written": failures,
        }
        (folder / "expected.json").write_text(json.dumps(expected))
        pack(folder, target)
    print(f"{target}: {target.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
