import copy
import pickle

import addax
import numpy as np
import pytest
from addax import layers


def build(seed=3):
    addax.utils.set_random_seed(seed)
    model = addax.Sequential(
        [
            addax.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights()))


def test_the_same_seed_gives_the_same_weights_bit_for_bit(data):
    trained = []
    for seed in (3, 3, 4):
        model = build(seed)
        model.fit(*data, epochs=3, batch_size=16, verbose=0)
        trained.append(model)
    assert same(trained[0], trained[1])
    assert not same(trained[0], trained[2])


def test_reseeding_restarts_shuffling_of_a_used_model(data):
    model = build()
    weights = model.get_weights()
    results = []
    for _ in range(2):
        model.set_weights(weights)
        model.compile(addax.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        addax.utils.set_random_seed(5)
        model.layers[1].seed_generator.state.assign([1, 0])
        model.fit(*data, epochs=2, batch_size=16, verbose=0)
        results.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*results))


def test_each_epoch_has_another_order():
    orders = []

    class Seen(layers.Layer):
        def call(self, x):
            if not x.symbolic:
                orders.append(x.numpy().ravel().tolist())
            return x

    model = addax.Sequential([addax.Input((1,)), Seen(), layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.arange(20.0)[:, None]
    orders.clear()
    model.fit(x, x, batch_size=20, epochs=3, verbose=0)
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == list(range(20)) for order in orders)


def test_shuffling_goes_on_from_its_state(data):
    """Two epochs at once are one epoch, then another on a model with the state of the first."""
    whole, first = build(), build()
    for model in (whole, first):
        model.compile(addax.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        model.layers[1].rate = 0.0
    addax.utils.set_random_seed(1)
    whole.fit(*data, epochs=2, batch_size=16, verbose=0)
    first.set_weights(build().get_weights())
    addax.utils.set_random_seed(1)
    first.fit(*data, epochs=1, batch_size=16, verbose=0)
    second = build(9)
    second.compile(addax.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    second.layers[1].rate = 0.0
    second.set_weights(first.get_weights())
    second._shuffle_state = first._shuffle_state
    second.fit(*data, initial_epoch=1, epochs=2, batch_size=16, verbose=0)
    assert same(whole, second)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_train_on_like_the_original_and_apart_from_it(data, copied):
    x, _ = data
    model = build()
    model.fit(*data, verbose=0)
    model.predict(x[:1], verbose=0)
    twin = copied(model)
    before = twin.predict(x[:1], verbose=0)
    model.fit(*data, epochs=2, verbose=0)
    np.testing.assert_array_equal(twin.predict(x[:1], verbose=0), before)
    twin.fit(*data, epochs=2, verbose=0)
    assert same(model, twin)
    np.testing.assert_array_equal(twin.predict(x[:1], verbose=0), model.predict(x[:1], verbose=0))


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_does_not_change_the_weights(threads):
    x = np.random.RandomState(0).rand(64, 300).astype("float32")
    y = np.arange(64) % 3
    results = []
    for count in (1, threads):
        with addax.config.threads(count):
            addax.utils.set_random_seed(2)
            model = addax.Sequential(
                [addax.Input((300,)), layers.Dense(500, activation="relu"), layers.Dense(3)]
            )
            loss = addax.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("adam", loss)
            model.fit(x, y, epochs=2, verbose=0)
            results.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*results))
