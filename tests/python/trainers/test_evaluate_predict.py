import re
import threading

import addax
import numpy as np
import pytest
from addax import layers


def test_evaluate_gives_a_float_a_list_or_a_dict(make_classifier, data):
    only_loss = make_classifier(metrics=()).evaluate(*data, verbose=0)
    assert type(only_loss) is float
    model = make_classifier()
    loss, accuracy = model.evaluate(*data, verbose=0)
    assert model.evaluate(*data, verbose=0, return_dict=True) == {
        "accuracy": accuracy,
        "loss": loss,
    }
    assert model.metrics_names == ["loss", "compile_metrics"]


def test_results_come_in_the_order_of_compile(data):
    x, _ = data
    model = addax.Sequential([addax.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mse", "accuracy", "mae"])
    y = x[:, :1]
    results = model.evaluate(x, y, verbose=0)
    residual = model.predict(x, verbose=0) - y
    mse = np.mean(residual**2)
    assert results == pytest.approx([mse, mse, 0.0, np.mean(np.abs(residual))], rel=1e-4)


def test_bars_of_evaluate_and_predict_have_the_text_of_keras(classifier, data, capsys):
    classifier.evaluate(*data)
    bar = r"3/3 ━{20} 0s \d+[mu]s/step"
    number = r"\d\.\d{4}"
    text = capsys.readouterr().out
    assert re.fullmatch(rf"{bar} - accuracy: {number} - loss: {number}\n", text), text
    classifier.evaluate(*data, verbose=2)
    text = capsys.readouterr().out
    line = rf"3/3 - 0s - \d+[mu]s/step - accuracy: {number} - loss: {number}\n"
    assert re.fullmatch(line, text), text
    classifier.predict(data[0])
    assert re.fullmatch(rf"{bar}\n", capsys.readouterr().out)


def test_unknown_arguments_of_evaluate_are_refused(classifier, data):
    with pytest.raises(ValueError, match=r"Arguments not recognized: \{'foo': 3\}"):
        classifier.evaluate(*data, foo=3)


def test_predict_does_not_depend_on_the_batch_size(classifier, data):
    x, _ = data
    whole = classifier.predict(x, batch_size=70, verbose=0)
    assert whole.shape == (70, 3) and whole.dtype == np.float32
    for batch_size in (1, 7, 32, 1000):
        np.testing.assert_allclose(
            classifier.predict(x, batch_size=batch_size, verbose=0), whole, rtol=1e-5, atol=1e-6
        )
    np.testing.assert_allclose(classifier.predict_on_batch(x), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(classifier(x).numpy(), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(classifier.predict(x, steps=2, verbose=0), whole[:64], rtol=1e-5)


def test_predict_sees_new_weights(classifier, data):
    x = data[0][:1]
    before = classifier.predict(x, verbose=0)
    classifier.set_weights([w + 1 for w in classifier.get_weights()])
    after = classifier.predict(x, verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, classifier(x).numpy(), rtol=1e-5)


def test_predict_results_are_not_overwritten_by_later_ones(classifier, data):
    x, _ = data
    first = classifier.predict(x[:1], verbose=0)
    kept = first.copy()
    classifier.predict(x[1:2], verbose=0)
    np.testing.assert_array_equal(first, kept)


def test_predict_takes_other_layouts_and_dtypes(classifier, data):
    x, _ = data
    expected = classifier.predict(x, verbose=0)
    for other in (
        x.astype("float64"),
        np.asfortranarray(x),
        x.tolist(),
        np.repeat(x, 2, axis=1)[:, ::2],
        addax.ops.convert_to_tensor(x),
        x.astype(">f4"),
    ):
        np.testing.assert_allclose(classifier.predict(other, verbose=0), expected, rtol=1e-5)


def test_uncompiled_models_predict(data):
    model = addax.Sequential([layers.Dense(2)])
    assert model.predict(data[0], verbose=0).shape == (70, 2)


def test_outputs_keep_their_structure(data):
    x, _ = data
    inputs = addax.Input((4,))
    a, b = layers.Dense(2)(inputs), layers.Dense(3)(inputs)
    for outputs in ([a, b], {"one": a, "two": b}):
        got = addax.Model(inputs, outputs).predict(x, verbose=0)
        assert type(got) is type(outputs)
        parts = got if isinstance(got, list) else list(got.values())
        assert [part.shape for part in parts] == [(70, 2), (70, 3)]


def test_several_inputs_as_list_and_dict(data):
    x, _ = data
    a, b = addax.Input((4,), name="a"), addax.Input((4,), name="b")
    model = addax.Model([a, b], layers.subtract([a, b]))
    np.testing.assert_allclose(model.predict([x, x / 2], verbose=0), x / 2, rtol=1e-6)
    by_name = model.predict({"b": x / 2, "a": x}, verbose=0)
    np.testing.assert_allclose(by_name, x / 2, rtol=1e-6)


def test_dropout_is_active_only_in_training(data):
    model = addax.Sequential([addax.Input((4,)), layers.Dropout(0.9)])
    model.compile("sgd", "mse")
    x, _ = data
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    assert model.evaluate(x, x, verbose=0) == 0.0


def test_sequences_of_all_lengths_share_a_program():
    calls = []

    class Counting(layers.Dense):
        def call(self, x):
            calls.append(1)
            return super().call(x)

    model = addax.Sequential(
        [addax.Input((None,)), layers.Embedding(9, 4), layers.LSTM(5), Counting(2)]
    )
    model.predict(np.zeros((2, 4), "int32"), verbose=0)
    calls.clear()
    for length in (1, 3, 4, 8):
        ids = np.arange(2 * length).reshape(2, length) % 9
        got = model.predict(ids.astype("int32"), verbose=0)
        assert not calls
        np.testing.assert_allclose(got, model(ids).numpy(), rtol=1e-5, atol=1e-6)
        calls.clear()


def test_predict_step_can_be_overridden(data):
    class Classes(addax.Sequential):
        def predict_step(self, data):
            return addax.ops.argmax(super().predict_step(data), axis=-1)

    x, _ = data
    model = Classes([addax.Input((4,)), layers.Dense(3)])
    np.testing.assert_array_equal(model.predict(x, verbose=0), np.argmax(model(x).numpy(), axis=-1))


def test_test_step_can_be_overridden(data):
    class Net(addax.Sequential):
        def test_step(self, data):
            return {"count": addax.ops.sum(addax.ops.ones_like(data[0][:, 0]))}

    model = Net([addax.Input((4,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    assert model.evaluate(*data, batch_size=70, verbose=0) == 70.0


def test_many_threads_may_predict_at_once(classifier, data):
    x, _ = data
    expected = classifier.predict(x, verbose=0)
    wrong = []

    def work(seed):
        generator = np.random.RandomState(seed)
        for _ in range(50):
            count = generator.randint(1, 40)
            start = generator.randint(0, 70 - count)
            got = classifier.predict(x[start : start + count], verbose=0)
            if not np.allclose(got, expected[start : start + count], rtol=1e-4, atol=1e-6):
                wrong.append(start)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
