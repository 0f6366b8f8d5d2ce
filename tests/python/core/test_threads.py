"""Threads, the GIL and the end of the interpreter."""

from __future__ import annotations

import subprocess
import sys
import threading

import addax as keras
import numpy as np
import pytest
from addax import layers, ops

AT_EXIT = """
import threading
import numpy as np
import addax as keras
from addax import layers, ops

model = keras.Sequential([keras.Input((32,)), layers.Dense(64), layers.Dense(3)])
x = np.ones((64, 32), "float32")
model.predict(x, verbose=0)
begun = [threading.Event() for _ in range(3)]

def work(i):
    w = ops.ones((200, 200))
    while True:
        model.predict(x, verbose=0)
        ops.matmul(w, w)
        begun[i].set()

for i in range(3):
    threading.Thread(target=work, args=(i,), daemon=True).start()
for event in begun:
    event.wait()
"""


def test_the_interpreter_ends_cleanly_while_daemon_threads_predict():
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", AT_EXIT], capture_output=True, text=True, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_custom_gradients_and_bodies_of_scans_call_python_from_several_threads():
    @ops.custom_gradient
    def cube(x):
        return x * x * x, lambda upstream: upstream * 3 * x * x

    found: dict[int, float] = {}

    def work(i):
        x = keras.Variable(float(i))
        with keras.GradientTape() as tape:
            y = cube(x)
            last, _ = ops.scan(lambda carry, step: (carry + y * step, None), 0.0, ops.ones(4))
        found[i] = float(tape.gradient(last, x))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: pytest.approx(12.0 * i * i) for i in range(1, 5)}


def test_a_custom_gradient_inside_a_body_is_an_error_and_not_a_gradient_of_zero():
    @ops.custom_gradient
    def cube(x):
        return x * x * x, lambda upstream: upstream * 3 * x * x

    x = keras.Variable(2.0)
    assert float(ops.cond(True, lambda: cube(x), lambda: x * 1.0)) == 8.0
    with keras.GradientTape(), pytest.raises(NotImplementedError, match="gradient of its own"):
        ops.scan(lambda carry, step: (carry + cube(x) * step, None), 0.0, ops.ones(4))


def test_threads_predict_while_another_sets_the_weights():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8, use_bias=False)])
    x = np.ones((4, 8), "float32")
    model.predict(x, verbose=0)
    seen, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            seen.append(np.unique(model.predict(x, verbose=0)).size)

    threads = [threading.Thread(target=work) for _ in range(2)]
    model.set_weights([np.zeros((8, 8), "float32")])
    for thread in threads:
        thread.start()
    for i in range(200):
        model.set_weights([np.full((8, 8), i, "float32")])
    stop.set()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}


def test_a_step_with_an_index_out_of_range_changes_no_weight():
    model = keras.Sequential(
        [
            keras.Input((2,), dtype="int32"),
            layers.Embedding(4, 3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    x, y = np.array([[0, 1], [2, 3]]), np.ones((2, 1))
    model.fit(x, y, verbose=0)
    before = [w.copy() for w in model.get_weights()]
    state = [np.array(v) for v in model.optimizer.variables]
    with pytest.raises((IndexError, ValueError)):
        model.fit(np.array([[0, 1], [2, 4]]), y, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(state, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, np.array(new))
    model.fit(x, y, verbose=0)
