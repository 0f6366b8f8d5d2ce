"""Bad input: an exception of Keras's type that names the layer or operation, the shape seen and the
shape wanted, and a model that stays usable. Never a crash, a hang or a silent wrong number.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import addax
import numpy as np
import pytest
from addax import layers, ops

X = np.random.RandomState(0).rand(40, 8).astype("float32")
Y = np.arange(40) % 3


@pytest.fixture
def model():
    addax.utils.set_random_seed(0)
    model = addax.Sequential(
        [
            addax.Input((8,)),
            layers.Dense(6, activation="relu", name="hidden"),
            layers.Dense(3, activation="softmax", name="classes"),
        ],
        name="classifier",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def assert_usable(model, x=X, y=Y):
    history = model.fit(x, y, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert np.isfinite(model.predict(x, verbose=0)).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())


def message_of(error_type, run):
    with pytest.raises(error_type) as raised:
        run()
    return re.sub(r"\x1b\[\d+m", "", str(raised.value))


def uses(model, x, y=Y):
    """All ways to hand data to a model."""
    return {
        "fit": lambda: model.fit(x, y, verbose=0),
        "evaluate": lambda: model.evaluate(x, y, verbose=0),
        "predict": lambda: model.predict(x, verbose=0),
        "train_on_batch": lambda: model.train_on_batch(x, y),
        "test_on_batch": lambda: model.test_on_batch(x, y),
        "predict_on_batch": lambda: model.predict_on_batch(x),
    }


# Shapes and ranks


@pytest.mark.parametrize("shape", [(40, 7), (40, 9), (40, 0), (40,), (40, 2, 4), (40, 8, 2)])
def test_data_of_a_wrong_shape_name_the_model_and_both_shapes(model, shape):
    for name, use in {**uses(model, np.ones(shape)), "call": lambda: model(np.ones(shape))}.items():
        message = message_of(ValueError, use)
        assert "classifier" in message and "incompatible with the layer" in message, name
        assert "expected shape=(None, 8)" in message and "found shape=(" in message, name
        assert ", ".join(map(str, shape[1:])) in message, name
    assert_usable(model)


def test_numbers_without_a_batch_axis_are_refused(model):
    for use in uses(model, np.float32(1)).values():
        assert "rank" in message_of(ValueError, use) or "cardinality" in message_of(ValueError, use)


@pytest.mark.parametrize(
    ("loss", "shape"),
    [
        ("mse", (40, 4)),
        ("mse", (40,)),
        ("mae", (40, 3, 2)),
        ("categorical_crossentropy", (40, 4)),
        ("categorical_crossentropy", (40,)),
        ("binary_crossentropy", (40, 2)),
        ("kl_divergence", (40, 2)),
        ("huber", (40, 5)),
        ("hinge", (40, 5)),
        ("sparse_categorical_crossentropy", (40, 3)),
        ("sparse_categorical_crossentropy", (40, 2, 2)),
    ],
)
def test_targets_of_a_wrong_shape_name_the_loss_the_output_and_both_shapes(model, loss, shape):
    model.compile("adam", loss)
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        message = message_of(ValueError, uses(model, X, np.ones(shape))[name])
        assert "'classes'" in message and "(None, 3)" in message, message
        assert str((None, *shape[1:])) in message, message
    model.compile("adam", "sparse_categorical_crossentropy")
    assert_usable(model)


# Layer, input's shape, and what the message must tell besides the layer's name.
WRONG_FOR_LAYERS = [
    (lambda: layers.Dense(3), (4,), "expected min_ndim=2, found ndim=1"),
    (lambda: layers.Conv1D(3, 3), (2, 4), "expected min_ndim=3, found ndim=2"),
    (lambda: layers.Conv2D(3, 3), (2, 4, 4), "expected min_ndim=4, found ndim=3"),
    (lambda: layers.Conv2D(3, 3), (2, 2, 2, 1), "Computed output size would be zero or negative"),
    (lambda: layers.Conv2DTranspose(3, 3), (2, 4, 4), "found ndim=3"),
    (lambda: layers.DepthwiseConv2D(3), (2, 4, 4), "found ndim=3"),
    (lambda: layers.SeparableConv2D(3, 3), (2, 4, 4), "found ndim=3"),
    (lambda: layers.MaxPooling1D(), (2, 4), "expected ndim=3, found ndim=2"),
    (lambda: layers.MaxPooling2D(), (2, 4, 4), "expected ndim=4, found ndim=3"),
    (lambda: layers.MaxPooling2D(3), (2, 2, 2, 1), "Computed output size would be"),
    (lambda: layers.AveragePooling2D(3), (2, 2, 2, 1), "Computed output size would be"),
    (lambda: layers.GlobalMaxPooling2D(), (2, 4, 4), "expected ndim=4, found ndim=3"),
    (lambda: layers.GlobalAveragePooling1D(), (2, 4), "expected ndim=3, found ndim=2"),
    (lambda: layers.UpSampling2D(), (2, 4, 4), "expected ndim=4, found ndim=3"),
    (lambda: layers.ZeroPadding2D(), (2, 4, 4), "expected ndim=4, found ndim=3"),
    (lambda: layers.Cropping2D(), (2, 4, 4), "expected ndim=4, found ndim=3"),
    (lambda: layers.Cropping2D(3), (2, 4, 4, 1), "should be smaller than"),
    (lambda: layers.Reshape((3, 3)), (2, 8), r"input_shape=\(8,\), target_shape=\(3, 3\)"),
    (lambda: layers.Permute((2, 1, 3)), (2, 4, 4), "expected ndim=4, found ndim=3"),
    (lambda: layers.RepeatVector(3), (2, 4, 4), "expected ndim=2, found ndim=3"),
    (lambda: layers.LSTM(3), (2, 4), "expected ndim=3, found ndim=2"),
    (lambda: layers.GRU(3), (2, 4, 4, 4), "expected ndim=3, found ndim=4"),
    (lambda: layers.SimpleRNN(3), (2, 4), "expected ndim=3, found ndim=2"),
    (lambda: layers.Bidirectional(layers.LSTM(3)), (2, 4), "expected ndim=3, found ndim=2"),
    (lambda: layers.TimeDistributed(layers.Dense(3)), (2,), "at least 3 dimensions"),
    (lambda: layers.BatchNormalization(axis=5), (2, 4), "axis=5"),
    (lambda: layers.LayerNormalization(axis=5), (2, 4), "axis=5"),
    (lambda: layers.Add(), (2, 4), "should be called on a list of inputs"),
    (lambda: layers.Add(), [(2, 4), (2, 3)], r"shapes \(4,\) and \(3,\)"),
    (lambda: layers.Multiply(), [(2, 4), (2, 3)], r"shapes \(4,\) and \(3,\)"),
    (lambda: layers.Concatenate(), [(2, 4, 1), (2, 3, 1)], r"4, 1\), \(\w+, 3, 1\)"),
    (lambda: layers.Concatenate(), [(2, 4), (2, 3, 1)], "matching shapes"),
    (lambda: layers.Dot(axes=1), [(2, 4), (2, 3)], r"4 \(at axis 1\) != 3 \(at axis 1\)"),
    (lambda: layers.Attention(), (2, 4, 3), r"must be called on a list .*\(\w+, 4, 3\)"),
]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(("make", "shape", "part"), WRONG_FOR_LAYERS)
def test_a_layer_names_itself_and_the_shapes(make, shape, part, symbolic):
    layer = make()
    shapes = shape if isinstance(shape, list) else [shape]
    if symbolic:
        inputs = [addax.Input(batch_shape=(None, *s[1:])) for s in shapes]
    else:
        inputs = [np.ones(s, "float32") for s in shapes]
    message = message_of(ValueError, lambda: layer(inputs if len(inputs) > 1 else inputs[0]))
    assert layer.name in message, message
    assert re.search(part, message, re.DOTALL), message


REMEMBERED = [
    (lambda: layers.Dense(3), (2, 8), (2, 5), "axis -1 of input shape to have value 8"),
    (lambda: layers.Conv2D(3, 3), (2, 8, 8, 3), (2, 8, 8, 5), "to have value 3"),
    (lambda: layers.DepthwiseConv2D(3), (2, 8, 8, 3), (2, 8, 8, 5), "to have value 3"),
    (lambda: layers.BatchNormalization(), (2, 8), (2, 5), "to have value 8"),
    (lambda: layers.LayerNormalization(), (2, 8), (2, 5), r"\(2, 5\)"),
    (lambda: layers.LSTM(3), (2, 8, 3), (2, 8, 5), r"\(2, 8, 5\)"),
    (lambda: layers.GRU(3), (2, 8, 3), (2, 8, 5), r"\(2, 8, 5\)"),
    (lambda: layers.LSTM(3, stateful=True), (2, 8, 3), (3, 8, 3), r"\(3, 8, 3\)"),
]


@pytest.mark.parametrize(("make", "first", "second", "part"), REMEMBERED)
def test_a_built_layer_refuses_another_shape_and_stays_usable(make, first, second, part):
    layer = make()
    layer(np.ones(first, "float32"))
    message = message_of(ValueError, lambda: layer(np.ones(second, "float32")))
    assert layer.name in message and re.search(part, message), message
    assert np.isfinite(ops.convert_to_numpy(layer(np.ones(first, "float32")))).all()


WRONG_FOR_OPERATIONS = [
    (lambda: ops.matmul(np.ones((2, 3)), np.ones((4, 5))), r"\(2, 3\).*\(4, 5\)"),
    (lambda: ops.add(np.ones((2, 3)), np.ones((4, 5))), r"add: .*\(2, 3\) and \(4, 5\)"),
    (lambda: ops.ones((2, 3)) * np.ones(4), r"multiply: .*\(2, 3\) and \(4,\)"),
    (lambda: ops.concatenate([np.ones((2, 3)), np.ones((4, 5))]), "concatenate: .*3 and 5"),
    (lambda: ops.concatenate([]), "concatenate"),
    (lambda: ops.stack([np.ones(2), np.ones(3)]), "received 2 and 3|same shape"),
    (lambda: ops.reshape(np.ones((2, 3)), (4,)), r"reshape: .*\(2, 3\) into shape \(4,\)"),
    (lambda: ops.transpose(np.ones((2, 3)), (0, 1, 2)), "rank 2"),
    (lambda: ops.sum(np.ones((2, 3)), axis=5), "5.*rank 2"),
    (lambda: ops.max(np.ones(0)), r"empty.*\(0,\)"),
    (lambda: ops.argmax(np.ones(0)), "argmax: .*empty"),
    (lambda: ops.conv(np.ones((1, 8, 8, 3)), np.ones((3, 3, 4, 2))), "channels 3 .* 4"),
    (lambda: ops.conv(np.ones((1, 2, 2, 3)), np.ones((3, 3, 3, 2))), r"\(1, 2, 2, 3\)"),
    (lambda: ops.max_pool(np.ones((1, 2, 2, 3)), 3), r"\(1, 2, 2, 3\)"),
    (lambda: ops.top_k(np.ones(3), k=5), "top_k: .*5"),
    (lambda: ops.split(np.ones(5), 2), r"\(5,\)"),
    (lambda: ops.pad(np.ones(5), [[-1, 2]]), "negative"),
    (lambda: ops.pad(np.ones(5), [[1, 2], [3, 4]]), "pad_width"),
    (lambda: ops.broadcast_to(np.ones(2), (3,)), r"\(2,\) .* \(3,\)"),
    (lambda: ops.einsum("ij,jk->ik", np.ones((2, 3)), np.ones((4, 5))), "3.*4"),
    (lambda: ops.zeros((-1, 2)), r"\(-1, 2\)"),
    (lambda: ops.where(np.ones(2), np.ones(3), np.ones(2)), r"where: .*\(3,\) and \(2,\)"),
    (lambda: ops.image.resize(np.ones((4, 4, 3)), (0, 2)), r"\(0, 2\)"),
    (lambda: addax.random.normal((-1,)), r"\(-1,\)"),
    (lambda: addax.Variable(np.ones(2)).assign(np.ones(3)), r"\(2,\).*\(3,\)"),
]


@pytest.mark.parametrize(("run", "part"), WRONG_FOR_OPERATIONS)
def test_an_operation_names_itself_or_its_arguments_and_the_shapes(run, part):
    message = message_of(ValueError, run)
    assert re.search(part, message, re.DOTALL), message


def test_memory_that_cannot_be_had_is_a_memory_error():
    full = r"17592186044416 bytes for the output of full.*\(1073741824, 4096\)"
    with pytest.raises(MemoryError, match=full):
        ops.zeros((2**30, 2**12))
    inputs = addax.Input((2**18,))
    products = ops.matmul(ops.expand_dims(inputs, 2), ops.expand_dims(inputs, 1))
    model = addax.Model(inputs, ops.sum(products, axis=-1))
    with pytest.raises(MemoryError, match=r"bytes for .* output of matmul.*\(64, 262144, 262144\)"):
        model.predict(np.ones((64, 2**18), "float32"), batch_size=64, verbose=0)
    with pytest.raises((MemoryError, ValueError), match="too large"):
        ops.zeros((2**62, 2**10))


# Dtypes


@pytest.mark.parametrize(
    "dtype", ["U1", "S1", object, "complex64", "datetime64[s]", "timedelta64[s]", [("a", "f4")]]
)
def test_arrays_of_what_is_no_number_are_refused(model, dtype):
    x = np.zeros((40, 8), dtype)
    for use in uses(model, x).values():
        assert "Invalid dtype" in message_of(ValueError, use)
    for use in ("fit", "evaluate", "train_on_batch"):
        message = message_of(ValueError, uses(model, X, x[:, 0])[use])
        assert "Invalid dtype" in message and "`y`" in message
    for use in (lambda: model(x), lambda: ops.add(x, 1)):
        assert "Invalid dtype" in message_of(ValueError, use)
    assert_usable(model)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "uint64", "float16", "float64", ">f4"])
def test_arrays_of_other_numbers_give_what_float32_gives(model, dtype):
    x = (X > 0.5).astype(dtype)
    wanted = model.predict((X > 0.5).astype("float32"), verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)
    assert_usable(model, x)


def test_strided_arrays_and_arrays_of_other_orders_give_the_same(model):
    wanted = model.predict(X, verbose=0)
    wide = np.zeros((80, 16), "float32")
    wide[::2, ::2] = X
    for x in (np.asfortranarray(X), wide[::2, ::2], X[::-1][::-1]):
        np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)
    locked = X.copy()
    locked.flags.writeable = False
    np.testing.assert_array_equal(model.predict(locked, verbose=0), wanted)


# Empty data, ragged lists


def test_empty_data_are_refused(model):
    for use in uses(model, X[:0], Y[:0]).values():
        assert re.search("empty|0 samples|no samples|batch", message_of(ValueError, use))
    for x in ([], (), {}):
        for use in uses(model, x).values():
            message_of(ValueError, use)
    message_of(ValueError, lambda: model.fit(iter(()), verbose=0))
    assert_usable(model)


def test_layers_compute_on_empty_batches():
    assert layers.Dense(3)(np.ones((0, 4))).shape == (0, 3)
    assert layers.Conv2D(3, 3)(np.ones((0, 5, 5, 2))).shape == (0, 3, 3, 3)
    assert layers.LSTM(3)(np.ones((0, 5, 2))).shape == (0, 3)


def test_ragged_lists_are_refused(model):
    ragged = [[1.0, 2.0], [3.0]]
    for use in uses(model, ragged, [0, 1]).values():
        assert "different lengths" in message_of(ValueError, use)
    assert "`y`" in message_of(ValueError, lambda: model.fit(X[:2], ragged, verbose=0))
    for use in (lambda: layers.Dense(3)(ragged), lambda: ops.add(ragged, 1)):
        assert "inhomogeneous" in message_of(ValueError, use)
    objects = np.array([np.ones(8), np.ones(7)], dtype=object)
    assert "object" in message_of(ValueError, lambda: model.predict(objects, verbose=0))
    assert_usable(model)


# Before compile, lengths


def test_fit_before_compile(model):
    model = addax.Sequential([addax.Input((8,)), layers.Dense(3)])
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        message = message_of(ValueError, uses(model, X)[name])
        assert "You must call `compile()` before using the model." in message
    assert model.predict(X, verbose=0).shape == (40, 3)
    model.compile("sgd", addax.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert_usable(model)


def test_x_and_y_of_different_lengths(model):
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        message = message_of(ValueError, uses(model, X, Y[:39])[name])
        assert "Data cardinality is ambiguous" in message
        assert "'x' sizes: 40" in message and "'y' sizes: 39" in message
    message = message_of(ValueError, lambda: model.fit(X, Y, sample_weight=np.ones(3), verbose=0))
    assert "'sample_weight' sizes: 3" in message
    valid = (X, Y[:7])
    message_of(ValueError, lambda: model.fit(X, Y, validation_data=valid, verbose=0))
    assert_usable(model)


def test_weights_that_do_not_fit(model):
    for weights in (np.ones((40, 2)), np.ones((40, 3, 1))):
        message = message_of(
            ValueError, lambda weights=weights: model.fit(X, Y, sample_weight=weights, verbose=0)
        )
        assert "sample_weight" in message and "'classes'" in message, message
    for weights in ([1, 2], {"a": 1.0}, {0: "heavy"}):
        message = message_of(
            ValueError, lambda weights=weights: model.fit(X, Y, class_weight=weights, verbose=0)
        )
        assert "`class_weight` must be a dict" in message
    message = message_of(ValueError, lambda: model.set_weights([np.ones((2, 2))] * 4))
    assert "(8, 6)" in message and "(2, 2)" in message and "kernel" in message
    assert_usable(model)


def test_inputs_that_do_not_fit_a_model_of_several():
    a, b = addax.Input((3,), name="a"), addax.Input((2,), name="b")
    model = addax.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])), name="two")
    model.compile("sgd", "mse")
    x, z, y = np.ones((4, 3)), np.ones((4, 2)), np.ones((4, 1))
    for inputs, part in (
        (x, "expects 2 input"),
        ([x, z, z], "expects 2 input"),
        ([z, x], "expected shape=(None, 3), found shape=(None, 2)"),
        ({"a": x}, 'Missing data for input "b"'),
        ({"a": x, "c": z}, 'Missing data for input "b"'),
        ([x, z[:2]], "Data cardinality is ambiguous"),
        ([x, None], "should be tensors"),
    ):
        for use in ("fit", "evaluate", "predict"):
            assert part in message_of(ValueError, uses(model, inputs, y)[use])
    message_of(ValueError, lambda: model.fit([x, z], [y, y], verbose=0))
    assert_usable(model, [x, z], y)


# Ids


OUT_OF_RANGE = [
    np.array([0, 3]),
    np.array([0, -1]),
    np.array([0, 2**40]),
    np.array([0, -(2**40)]),
    np.array([0, 255], "uint8"),
    np.array([0, np.nan]),
    np.array([0, np.inf]),
    np.array([0, -np.inf]),
    np.array([0, 1e30]),
]


@pytest.mark.parametrize("labels", OUT_OF_RANGE, ids=str)
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.filterwarnings("ignore:.*from_logits=True")
def test_labels_out_of_range_name_the_label_and_the_range(model, labels, from_logits):
    loss = addax.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    model.compile("adam", loss, metrics=["accuracy"])
    y = np.resize(labels, 40)
    before = model.get_weights()
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        message = message_of(ValueError, uses(model, X, y)[name])
        assert re.search(r"label -?\d+ .*not in \[0, 3\)", message), message
    message_of(ValueError, lambda: loss(y, np.full((40, 3), 1 / 3)))
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b, err_msg="no step was made")
    assert_usable(model)


@pytest.mark.parametrize("ids", OUT_OF_RANGE, ids=str)
@pytest.mark.parametrize("mask_zero", [False, True])
def test_embedding_ids_out_of_range_name_the_index_and_the_range(ids, mask_zero):
    model = addax.Sequential(
        [layers.Embedding(3, 4, mask_zero=mask_zero), layers.LSTM(2), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    good, y = np.array([[1, 2], [0, 1]]), np.ones((2, 1))
    model.fit(good, y, verbose=0)
    before = model.get_weights()
    bad = np.stack([ids, ids])
    for name, use in {**uses(model, bad, y), "call": lambda: model(bad)}.items():
        message = message_of((IndexError, ValueError), use)
        assert re.search(r"index -?\d+ .*out of range for axis 0 of size 3", message), (
            name,
            message,
        )
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert_usable(model, good, y)


@pytest.mark.parametrize("index", [5, -9, 2**40])
def test_indices_out_of_range(index):
    x, i = ops.ones((3, 2)), np.array([index])
    for use in (
        lambda: ops.take(x, i, axis=0),
        lambda: x[i],
        lambda: ops.take_along_axis(x, i[:, None], axis=0),
        lambda: ops.scatter(i[:, None], ops.ones(1), (3,)),
    ):
        message = message_of(IndexError, use)
        assert str(index) in message and "size 3" in message


@pytest.mark.parametrize("index", [5, -9, 2**40, np.nan, np.inf])
def test_ids_that_are_no_class_count_for_none(index):
    ids = np.array([index])
    assert not ops.convert_to_numpy(ops.one_hot(ids, 3)).any()
    assert not ops.convert_to_numpy(ops.in_top_k(ids, np.ones((1, 3), "float32"), k=3)).any()
    assert not ops.convert_to_numpy(ops.segment_sum(np.ones(1), ids, 3)).any()
    accuracy = addax.metrics.SparseTopKCategoricalAccuracy(k=3)
    accuracy.update_state(ids, np.ones((1, 3), "float32"))
    assert float(accuracy.result()) == 0


@pytest.mark.parametrize("ignore_class", [None, -1])
def test_a_nan_among_labels_and_ids_is_called_so(ignore_class):
    loss = addax.losses.SparseCategoricalCrossentropy(ignore_class=ignore_class)
    message = message_of(ValueError, lambda: loss(np.array([np.nan]), np.full((1, 3), 1 / 3)))
    assert "NaN" in message, message
    message = message_of(IndexError, lambda: layers.Embedding(3, 2)(np.array([[0, np.nan]])))
    assert "NaN" in message and "number 1 of 2" in message, message


@pytest.mark.parametrize("index", [np.nan, 1.0])
def test_floats_are_no_indices(index):
    x, i = ops.ones((3, 2)), np.array([index])
    for use in (
        lambda: ops.take(x, i, axis=0),
        lambda: x[i],
        lambda: ops.take_along_axis(x, i[:, None], axis=0),
        lambda: ops.slice_update(x, [index, 0], ops.ones((1, 1))),
    ):
        message_of((TypeError, IndexError), use)


# Exceptions and Ctrl-C in the middle


class Boom(Exception):
    pass


def test_the_model_stays_usable_when_a_generator_raises(model):
    def batches():
        yield X[:8], Y[:8]
        yield X[8:16], Y[8:16]
        raise Boom("the third batch")

    with pytest.raises(Boom, match="the third batch"):
        model.fit(batches(), epochs=2, verbose=0)
    with pytest.raises(Boom):
        model.predict(batches(), verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 2
    assert_usable(model)


def test_the_model_stays_usable_when_a_data_set_raises_in_a_worker(model):
    class Data(addax.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            if index == 3:
                raise Boom("batch 3")
            return X[:8], Y[:8]

    for workers in (1, 3):
        with pytest.raises(Boom, match="batch 3"):
            model.fit(Data(workers=workers), verbose=0)
    assert_usable(model)


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_end"])
def test_the_model_stays_usable_when_a_callback_raises(model, hook):
    def fail(*_):
        raise Boom(hook)

    with pytest.raises(Boom, match=hook):
        model.fit(X, Y, verbose=0, callbacks=[addax.callbacks.LambdaCallback(**{hook: fail})])
    assert_usable(model)


def test_the_model_stays_usable_when_batches_change_their_shape(model):
    def batches():
        yield X[:8], Y[:8]
        yield X[:8, :5], Y[:8]

    message_of(ValueError, lambda: model.fit(batches(), verbose=0))
    assert_usable(model)


def test_ctrl_c_stops_fit_and_keeps_the_model(model):
    def interrupt(batch, logs):
        if batch == 2:
            signal.raise_signal(signal.SIGINT)

    callback = addax.callbacks.LambdaCallback(on_train_batch_end=interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[callback])
    assert int(model.optimizer.iterations.numpy()) == 3
    assert_usable(model)


@pytest.mark.parametrize("use", ["fit", "evaluate", "predict"])
def test_ctrl_c_of_another_thread_stops_a_long_run_soon(model, use):
    x, y = np.resize(X, (400_000, 8)), np.resize(Y, 400_000)
    longer = {"fit": {"epochs": 10_000}, "evaluate": {}, "predict": {}}[use]
    started = threading.Event()

    class Started(addax.callbacks.Callback):
        on_train_batch_end = on_test_batch_end = on_predict_batch_end = (
            lambda self, batch, logs=None: started.set()
        )

    stopped_at = []

    def interrupt():
        started.wait(60)
        stopped_at.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    arguments = (x,) if use == "predict" else (x, y)
    with pytest.raises(KeyboardInterrupt):
        while True:
            getattr(model, use)(
                *arguments, batch_size=32, verbose=0, callbacks=[Started()], **longer
            )
    assert time.monotonic() - stopped_at[0] < 5
    thread.join()
    assert_usable(model)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_ctrl_c_ends_a_script_as_python_does():
    script = """
import addax, numpy as np
model = addax.Sequential([addax.Input((8,)), addax.layers.Dense(1)])
model.compile("sgd", "mse")
x, y = np.ones((64, 8)), np.ones((64, 1))
start = addax.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print("go", flush=True))
model.fit(x, y, epochs=10**9, verbose=0, callbacks=[start])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "go\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "KeyboardInterrupt" in errors
    assert process.returncode in (-signal.SIGINT, 130, 1)


def test_attention_over_any_number_of_keys_without_elements_is_refused():
    keys = np.zeros((1, 2**40, 1, 0), "float32")
    query = np.zeros((1, 4, 1, 0), "float32")
    attention = addax._core.op("attention")
    tensors = [addax._core.tensor(x) for x in (query, keys, keys)]
    message = message_of(ValueError, lambda: attention(*tensors, scale=1.0))
    assert "attention: queries and values have no elements" in message
