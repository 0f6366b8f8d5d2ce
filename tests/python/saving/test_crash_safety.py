"""Whatever happens while a model is saved over an old one: one of the two can be loaded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import addax as keras
import numpy as np
import pytest
from addax import layers

SAVER = """
import sys, numpy as np, addax as keras
from addax import layers
path = sys.argv[1]
model = keras.Sequential([keras.Input((64,)), layers.Dense(256), layers.Dense(1)])
values = [np.zeros_like(w) for w in model.get_weights()]
n = 1
while True:
    model.set_weights([v + n for v in values])
    SAVE
    if n == 1:
        print("saved", flush=True)
    n += 1
"""


def child(path, save):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", SAVER.replace("SAVE", save), str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


# The same weights twice, in as many pieces of other sizes.
PIECES = "for size in (30000, 32000): model.save(path, shard_size=size)"


@pytest.mark.parametrize(
    ("ending", "save"),
    [
        ("", "model.save(path)"),
        ("", PIECES),
        (".keras", "model.save(path)"),
        (".weights.h5", "model.save_weights(path)"),
    ],
    ids=["folder", "shards", "keras", "weights"],
)
def test_a_kill_at_any_moment_leaves_a_whole_model(tmp_path, ending, save):
    if ending:
        pytest.importorskip("h5py")
    path = tmp_path / f"model{ending}"
    weights_only = ending == ".weights.h5"
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    for _ in range(6):
        process = child(path, save)
        assert process.stdout.readline() == "saved\n", f"seed {seed}"
        time.sleep(moments.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if weights_only:
            model = keras.Sequential([keras.Input((64,)), layers.Dense(256), layers.Dense(1)])
            model.load_weights(path)
        else:
            model = keras.saving.load_model(path)
        values = {float(v) for w in model.get_weights() for v in np.unique(w)}
        assert len(values) == 1, f"weights of {len(values)} models, seed {seed}"
        assert values.pop() >= 1, f"seed {seed}"
    if not ending:
        # A later save clears away what the kills left.
        model.save(path)
        assert len(os.listdir(path)) == 2, os.listdir(path)


def model_of(value):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(256), layers.Dense(1)])
    model.set_weights([np.full_like(w, value) for w in model.get_weights()])
    return model


LIMITED = """
import resource, signal, sys, addax as keras
from addax import layers
path = sys.argv[1]
model = keras.Sequential([keras.Input((64,)), layers.Dense(257), layers.Dense(1)])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
try:
    model.save(path OPTIONS)
except OSError as error:
    print("OSError:", error)
"""


@pytest.mark.parametrize(
    ("ending", "options"),
    [("", ""), (".keras", ""), (".keras", ", zipped=False"), (".h5", "")],
    ids=["folder", "keras", "unzipped", "h5"],
)
def test_a_full_disk_leaves_the_old_model(tmp_path, ending, options):
    if ending:
        pytest.importorskip("h5py")
    path = tmp_path / f"model{ending}"
    model_of(1.0).save(path, **({"zipped": False} if options else {}))
    before = files_in(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.replace("OPTIONS", options), str(path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("OSError:"), done.stdout + done.stderr
    assert str(path) in done.stdout
    assert files_in(tmp_path) == before
    loaded = keras.saving.load_model(path)
    assert all((w == 1.0).all() for w in loaded.get_weights())


def files_in(folder):
    """All files below a folder, with their bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_an_error_with_its_path(tmp_path):
    path = tmp_path / "model"
    model_of(1.0).save(path)
    os.chmod(path, 0o500)
    try:
        with pytest.raises(OSError, match="model"):
            model_of(2.0).save(path)
        assert (keras.saving.load_model(path).get_weights()[0] == 1.0).all()
    finally:
        os.chmod(path, 0o700)


def test_a_path_whose_folder_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(OSError, match="missing"):
        model_of(1.0).save(tmp_path / "missing" / "model")


def test_the_model_stays_usable_when_saving_fails(tmp_path):
    model = model_of(1.0)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError):
        model.save(tmp_path / "file")
    assert model.predict(np.ones((1, 64)), verbose=0).shape == (1, 1)
