import re

import addax
import numpy as np
import pytest
from addax import layers


def test_history_has_sorted_keys_and_floats(classifier, data):
    history = classifier.fit(*data, epochs=2, validation_split=0.2, verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert history.epoch == [0, 1]
    assert history.params == {"verbose": 0, "epochs": 2, "steps": 2}
    assert history.model is classifier
    assert classifier.history is history


def test_training_lowers_the_loss(make_classifier, data):
    x, _ = data
    y = (x.sum(axis=1) > 2).astype("int32")
    model = make_classifier(optimizer=addax.optimizers.Adam(0.02))
    losses = model.fit(x, y, epochs=60, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_loss_of_an_epoch_is_the_mean_over_samples(data):
    x, _ = data
    model = addax.Sequential([addax.Input((4,)), layers.Dense(1)])
    model.compile(addax.optimizers.SGD(0.0), "mse", metrics=["mae"])
    y = x[:, :1] * 3
    history = model.fit(x, y, batch_size=32, verbose=0).history
    residual = model.predict(x, verbose=0) - y
    assert history["loss"][0] == pytest.approx(np.mean(residual**2), rel=1e-5)
    assert history["mae"][0] == pytest.approx(np.mean(np.abs(residual)), rel=1e-5)


def test_one_sgd_step_is_the_formula():
    x = np.array([[1.0, 2.0], [3.0, -1.0]], "float32")
    y = np.array([[1.0], [2.0]], "float32")
    model = addax.Sequential([addax.Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(addax.optimizers.SGD(0.1), "mse")
    model.fit(x, y, verbose=0, shuffle=False)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, 0.1 * (2 / 2) * x.T @ y, rtol=1e-6)
    np.testing.assert_allclose(bias, [0.1 * y.sum()], rtol=1e-6)


def test_regularization_is_part_of_the_loss():
    model = addax.Sequential(
        [
            addax.Input((2,)),
            layers.Dense(
                1, kernel_initializer="ones", kernel_regularizer=addax.regularizers.L2(0.5)
            ),
        ]
    )
    model.compile(addax.optimizers.SGD(0.0), "mse")
    x = np.ones((4, 2), "float32")
    assert model.fit(x, 2 * np.ones((4, 1)), verbose=0).history["loss"] == [pytest.approx(1.0)]
    assert model.evaluate(x, 2 * np.ones((4, 1)), verbose=0) == pytest.approx(1.0)


def test_verbose_2_prints_the_lines_of_keras(classifier, data, capsys):
    classifier.fit(*data, epochs=2, verbose=2, validation_split=0.2)
    number = r"\d\.\d{4}(e-\d\d)?"
    line = (
        rf"2/2 - \d+s - \d+[mu]?s/step - accuracy: {number} - loss: {number}"
        rf" - val_accuracy: {number} - val_loss: {number}\n"
    )
    text = capsys.readouterr().out
    assert re.fullmatch(f"Epoch 1/2\n{line}Epoch 2/2\n{line}", text), text


def test_progress_bar_has_the_text_of_keras(classifier, data, capsys):
    classifier.fit(*data)
    text = capsys.readouterr().out
    assert re.fullmatch(
        r"3/3 ━{20} \d+s \d+[mu]s/step - accuracy: \d\.\d{4} - loss: \d\.\d{4}\n", text
    ), text


def test_verbose_0_prints_nothing(classifier, data, capsys):
    classifier.fit(*data, verbose=0, validation_split=0.5)
    classifier.evaluate(*data, verbose=0)
    classifier.predict(data[0], verbose=0)
    assert capsys.readouterr().out == ""


def test_validation_is_the_last_part_before_shuffling(data):
    x, _ = data
    model = addax.Sequential([addax.Input((4,)), layers.Dense(1)])
    model.compile(addax.optimizers.SGD(0.0), "mse")
    y = np.arange(70.0)[:, None]
    history = model.fit(x, y, validation_split=0.3, verbose=0).history
    expected = np.mean((model.predict(x[49:], verbose=0) - y[49:]) ** 2)
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_validation_data_win_over_the_split(classifier, data):
    x, y = data
    history = classifier.fit(
        x, y, validation_split=0.5, validation_data=(x[:5], y[:5]), verbose=0, epochs=1
    )
    expected = classifier.evaluate(x[:5], y[:5], verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(expected[0], rel=1e-5)


@pytest.mark.parametrize(("frequency", "count"), [(2, 1), ([1, 3], 2), (1, 3)])
def test_validation_frequency(classifier, data, frequency, count):
    history = classifier.fit(
        *data, epochs=3, validation_split=0.2, validation_freq=frequency, verbose=0
    )
    assert len(history.history["val_loss"]) == count
    assert len(history.history["loss"]) == 3


def test_validation_steps_and_batch_size(classifier, data):
    x, y = data
    history = classifier.fit(
        x,
        y,
        validation_data=(x, y),
        validation_steps=2,
        validation_batch_size=5,
        verbose=0,
    )
    expected = classifier.evaluate(x[:10], y[:10], verbose=0)[0]
    assert history.history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_initial_epoch_continues_the_count(classifier, data):
    history = classifier.fit(*data, epochs=4, initial_epoch=2, verbose=0)
    assert history.epoch == [2, 3]


def test_zero_epochs_train_nothing(classifier, data):
    before = classifier.get_weights()
    assert classifier.fit(*data, epochs=0, verbose=0).history == {}
    for a, b in zip(before, classifier.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_steps_per_epoch_goes_on_where_the_last_epoch_stopped(data):
    seen = []

    class Seen(layers.Layer):
        def call(self, x):
            if not x.symbolic:
                seen.append(x.numpy()[0, 0])
            return x

    model = addax.Sequential([Seen(), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.arange(10.0)[:, None].astype("float32")
    model.fit(x, x, batch_size=2, steps_per_epoch=2, epochs=4, shuffle=False, verbose=0)
    assert seen[-8:] == [0, 2, 4, 6, 8, 0, 2, 4]


def test_last_smaller_batch_is_kept():
    sizes = []

    class Sizes(layers.Layer):
        def call(self, x):
            if not x.symbolic:
                sizes.append(x.shape[0])
            return x

    model = addax.Sequential([Sizes(), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(np.ones((7, 2)), np.ones((7, 1)), batch_size=3, verbose=0)
    assert sizes[-3:] == [3, 3, 1]


def test_eager_and_recorded_training_agree(make_classifier, data):
    weights = []
    for eager in (False, True):
        model = make_classifier(run_eagerly=eager)
        model.fit(*data, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_recorded_step_runs_no_python_per_batch(data):
    calls = []

    class Counting(layers.Dense):
        def call(self, x):
            calls.append(1)
            return super().call(x)

    model = addax.Sequential([addax.Input((4,)), Counting(1)])
    model.compile("sgd", "mse")
    model.fit(*data, epochs=5, batch_size=10, verbose=0)
    assert len(calls) <= 3  # once symbolically to connect, once to record


def test_deferred_model_is_built_by_fit(data):
    model = addax.Sequential([layers.Dense(5, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(*data, verbose=0)
    assert model.built and len(model.get_weights()) == 4
    assert list(history.history) == ["loss", "mae"]


def test_subclassed_model_trains(data):
    class Net(addax.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(8, activation="relu")
            self.drop = layers.Dropout(0.5)
            self.out = layers.Dense(1)

        def call(self, x, training=False):
            return self.out(self.drop(self.hidden(x), training=training))

    model = Net()
    model.compile("adam", "mse")
    x, _ = data
    first = model.fit(x, x[:, :1], verbose=0).history["loss"][0]
    last = model.fit(x, x[:, :1], epochs=50, verbose=0).history["loss"][-1]
    assert last < first
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_train_step_can_be_overridden(data):
    class Net(addax.Sequential):
        def train_step(self, data):
            x, y = data
            with addax.GradientTape() as tape:
                loss = addax.ops.mean((self(x, training=True) - y) ** 2)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            return {"my_loss": loss}

    model = Net([addax.Input((4,)), layers.Dense(1)])
    model.compile(addax.optimizers.Adam(0.1))
    x, _ = data
    history = model.fit(x, x[:, :1], epochs=20, verbose=0).history
    assert list(history) == ["my_loss"]
    assert history["my_loss"][-1] < history["my_loss"][0]


def test_compute_loss_can_be_overridden_and_metrics_of_the_model_are_reported(data):
    class Net(addax.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.seen = addax.metrics.Mean("seen")

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x, y, y_pred, sample_weight):
            self.seen.update_state(1.0)
            return 3 * super().compute_loss(x, y, y_pred, sample_weight)

    model = Net()
    model.compile(addax.optimizers.SGD(0.0), "mse", metrics=["mse"])
    x, _ = data
    history = model.fit(x, x[:, :1], verbose=0).history
    assert list(history) == ["loss", "mse", "seen"]
    assert history["seen"] == [1.0]
    assert history["loss"][0] == pytest.approx(3 * history["mse"][0], rel=1e-5)
    assert [m.name for m in model.metrics] == ["loss", "compile_metrics", "seen"]
    loss, mse, seen = model.evaluate(x, x[:, :1], verbose=0)
    assert loss == pytest.approx(3 * mse, rel=1e-5) and seen == 1.0


def test_add_loss_alone_is_enough(data):
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(addax.ops.mean(x**2))
            return x

    model = addax.Sequential([addax.Input((4,)), layers.Dense(2), Penalty()])
    model.compile(addax.optimizers.SGD(0.5))
    losses = model.fit(data[0], epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_class_weight_weighs_the_loss(make_classifier, data):
    x, y = data
    model = make_classifier(optimizer=addax.optimizers.SGD(0.0))
    weights = {0: 1.0, 1: 0.5, 2: 4.0}
    by_class = model.fit(x, y, class_weight=weights, verbose=0).history["loss"]
    per_sample = np.array([weights[label] for label in y], "float32")
    by_sample = model.fit(x, y, sample_weight=per_sample, verbose=0, shuffle=False).history["loss"]
    assert by_class == pytest.approx(by_sample, rel=1e-5)
    one_hot = make_classifier("categorical_crossentropy", optimizer=addax.optimizers.SGD(0.0))
    one_hot.set_weights(model.get_weights())
    by_one_hot = one_hot.fit(x, np.eye(3)[y], class_weight=weights, verbose=0).history["loss"]
    assert by_one_hot == pytest.approx(by_class, rel=1e-5)
    missing = model.fit(x, y, class_weight={2: 4.0, 1: 0.5}, verbose=0).history["loss"]
    assert missing == pytest.approx(by_class, rel=1e-5)


def test_sample_weight_reaches_losses_and_weighted_metrics_only():
    x, y = np.zeros((2, 1), "float32"), np.array([[1.0], [3.0]])
    model = addax.Sequential([addax.Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(
        addax.optimizers.SGD(0.0), "mse", metrics=["mse"], weighted_metrics=["mse", "mae"]
    )
    history = model.fit(x, y, sample_weight=np.array([1.0, 0.0]), verbose=0).history
    assert list(history) == ["loss", "mae", "mse", "weighted_mse"]
    assert history["loss"] == [pytest.approx(0.5)]
    assert history["mse"] == [pytest.approx(5.0)]
    assert history["weighted_mse"] == [pytest.approx(1.0)]
    assert history["mae"] == [pytest.approx(1.0)]


def test_train_on_batch_accumulates_metrics_until_reset(classifier, data):
    x, y = data
    first = classifier.train_on_batch(x, y)
    assert isinstance(first, list) and len(first) == 2 and type(first[0]) is float
    second = classifier.train_on_batch(x, y, return_dict=True)
    assert set(second) == {"accuracy", "loss"}
    classifier.reset_metrics()
    tested = classifier.test_on_batch(x, y)
    assert tested == pytest.approx(classifier.evaluate(x, y, verbose=0), rel=1e-5)
    weights = np.zeros(70)
    classifier.reset_metrics()
    assert classifier.test_on_batch(x, y, sample_weight=weights)[0] == 0.0
    with pytest.raises(ValueError, match="cannot be specified at the same"):
        classifier.train_on_batch(x, y, sample_weight=weights, class_weight={0: 1})


def test_frozen_weights_stay(data):
    model = addax.Sequential([addax.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.get_weights()]
    model.fit(*data, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_change_of_trainable_after_compile_is_warned_of(classifier, data):
    classifier.layers[0].trainable = False
    with pytest.warns(UserWarning, match="`trainable` state has changed since the model was"):
        classifier.fit(*data, verbose=0)


def test_models_inside_models_train(data):
    inner = addax.Sequential([addax.Input((4,)), layers.Dense(3, activation="tanh")])
    model = addax.Sequential([addax.Input((4,)), inner, layers.Dense(1)])
    model.compile("adam", "mse")
    before = inner.get_weights()[0].copy()
    model.fit(*data, verbose=0)
    assert not np.array_equal(before, inner.get_weights()[0])


def test_popping_a_layer_changes_what_predict_computes(data):
    model = addax.Sequential([addax.Input((4,)), layers.Dense(3), layers.Dense(1)])
    assert model.predict(data[0], verbose=0).shape == (70, 1)
    assert model.predict(data[0][:2], verbose=0).shape == (2, 1)
    model.pop()
    assert model.predict(data[0], verbose=0).shape == (70, 3)
    assert model.predict(data[0][:2], verbose=0).shape == (2, 3)
    model.add(layers.Dense(5))
    assert model.predict(data[0][:2], verbose=0).shape == (2, 5)


@pytest.mark.parametrize("kind", ["ids", "one_hot", "last"])
def test_sequences_of_all_lengths_train_with_one_program(kind):
    calls = []

    class Counting(layers.Dense):
        def call(self, x):
            calls.append(1)
            return super().call(x)

    addax.utils.set_random_seed(0)
    last = kind == "last"
    model = addax.Sequential(
        [
            addax.Input((None,)),
            layers.Embedding(9, 4),
            layers.GRU(5, return_sequences=not last),
            Counting(3, activation="softmax"),
        ]
    )
    loss = "categorical_crossentropy" if kind == "one_hot" else "sparse_categorical_crossentropy"
    model.compile("sgd", loss, metrics=["accuracy"])
    generator = np.random.RandomState(0)

    def batch(length):
        x = generator.randint(0, 9, (4, length))
        y = generator.randint(0, 3, (4,) if last else (4, length))
        weights = generator.rand(*y.shape)
        return x, np.eye(3)[y] if kind == "one_hot" else y, weights

    batches = [batch(length) for length in (5, 7, 2, 1, 12)]
    model.train_on_batch(*batches[0])
    calls.clear()
    weights = model.get_weights()
    for data in batches:
        model.train_on_batch(*data)
    assert len(calls) <= 1  # a length of 1 may broadcast, and is recorded apart
    trained = model.get_weights()
    model.set_weights(weights)
    model.run_eagerly = True
    for data in batches:
        model.train_on_batch(*data)
    for a, b in zip(trained, model.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
