"""A native app and Python give the same bits: predicting, streaming, training, and going on."""

import json
from concurrent.futures import ThreadPoolExecutor

import addax as keras
import numpy as np
import pytest
from addax import _core
from c_library import STREAM, Model, Session
from model_cases import CASES, STREAMS, make

STEPS = 4


def assert_same_bits(a, b, what=""):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and a.dtype == b.dtype, what
    if a.tobytes() != b.tobytes():
        worst = np.abs(a.astype("float64") - b.astype("float64")).max()
        raise AssertionError(f"{what}: {worst} apart")


def state_of(model) -> dict[str, np.ndarray]:
    """All that training changes, by path."""
    variables = [*model.variables, *model.optimizer.variables]
    return {v.path: v.numpy() for v in variables}


def assert_same_state(a, b):
    ours, theirs = state_of(a), state_of(b)
    assert len(ours) == len(theirs)
    for (path, x), y in zip(ours.items(), theirs.values(), strict=True):
        assert_same_bits(x, y, path)


def as_list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def in_python(model, x, y, sample_weight=(), step="train_on_batch"):
    one = [a[0] if len(a) == 1 else list(a) for a in (x, y)]
    if sample_weight:
        one.append(sample_weight[0] if len(sample_weight) == 1 else list(sample_weight))
    return getattr(model, step)(*one, return_dict=True)


