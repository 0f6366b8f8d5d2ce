"""Files of Keras 1, and of CuDNN's layers: other names, other arrangements of weights.

That Keras 2.15 reads these arrangements in the same way was checked when this was written.
"""

from __future__ import annotations

import addax as keras
import numpy as np
import pytest
from addax import layers
from interop_models import numbers
from legacy_files import write_legacy

pytest.importorskip("h5py")


def filled(layer, shape):
    """A model of one layer, with weights from the formula."""
    model = keras.Sequential([keras.Input(shape), layer])
    model.set_weights([numbers(v.shape, i) for i, v in enumerate(model.weights)])
    return model


def assert_takes(layer, shape, old, tmp_path, **attributes):
    """Asserts that the old arrangement of a model's weights gives these weights back."""
    model = filled(layer, shape)
    want = model.get_weights()
    write_legacy(tmp_path / "old.h5", [("whatever", old(want))], **attributes)
    model.set_weights([0 * w for w in want])
    model.load_weights(tmp_path / "old.h5")
    for have, w in zip(model.get_weights(), want, strict=True):
        np.testing.assert_array_equal(have, w)


def gates(arrays, order):
    """Kernel, recurrent kernel and bias of each gate, as Keras 1 had them."""
    split = [np.split(a, len(order), axis=-1) for a in arrays]
    return [part[gate] for gate in order for part in split]


def test_gates_of_recurrent_layers_were_apart(tmp_path):
    # Today's LSTM has i, f, c, o; Keras 1's had i, c, f, o.
    lstm = [0, 2, 1, 3]
    assert_takes(layers.LSTM(3), (5, 2), lambda w: gates(w, lstm), tmp_path)
    gru = layers.GRU(3, reset_after=False)
    assert_takes(gru, (5, 2), lambda w: gates(w, [0, 1, 2]), tmp_path, keras_version="1.2.2")
    assert_takes(
        layers.Bidirectional(layers.LSTM(3)),
        (5, 2),
        lambda w: [*gates(w[:3], lstm), *gates(w[3:], lstm)],
        tmp_path,
    )


def test_kernels_of_convolutions_had_other_axes(tmp_path):
    def narrow(w):
        return [w[0][:, None], w[1]]

    def turned(w):
        return [w[0].transpose(0, 1, 3, 2), w[1]]

    assert_takes(layers.Conv1D(4, 2), (5, 3), narrow, tmp_path)
    assert_takes(layers.Conv2DTranspose(4, 2), (5, 5, 3), turned, tmp_path)
    assert_takes(layers.TimeDistributed(layers.Dense(2)), (5, 3), lambda w: w, tmp_path)


def test_kernels_of_theano_are_turned_round(tmp_path):
    def turned(w):
        return [w[0][::-1, ::-1], w[1]]

    options = {"keras_version": "2.2.4", "backend": "theano"}
    assert_takes(layers.Conv2D(4, (2, 3)), (5, 5, 3), turned, tmp_path, **options)


def cudnn(w, gates, biases):
    """CuDNN's arrangement: kernels transposed gate by gate, all biases in a row."""
    kernel = [g.reshape(g.shape[::-1], order="F").T for g in np.hsplit(w[0], gates)]
    recurrent = [g.T for g in np.hsplit(w[1], gates)]
    return [np.hstack(kernel), np.hstack(recurrent), biases.reshape(-1)]


def test_weights_of_cudnn_layers(tmp_path):
    def lstm(w):
        return cudnn(w, 4, np.stack([0.25 * w[2], 0.75 * w[2]]))

    def gru(w):
        return cudnn(w, 3, w[2])

    version = {"keras_version": "2.2.4"}
    assert_takes(layers.LSTM(4), (5, 2), lstm, tmp_path, **version)
    assert_takes(layers.GRU(4), (5, 2), gru, tmp_path, **version)
    with pytest.raises(ValueError, match="reset_after"):
        write_legacy(tmp_path / "g.h5", [("g", gru(filled(layers.GRU(4), (5, 2)).get_weights()))])
        filled(layers.GRU(4, reset_after=False), (5, 2)).load_weights(tmp_path / "g.h5")


