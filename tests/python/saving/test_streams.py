"""The program `stream` of a file: a recurrent model fed a sequence in pieces."""

import addax as keras
import numpy as np
import pytest
from addax import _core, layers


def programs_of(model, tmp_path):
    model.save(tmp_path / "model")
    _, _, programs = _core.read_model(str(tmp_path / "model"), with_programs=True)
    return programs


def sequential(*rest, shape=(None, 3), dtype="float32"):
    return keras.Sequential([keras.Input(shape, dtype=dtype), *rest])


def stacked():
    return sequential(
        layers.LSTM(9, return_sequences=True),
        layers.LayerNormalization(),
        layers.GRU(7, return_sequences=True),
        layers.Dense(5, activation="tanh"),
        layers.SimpleRNN(4, return_sequences=True),
    )


def cells():
    return sequential(
        layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_sequences=True),
        layers.TimeDistributed(layers.Dense(2)),
    )


def two_inputs():
    a, b = keras.Input((None, 3), name="a"), keras.Input((None, 2), name="b")
    y = layers.GRU(4, return_sequences=True)(layers.Concatenate()([a, b]))
    return keras.Model([a, b], [layers.Dense(2)(y), y])


def known_length():
    return sequential(layers.GRU(4, return_sequences=True), shape=(9, 3))


def nested():
    inner = keras.Sequential([keras.Input((None, 3)), layers.GRU(4, return_sequences=True)])
    return sequential(inner, layers.BatchNormalization(), layers.Dense(1))


def words():
    return sequential(
        layers.Embedding(20, 6), layers.LSTM(5), layers.Dense(2), shape=(None,), dtype="int32"
    )


def single_pixels():
    return sequential(
        layers.Conv1D(4, 1, activation="relu"),
        layers.GRU(4, return_sequences=True),
        layers.TimeDistributed(layers.Dense(3, activation="softmax")),
        layers.Conv1D(2, 1),
    )


def film():
    return sequential(
        layers.TimeDistributed(layers.Conv2D(2, 3, padding="same", activation="relu")),
        layers.TimeDistributed(layers.MaxPooling2D(2)),
        layers.TimeDistributed(layers.Flatten()),
        layers.GRU(4, return_sequences=True),
        shape=(None, 4, 4, 3),
    )


def masked():
    return sequential(layers.Masking(0.0), layers.GRU(4, return_sequences=True))


def images():
    return sequential(
        layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True),
        layers.ConvLSTM2D(2, (2, 3), return_sequences=True),
        shape=(None, 8, 7, 2),
    )


