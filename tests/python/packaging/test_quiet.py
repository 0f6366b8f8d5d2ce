"""After a session has been made, computing on the calling thread asks nothing of the system."""

import subprocess
import sys

import addax as keras
import pytest
from addax import layers
from consumer_project import CONSUMER, ROOT, compile_one

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")


@pytest.fixture(scope="module")
def quiet(prefix, tmp_path_factory):
    counted = ROOT / "tests" / "cpp"
    return compile_one(
        prefix,
        CONSUMER / "quiet.cpp",
        tmp_path_factory.mktemp("quiet") / "quiet",
        f"-I{counted}",
        str(counted / "allocations.cpp"),
    )


def convnet():
    return [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.DepthwiseConv2D(3),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]


def recurrent():
    return [
        keras.Input((None, 3)),
        layers.LSTM(24, return_sequences=True),
        layers.LayerNormalization(),
        layers.GRU(16, return_sequences=True),
        layers.Dense(2),
    ]


def transformer():
    x = keras.Input((16, 32))
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 8)(x, x))
    return keras.Model(x, layers.Dense(32, activation="gelu")(y))


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (convnet, ["predict", 1, 28, 28, 1]),
        (convnet, ["predict", 5, 28, 28, 1]),
        (recurrent, ["predict", 2, 30, 3]),
        (recurrent, ["stream", 1, 1, 3]),
        (recurrent, ["stream", 2, 64, 3]),
        (transformer, ["predict", 2, 16, 32]),
    ],
)
def test_no_allocation_and_no_system_call(quiet, tmp_path, make, arguments):
    made = make()
    model = keras.Sequential(made) if isinstance(made, list) else made
    model.save(tmp_path / "model")
    command = [quiet, tmp_path / "model", *arguments]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this system has no seccomp")
    assert done.returncode == 0, done.stderr  # -9 or -31: it called the system; 1: the heap