# ---- Topologies


def layer(class_name, name, **config):
    return {"class_name": class_name, "config": {"name": name, "trainable": True, **config}}


def convolution(name, **config):
    return layer(
        "Convolution2D",
        name,
        nb_filter=2,
        nb_row=2,
        nb_col=3,
        border_mode="same",
        subsample=[1, 1],
        dim_ordering="tf",
        init="glorot_uniform",
        activation="relu",
        W_regularizer={"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
        b_constraint={"name": "MaxNorm", "m": 2, "axis": 0},
        bias=True,
        **config,
    )


def test_a_sequential_model_of_keras_1(tmp_path):
    config = {
        "class_name": "Sequential",
        "config": [
            convolution("c", batch_input_shape=[None, 4, 4, 1], input_dtype="float32"),
            layer("BatchNormalization", "b", epsilon=0.001, mode=0, axis=-1, momentum=0.99),
            layer("MaxPooling2D", "m", pool_size=[2, 2], strides=[2, 2], border_mode="valid"),
            layer("Dropout", "p", p=0.25),
            layer("Flatten", "f"),
            layer("Dense", "d", output_dim=3, init="uniform", activation="softmax", bias=True),
        ],
    }
    wanted = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(2, (2, 3), padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    wanted.set_weights([abs(numbers(v.shape, i)) for i, v in enumerate(wanted.weights)])
    w = wanted.get_weights()
    saved = [("c", w[:2]), ("b", w[2:6]), ("m", []), ("p", []), ("f", []), ("d", w[6:])]
    training = {
        "optimizer_config": {
            "class_name": "SGD",
            "config": {"lr": 0.5, "momentum": 0.5, "decay": 0.1, "nesterov": False},
        },
        "loss": "categorical_crossentropy",
        "metrics": ["accuracy"],
        "sample_weight_mode": None,
        "loss_weights": None,
    }
    path = tmp_path / "old.h5"
    write_legacy(path, saved, "model_weights", model_config=config, training_config=training)
    model = keras.saving.load_model(path)
    x = numbers((2, 4, 4, 1))
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted.predict(x, verbose=0))
    assert model.layers[3].rate == 0.25
    assert model.layers[0].kernel_regularizer.l2 == 0.5
    assert model.layers[0].bias_constraint.max_value == 2
    rates = []
    for _ in range(3):
        rates.append(float(model.optimizer.learning_rate))
        model.train_on_batch(x, np.eye(3)[:2])
    np.testing.assert_allclose(rates, [0.5, 0.5 / 1.1, 0.5 / 1.2], rtol=1e-6)


def test_a_graph_of_keras_1(tmp_path):
    def node(entry, *inputs):
        calls = [[[name, 0, 0] for name in inputs]] if inputs else []
        return {**entry, "name": entry["config"]["name"], "inbound_nodes": calls}

    config = {
        "class_name": "Model",
        "config": {
            "name": "model_1",
            "layers": [
                node(layer("InputLayer", "i", batch_input_shape=[None, 4], input_dtype="int32")),
                node(layer("Embedding", "e", input_dim=7, output_dim=3, init="uniform"), "i"),
                node(
                    layer(
                        "LSTM",
                        "l",
                        output_dim=2,
                        inner_activation="sigmoid",
                        activation="tanh",
                        forget_bias_init="one",
                        consume_less="cpu",
                        dropout_W=0.1,
                        go_backwards=True,
                    ),
                    "e",
                ),
                node(layer("GlobalMaxPooling1D", "g"), "e"),
                node(layer("Merge", "m", mode="concat", concat_axis=-1, layers=None), "l", "g"),
            ],
            "input_layers": [["i", 0, 0]],
            "output_layers": [["m", 0, 0]],
        },
    }
    ids = keras.Input((4,), dtype="int32")
    x = layers.Embedding(7, 3)(ids)
    y = layers.LSTM(2, go_backwards=True)(x)
    wanted = keras.Model(ids, layers.Concatenate()([y, layers.GlobalMaxPooling1D()(x)]))
    wanted.set_weights([numbers(v.shape, i) for i, v in enumerate(wanted.weights)])
    table, *w = wanted.get_weights()
    path = tmp_path / "old.h5"
    saved = [("i", []), ("e", [table]), ("l", gates(w, [0, 2, 1, 3])), ("g", []), ("m", [])]
    write_legacy(path, saved, "model_weights", model_config=config, keras_version="1.2.2")
    model = keras.saving.load_model(path)
    x = np.arange(8).reshape(2, 4) % 7
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted.predict(x, verbose=0))
    assert model.get_layer("l").dropout == 0.1


