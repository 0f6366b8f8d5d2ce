"""GradientTape: what is watched, what is differentiated, how often."""

from __future__ import annotations

import numpy as np
import pytest
from addax import ops
from addax.backend import CompiledFunction, Variable
from addax.gradient_tape import GradientTape


@pytest.mark.parametrize("recorded", [False, True])
def test_variable_assigned_under_the_tape_is_a_source_before_and_after(recorded) -> None:
    v = Variable(3.0)

    def gradients():
        v.assign(3.0)
        with GradientTape(persistent=True) as tape:
            before = v * v
            v.assign_add(1.0)
            after = v * v
            both = before + after
        return [tape.gradient(y, v) for y in (before, after, both)]

    got = (CompiledFunction(gradients) if recorded else gradients)()
    assert [float(g) for g in got] == [6.0, 8.0, 14.0]


def test_trainable_variables_are_watched_by_themselves() -> None:
    v, fixed = Variable(3.0), Variable(2.0, trainable=False)
    with GradientTape() as tape:
        y = v * v * fixed
    dv, dfixed = tape.gradient(y, [v, fixed])
    assert float(dv) == 12
    assert dfixed is None


def test_structures_of_sources_come_back() -> None:
    v, w = Variable(3.0), Variable([1.0, 2.0])
    with GradientTape() as tape:
        y = [v * 2, ops.sum(w * w)]
    gradients = tape.gradient(y, {"v": v, "rest": (w,)})
    assert float(gradients["v"]) == 2
    assert gradients["rest"][0].numpy().tolist() == [2, 4]


def test_tensors_are_watched_when_told() -> None:
    x = ops.convert_to_tensor([1.0, 2.0])
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = ops.exp(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), np.exp([1, 2]), rtol=1e-6)
    with pytest.raises(ValueError), GradientTape() as tape:
        tape.watch("x")


def test_a_tape_is_used_once_unless_persistent() -> None:
    v = Variable(3.0)
    with GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="A non-persistent GradientTape can only be used"):
        tape.gradient(y, v)
    with GradientTape(persistent=True) as tape:
        y = v * v
        z = y * v
    assert float(tape.gradient(y, v)) == 6
    assert float(tape.gradient(z, v)) == 27


def test_second_derivatives_come_from_nested_tapes() -> None:
    v = Variable(2.0)
    with GradientTape() as outer:
        with GradientTape() as inner:
            y = v**3
        first = inner.gradient(y, v)
    assert float(first) == 12
    assert float(outer.gradient(first, v)) == 12


def test_upstream_gradients_and_unconnected_sources() -> None:
    v, lone = Variable([1.0, 2.0]), Variable([5.0])
    with GradientTape(persistent=True) as tape:
        y = v * v
    assert tape.gradient(y, v, output_gradients=[1.0, 10.0]).numpy().tolist() == [2, 40]
    assert tape.gradient(y, lone) is None
    assert tape.gradient(y, lone, unconnected_gradients="zero").numpy().tolist() == [0]
    with pytest.raises(ValueError):
        tape.gradient(y, v, unconnected_gradients="odd")
    with pytest.raises(TypeError):
        tape.gradient(y, np.zeros(2))


def test_recording_can_be_stopped_and_reset() -> None:
    v = Variable(3.0)
    with GradientTape() as tape:
        y = v * v
        with tape.stop_recording():
            hidden = v * 5
        z = y + hidden
    assert float(tape.gradient(z, v)) == 6
    with GradientTape() as tape:
        y = v * v
        tape.reset()
        z = v * 4
    assert float(tape.gradient(z, v)) == 4


def test_jacobians_have_a_row_per_element() -> None:
    w = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = Variable([1.0, 2.0, 3.0])
    with GradientTape() as tape:
        y = ops.matmul(w, x)
    np.testing.assert_array_equal(tape.jacobian(y, x).numpy(), w)
    xs = ops.convert_to_tensor(np.ones((4, 3), np.float32))
    with GradientTape() as tape:
        tape.watch(xs)
        y = ops.matmul(xs, w.T)
    np.testing.assert_array_equal(tape.batch_jacobian(y, xs).numpy(), np.tile(w, (4, 1, 1)))


def test_tapes_work_in_recorded_programs() -> None:
    v = Variable([1.0, 2.0])

    def step(x):
        with GradientTape() as tape:
            loss = ops.mean((v * x) ** 2)
        gradient = tape.gradient(loss, v)
        v.assign_sub(0.1 * gradient)
        return loss, gradient

    loss, gradient = CompiledFunction(step)(np.float32([[1, 1], [3, 1]]))
    np.testing.assert_allclose(loss.numpy(), (1 + 4 + 9 + 4) / 4)
    np.testing.assert_allclose(gradient.numpy(), [5, 2])
    np.testing.assert_allclose(v.numpy(), [0.5, 1.8], rtol=1e-6)


LINALG = {
    "inv": lambda x: ops.inv(x),
    "det": lambda x: ops.det(x),
    "logdet": lambda x: ops.logdet(ops.matmul(x, ops.transpose(x))),
    "solve": lambda x: ops.solve(x, np.array([[1.0], [2.0]])),
    "solve_vector": lambda x: ops.solve(x, np.array([1.0, 2.0])),
    "cholesky": lambda x: ops.cholesky(ops.matmul(x, ops.transpose(x))),
    "norm": lambda x: ops.norm(x),
    "norm3": lambda x: ops.norm(x, ord=3, axis=1),
    "normalize": lambda x: ops.normalize(x),
    "quantile": lambda x: ops.quantile(x, 0.3),
    "logaddexp": lambda x: ops.logaddexp(x, 1.0),
    "std": lambda x: ops.std(x),
    "einsum": lambda x: ops.einsum("ij,kj,ki->k", x, x, x),
    "sort": lambda x: ops.sort(x, 0) * np.array([[1.0, 2.0], [3.0, 4.0]]),
    "getitem": lambda x: x[[0, 1, 1], [1, 0, 0]] * x[0, ::-1][[0, 1, 1]],
    "gelu": lambda x: ops.gelu(x),
    "elu": lambda x: ops.elu(x),
    "selu": lambda x: ops.selu(x),
    "mish": lambda x: ops.mish(x),
    "scatter_update": lambda x: ops.scatter_update(x, [[0, 1]], [3.0]) * x,
    "cumprod": lambda x: ops.cumprod(x, 1),
    "affine": lambda x: ops.image.affine_transform(
        ops.reshape(x, (2, 2, 1)), [0.9, 0.1, 0.2, 0.0, 1.1, 0.1, 0.0, 0.0]
    ),
    "attention": lambda x: ops.dot_product_attention(*[ops.reshape(x, (1, 2, 1, 2))] * 3),
    "layer_norm": lambda x: ops.layer_normalization(x) * x,
}


@pytest.mark.parametrize("name", LINALG)
def test_compositions_have_the_gradients_of_central_differences(name) -> None:
    f = LINALG[name]
    x = np.array([[2.1, 0.3], [-0.7, 1.4]])
    tensor = ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(tensor)
        y = ops.sum(ops.sin(f(tensor)))
    got = tape.gradient(y, tensor).numpy()

    def value(x):
        return float(ops.sum(ops.sin(f(ops.convert_to_tensor(x)))))

    step = 1e-6
    for i, j in np.ndindex(2, 2):
        delta = np.zeros((2, 2))
        delta[i, j] = step
        slope = (value(x + delta) - value(x - delta)) / (2 * step)
        np.testing.assert_allclose(got[i, j], slope, rtol=1e-5, atol=1e-7)