def assert_same_logs(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert_same_bits(np.float32(value), np.float32(theirs[name]), name)


@pytest.fixture(params=CASES)
def case(request):
    return make(request.param)


def test_predict_gives_the_bits_of_python(library, case, tmp_path):
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    x, _ = case.batch(0)
    for rows in (1, 2, len(x[0])):
        some = [a[:rows] for a in x]
        outputs = Session(native, [a.shape for a in some]).run(*some)
        wanted = as_list(case.model.predict(some[0] if len(some) == 1 else some, verbose=0))
        assert len(outputs) == len(wanted)
        for i, (ours, theirs) in enumerate(zip(outputs, wanted, strict=True)):
            assert_same_bits(ours, theirs, f"output {i} of {rows} rows")
    assert native.verify() == 0


def test_a_session_between_bounds_gives_the_bits_of_python(library, tmp_path):
    case = make("gru_sequences")
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    session = Session(native, [(1, 2, 3)], most=[(3, 6, 3)])
    (x,), _ = case.batch(0)
    for rows, time in ((1, 2), (3, 6), (2, 4), (1, 6)):
        part = np.ascontiguousarray(x[:rows, :time])
        (ours,) = session.run(part)
        assert_same_bits(ours, case.model.predict(part, verbose=0))


@pytest.mark.parametrize("name", STREAMS)
def test_the_steps_of_a_stream_give_the_bits_of_the_whole(library, name, tmp_path):
    case = make(name)
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    assert native.ask("streams") == 1
    (x,), _ = case.batch(0)
    whole = case.model.predict(x, verbose=0)
    session = Session(native, [(5, 1, 3)], most=[(5, 4, 3)], kind=STREAM)
    for _ in range(2):
        pieces, at = [], 0
        for time in (1, 3, 2, 1, 1):
            pieces += session.step(np.ascontiguousarray(x[:, at : at + time]))
            at += time
        joined = np.concatenate(pieces, axis=1) if whole.ndim == 3 else pieces[-1]
        assert_same_bits(joined, whole)
        session.reset()


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_training_gives_the_bits_of_python_and_python_goes_on(library, case, weighted, tmp_path):
    model = case.model
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    assert native.ask("trains") == 1

    def weights_for(i, y):
        if not weighted:
            return []
        rng = np.random.default_rng(i)
        return [rng.random(len(a)).astype("float32") for a in y]

    for i, (x, y) in enumerate(case.batches(STEPS)):
        w = weights_for(i, y)
        assert_same_logs(native.step("train_on_batch", x, y, w), in_python(model, x, y, w))
    native.save(tmp_path / "native")
    back = keras.models.load_model(tmp_path / "native")
    assert_same_state(back, model)
    assert native.verify() == 0

    x, y = case.batch(0)
    native.call("reset_metrics")
    model.reset_metrics()
    tested = in_python(model, x, y, step="test_on_batch")
    assert_same_logs(native.step("test_on_batch", x, y), tested)

    for m in (model, back):
        m.reset_metrics()
    for i, (x, y) in enumerate(case.batches(STEPS, first=STEPS)):
        w = weights_for(i, y)
        assert_same_logs(in_python(back, x, y, w), in_python(model, x, y, w))
    assert_same_state(back, model)


def test_training_goes_to_and_fro_between_python_and_native(library, tmp_path):
    """Python, native, Python, native, each from the file of the one before."""
    case = make("convnet")
    (tmp_path / "stage").mkdir()
    case.model.save(tmp_path / "stage" / "0")
    for stage in range(4):
        x, y = case.batch(stage)
        in_python(case.model, x, y)
        before, after = tmp_path / "stage" / str(stage), tmp_path / "stage" / str(stage + 1)
        if stage % 2:
            model = keras.models.load_model(before)
            in_python(model, x, y)
            model.save(after)
        else:
            native = Model(library, before)
            native.step("train_on_batch", x, y)
            native.save(after)
    assert_same_state(keras.models.load_model(tmp_path / "stage" / "4"), case.model)


def test_a_learning_rate_set_natively_is_the_one_python_goes_on_with(library, tmp_path):
    case = make("mlp_adam")
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    assert np.float32(native.learning_rate) == np.float32(0.001)
    native.learning_rate = 0.25
    case.model.optimizer.learning_rate = 0.25
    x, y = case.batch(0)
    native.step("train_on_batch", x, y)
    in_python(case.model, x, y)
    native.save(tmp_path / "m")
    back = keras.models.load_model(tmp_path / "m")
    assert float(back.optimizer.learning_rate) == 0.25
    assert_same_state(back, case.model)


def test_a_model_from_memory_is_the_one_from_the_file(library, tmp_path):
    case = make("mlp_adam")
    case.model.save(tmp_path / "m")
    json = (tmp_path / "m" / "model.json").read_bytes()
    (weights,) = (f for f in (tmp_path / "m").iterdir() if f.name != "model.json")
    native = Model(library, memory=(json, weights.read_bytes()))
    (x,), y = case.batch(0)
    (ours,) = Session(native, [x.shape]).run(x)
    assert_same_bits(ours, case.model.predict(x, verbose=0))
    native.step("train_on_batch", [x], y)
    in_python(case.model, [x], y)
    native.save(tmp_path / "n")
    assert_same_state(keras.models.load_model(tmp_path / "n"), case.model)


def test_sessions_see_what_training_changed(library, tmp_path):
    case = make("mlp_adam")
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    (x,), y = case.batch(0)
    session = Session(native, [x.shape])
    for _ in range(3):
        native.step("train_on_batch", [x], y)
        in_python(case.model, [x], y)
        assert_same_bits(session.run(x)[0], case.model.predict(x, verbose=0))


def test_sessions_in_many_threads_give_what_one_gives(library, tmp_path):
    """ctypes lets other threads run during a call."""
    case = make("convnet")
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    (x,), _ = case.batch(0)
    wanted = case.model.predict(x, verbose=0)

    def work(_):
        session = Session(native, [x.shape])
        return all(session.run(x)[0].tobytes() == wanted.tobytes() for _ in range(100))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))


@pytest.mark.parametrize(("rate", "factor"), [(0.25, -4), (0.0, 0)])
def test_momentum_is_written_for_tensorflow_js_anew(library, tmp_path, rate, factor):
    """It keeps sums of gradients, -1 / rate times our state, in the file beside that."""
    case = make("mlp_adam")
    case.model.compile(keras.optimizers.SGD(0.5, momentum=0.9), "sparse_categorical_crossentropy")
    in_python(case.model, *case.batch(0))
    case.model.save(tmp_path / "m")
    native = Model(library, tmp_path / "m")
    native.step("train_on_batch", *case.batch(1))
    native.learning_rate = rate
    native.save(tmp_path / "native")
    text, weights, _ = _core.read_model(str(tmp_path / "native"))
    values = {name: np.asarray(tensor) for name, tensor, _ in weights}
    made_of = json.loads(text)["userDefinedMetadata"]["addax"]["momentumForTfjs"]
    assert len(made_of) == 6
    for scaled, ours in made_of.items():
        assert np.abs(values[ours]).max() > 0
        np.testing.assert_allclose(values[scaled], values[ours] * factor, rtol=1e-6)
