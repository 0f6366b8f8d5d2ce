"""Writes tests/golden/tfjs_versions: models that older versions of TensorFlow.js trained and saved.

    mkdir 1.7.4 && npm install --prefix 1.7.4 @tensorflow/tfjs@1.7.4    (and so on)
    python make_old_tfjs.py 1.0.0 1.7.4 2.8.6 3.21.0

`io.json` has inputs and targets, what the model predicts when saved (`outputs`) and after three
further steps (`later`).
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SUITE = HERE.parent / "python" / "tfjs"
sys.path[:0] = [str(SUITE), str(SUITE.parent / "native")]

from comparing import encode  # noqa: E402
from conftest import Client  # noqa: E402
from tfjs_cases import BATCH, CASES  # noqa: E402

MODELS = {
    "nested": (["sgd", 0.1], (2,)),
    "bidirectional_concat": (["adam", 0.02], (2,)),
    "separable_conv2d": (["momentum", 0.05, 0.8], (4, 4, 3)),
    "masked_lstm": (["rmsprop", 0.01, 0.9], (2,)),
}


def main(roots):
    for root in roots:
        version = Path(root).name
        jobs = {}
        for name, (optimizer, shape) in MODELS.items():
            case = CASES[name]
            target = np.random.default_rng(4).normal(size=(BATCH, *shape)).astype("float32")
            jobs[name] = {
                "model": case.description(name),
                "inputs": [encode(x) for x in case.inputs()],
                "targets": [encode(target)],
                "compile": {"loss": "meanSquaredError", "optimizer": optimizer},
                "before": 2,
                "save": str(HERE / "tfjs_versions" / version / name),
                "after": 3,
            }
        client = Client(root, Path(tempfile.mkdtemp()))
        results = client.run(jobs)
        assert client.version == version
        for name, result in results.items():
            io = {key: jobs[name][key] for key in ("inputs", "targets")} | result
            Path(jobs[name]["save"], "io.json").write_text(json.dumps(io))


main(sys.argv[1:])