@pytest.mark.parametrize(
    "make",
    [stacked, cells, two_inputs, known_length, nested, words, single_pixels, film, masked, images],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("batch", [1, 3])
def test_pieces_give_the_bits_of_the_whole(tmp_path, make, batch):
    keras.utils.set_random_seed(3)
    model = make()
    programs = programs_of(model, tmp_path)
    random, time = np.random.default_rng(0), 9
    xs = []
    for x in model.inputs:
        shape = (batch, time, *x.shape[2:])
        floats = random.normal(size=shape).astype("float32")
        xs.append(floats if x.dtype == "float32" else random.integers(0, 20, shape, dtype="int32"))
    if make is masked:
        xs[0][:, 4] = 0.0
    wholes = [y.numpy() for y in _core.Executable(programs["predict"]).run(xs)]
    stream = _core.Executable(programs["stream"])
    specs = programs["stream"].input_specs[len(xs) :]
    states = [np.zeros([n if isinstance(n, int) else batch for n in s], d) for d, s in specs]
    assert states
    pieces = []
    for first, last in ((0, 1), (1, 2), (2, 5), (5, 9)):
        results = [y.numpy() for y in stream.run([x[:, first:last] for x in xs] + states)]
        pieces.append(results[: len(wholes)])
        states = results[len(wholes) :]
    for i, whole in enumerate(wholes):
        parts = [piece[i] for piece in pieces]
        together = np.concatenate(parts, axis=1) if make is not words else parts[-1]
        np.testing.assert_array_equal(together, whole)


def bidirectional():
    return sequential(layers.Bidirectional(layers.LSTM(4, return_sequences=True)))


def backwards():
    return sequential(layers.LSTM(4, return_sequences=True, go_backwards=True))


def pooled():
    return sequential(layers.LSTM(4, return_sequences=True), layers.GlobalAveragePooling1D())


def pooled_over_a_long_time():
    rest = layers.LSTM(4, return_sequences=True), layers.GlobalAveragePooling1D()
    return sequential(*rest, shape=(6000, 1))


def convolved():
    return sequential(layers.Conv1D(4, 3, padding="same"), layers.GRU(4, return_sequences=True))


def attending():
    x = keras.Input((None, 3))
    y = layers.GRU(4, return_sequences=True)(x)
    return keras.Model(x, layers.Attention()([y, y]))


def decoder():
    x = keras.Input((None, 3))
    _, h = layers.GRU(4, return_state=True)(x)
    return keras.Model(x, layers.GRU(4, return_sequences=True)(x, initial_state=h))


def convolved_far_back():
    conv = layers.Conv1D(4, 2, padding="causal", dilation_rate=8)
    return sequential(conv, layers.GRU(4, return_sequences=True))


def pooled_and_weighted_with_zeros():
    return sequential(
        layers.GRU(4, return_sequences=True),
        layers.GlobalAveragePooling1D(),
        layers.Dense(2, kernel_initializer="zeros"),
    )


def reshaped_into_samples():
    x = keras.Input(batch_shape=(2, None, 3))
    y = layers.GRU(4, return_sequences=True)(x)
    swapped = layers.Lambda(lambda y: keras.ops.reshape(y, (-1, 2, 4)))(y)
    return keras.Model(x, layers.Permute((1, 2))(keras.ops.transpose(swapped, (1, 0, 2))))


def positioned():
    x = keras.Input((9, 3))
    table = keras.ops.reshape(keras.ops.arange(27, dtype="float32"), (9, 3)) * 1e-7
    y = layers.Lambda(lambda x: x + table)(x)
    return keras.Model(x, layers.GRU(4, return_sequences=True)(y))


def repeated():
    x = keras.Input((4, 3))
    y = layers.GRU(4, kernel_initializer="zeros", recurrent_initializer="zeros")(x)
    return keras.Model(
        x, layers.Add()([layers.RepeatVector(4)(y), layers.GRU(4, return_sequences=True)(x)])
    )


def masked_cells():
    rest = layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_sequences=True)
    return sequential(layers.Masking(0.0), rest)


@pytest.mark.parametrize(
    "make",
    [
        bidirectional,
        backwards,
        pooled,
        pooled_over_a_long_time,
        convolved,
        attending,
        decoder,
        convolved_far_back,
        pooled_and_weighted_with_zeros,
        reshaped_into_samples,
        positioned,
        repeated,
        masked_cells,
    ],
    ids=lambda f: f.__name__,
)
def test_models_that_look_elsewhere_in_time_have_no_stream(tmp_path, make):
    programs = programs_of(make(), tmp_path)
    assert "predict" in programs and "stream" not in programs


def test_models_without_recurrent_layers_have_no_stream(tmp_path):
    assert "stream" not in programs_of(sequential(layers.Dense(2)), tmp_path)


@pytest.mark.parametrize("time", [1, 2, 3])
def test_short_sequences_stream(tmp_path, time):
    model = sequential(layers.GRU(4, return_sequences=True), shape=(time, 3))
    assert "stream" in programs_of(model, tmp_path)


def test_saving_leaves_the_states_of_stateful_layers_alone(tmp_path):
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, None, 3)), layers.GRU(4, stateful=True, return_sequences=True)]
    )
    x = np.ones((2, 3, 3), "float32")
    model.predict(x, verbose=0)
    before = model.layers[0].states[0].numpy()
    assert "stream" in programs_of(model, tmp_path)
    np.testing.assert_array_equal(model.layers[0].states[0].numpy(), before)
    assert before.any()