def test_a_dense_layer_over_time_of_keras_1(tmp_path):
    dense = layer("TimeDistributedDense", "d", output_dim=2, batch_input_shape=[None, 3, 4])
    w = [numbers((4, 2)), numbers((2,))]
    path = tmp_path / "old.h5"
    config = {"class_name": "Sequential", "config": [dense]}
    write_legacy(path, [("d", w)], "model_weights", model_config=config)
    x = numbers((2, 3, 4))
    found = keras.saving.load_model(path).predict(x, verbose=0)
    np.testing.assert_allclose(found, x @ w[0] + w[1], atol=1e-6)


def test_what_keras_2_dropped_is_refused_by_name(tmp_path):
    for bad, message in (
        (
            convolution("c") | {"config": {**convolution("c")["config"], "dim_ordering": "th"}},
            "'c'",
        ),
        (layer("BatchNormalization", "b", mode=1), "'b'.*mode 1"),
        (layer("Merge", "m", mode="cos", layers=[{}]), "'m'"),
        (layer("Merge", "m", mode=["sum"]), "'m'"),
        (layer("Highway", "h"), "Highway"),
    ):
        config = {"class_name": "Sequential", "config": [bad]}
        write_legacy(tmp_path / "old.h5", [], "model_weights", model_config=config)
        with pytest.raises((ValueError, TypeError), match=message):
            keras.saving.load_model(tmp_path / "old.h5")
    config = {"class_name": "Graph", "config": {}}
    write_legacy(tmp_path / "old.h5", [], "model_weights", model_config=config)
    with pytest.raises(ValueError, match="Graph"):
        keras.saving.load_model(tmp_path / "old.h5")


# ---- State of optimizers


@pytest.mark.parametrize("first", ["Adam/iter:0", "training/Adam/iterations:0"])
def test_slots_of_old_optimizers_came_kind_by_kind(tmp_path, first):
    import h5py

    model = filled(layers.Dense(2, name="d"), (3,))
    model.compile(keras.optimizers.Adam(0.5), "mse")
    x = numbers((4, 3))
    model.train_on_batch(x, x[:, :2])
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                {
                    "class_name": "Dense",
                    "config": {"name": "d", "units": 2, "batch_input_shape": [None, 3]},
                }
            ],
        },
    }
    adam = {"lr": 0.5, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0, "epsilon": None}
    training = {"loss": "mse", "optimizer_config": {"class_name": "Adam", "config": adam}}
    path = tmp_path / "old.h5"
    options = {"model_config": config, "training_config": training, "keras_version": "2.2.4"}
    write_legacy(path, [("d", model.get_weights())], "model_weights", **options)
    # Today: iteration, learning rate, m and v of the kernel, m and v of the bias.
    iteration, _, *slots = [v.numpy() for v in model.optimizer.variables]
    names = [first, *(f"training/Adam/Variable_{i}:0" for i in range(4))]
    with h5py.File(path, "a") as h5:
        group = h5.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, [iteration, slots[0], slots[2], slots[1], slots[3]]):
            group[name] = array
    loaded = keras.saving.load_model(path)
    for v, w in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy())
    for m in (loaded, model):
        m.train_on_batch(x, x[:, :2])
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
