"""Recurrent layers: states, masks, custom cells, unknown lengths, gradients."""

import addax
import numpy as np
import pytest
from addax import Input, Model, layers, ops


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


LAYERS = [layers.SimpleRNN, layers.LSTM, layers.GRU]


@pytest.mark.parametrize("cls", LAYERS)
def test_the_last_of_the_sequences_is_the_single_output(cls):
    x = random(2, 5, 3)
    layer = cls(4, return_sequences=True)
    sequences = np.asarray(layer(x))
    last = cls(4)
    last.build(x.shape)
    last.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.asarray(last(x)), sequences[:, -1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_unrolling_changes_nothing(cls):
    x = random(2, 5, 3)
    mask = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 1, 0]], bool)
    layer = cls(4, return_sequences=True, return_state=True)
    scanned = layer(x, mask=mask)
    unrolled = cls(4, return_sequences=True, return_state=True, unroll=True)
    unrolled.build(x.shape)
    unrolled.set_weights(layer.get_weights())
    for a, b in zip(scanned, unrolled(x, mask=mask), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_a_layer_gives_what_its_cell_gives_step_by_step(cls):
    x = random(2, 4, 3)
    layer = cls(4)
    expected = layer(x)
    states = layer.cell.get_initial_state(batch_size=2)
    for t in range(4):
        output, states = layer.cell(x[:, t], states)
    np.testing.assert_allclose(np.asarray(output), np.asarray(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_trailing_masked_steps_do_not_count(cls):
    x = random(2, 6, 3)
    layer = cls(4)
    short = np.asarray(layer(x[:, :4]))
    mask = np.arange(6)[None] < np.array([[4], [4]])
    np.testing.assert_allclose(np.asarray(layer(x, mask=mask)), short, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_an_initial_state_continues_a_sequence(cls):
    x = random(2, 6, 3)
    layer = cls(4, return_state=True)
    whole = layer(x)
    first = layer(x[:, :2])
    second = layer(x[:, 2:], initial_state=list(first[1:]))
    for a, b in zip(whole, second, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_a_stateful_layer_continues_until_it_is_reset(cls):
    x = random(2, 6, 3)
    layer = cls(4, stateful=True)
    layer(x[:, :2])
    continued = np.asarray(layer(x[:, 2:]))
    layer.reset_state()
    np.testing.assert_allclose(np.asarray(layer(x)), continued, rtol=1e-5, atol=1e-6)
    assert len(layer.weights) == 3


def test_a_bidirectional_stateful_layer_is_reset_as_one():
    x = random(2, 3, 2)
    layer = layers.Bidirectional(layers.GRU(2, stateful=True))
    first = np.asarray(layer(x))
    assert not np.allclose(np.asarray(layer(x)), first)
    layer.reset_state()
    np.testing.assert_allclose(np.asarray(layer(x)), first, rtol=1e-6)


@pytest.mark.parametrize("cls", LAYERS)
def test_a_model_runs_sequences_of_any_length(cls):
    inputs = Input((None, 3))
    model = Model(inputs, cls(4, return_sequences=True)(inputs))
    assert model.output_shape == (None, None, 4)
    for time in (1, 2, 7):
        x = random(3, time, 3)
        expected = np.asarray(model(x))
        assert expected.shape == (3, time, 4)
        predicted = model.predict(x, verbose=0)
        np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)


def test_a_backward_layer_gives_outputs_in_the_order_of_computation():
    x = random(1, 4, 2)
    layer = layers.GRU(3, return_sequences=True, go_backwards=True)
    backward = np.asarray(layer(x))
    forward = layers.GRU(3, return_sequences=True)
    forward.build(x.shape)
    forward.set_weights(layer.get_weights())
    expected = np.asarray(forward(x[:, ::-1].copy()))
    np.testing.assert_allclose(backward, expected, rtol=1e-5, atol=1e-6)


class MinimalCell(layers.Layer):
    """The custom cell of Keras's guide: one state, no output_size."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(self.units, self.units), name="recurrent")
        self.built = True

    def call(self, inputs, states):
        output = ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent_kernel)
        return output, [output]


def test_a_custom_cell_runs_alone_stacked_and_in_a_model():
    x = random(2, 5, 3)
    layer = layers.RNN(MinimalCell(4), return_sequences=True, return_state=True)
    outputs, state = layer(x)
    kernel, recurrent = layer.get_weights()
    h = np.zeros((2, 4), "float32")
    for t in range(5):
        h = x[:, t] @ kernel + h @ recurrent
        np.testing.assert_allclose(np.asarray(outputs)[:, t], h, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.asarray(state), h, rtol=1e-4, atol=1e-5)

    inputs = Input((None, 3))
    stack = layers.RNN([MinimalCell(4), layers.LSTMCell(2)])
    model = Model(inputs, stack(inputs))
    assert model.predict(x, verbose=0).shape == (2, 2)


def test_a_subclassed_cell_keeps_its_own_call():
    class Doubled(layers.GRUCell):
        def call(self, inputs, states, training=False):
            output, states = super().call(inputs, states, training=training)
            return output * 2, states

    x = random(1, 3, 2)
    plain = layers.RNN(layers.GRUCell(2))
    plain.build(x.shape)
    doubled = layers.RNN(Doubled(2))
    doubled.build(x.shape)
    doubled.set_weights(plain.get_weights())
    np.testing.assert_allclose(np.asarray(doubled(x)), 2 * np.asarray(plain(x)), rtol=1e-5)


def test_a_subclassed_cell_may_have_another_output_size():
    class Doubled(layers.GRUCell):
        def __init__(self, units, **kwargs):
            super().__init__(units, **kwargs)
            self.output_size = 2 * units

        def call(self, inputs, states, training=False):
            output, states = super().call(inputs, states, training=training)
            return ops.concatenate([output, -output], axis=-1), states

    for cell in (Doubled(2), [layers.LSTMCell(3), Doubled(2)]):
        layer = layers.RNN(cell)
        assert layer(Input((4, 3))).shape == (None, 4)
        assert layer(random(1, 4, 3)).shape == (1, 4)


@pytest.mark.parametrize("cls", LAYERS)
def test_gradients_agree_with_differences(cls):
    x = random(2, 3, 2).astype("float64")
    mask = np.array([[1, 1, 0], [1, 1, 1]], bool)
    layer = cls(3, dtype="float64", return_sequences=True)
    layer.build(x.shape)

    def loss():
        return ops.sum(ops.square(layer(x, mask=mask)))

    with addax.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, layer.trainable_weights)
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        original = weight.numpy()
        for index in [(0,) * original.ndim, tuple(n - 1 for n in original.shape)]:
            values = []
            for step in (1e-6, -1e-6):
                moved = original.copy()
                moved[index] += step
                weight.assign(moved)
                values.append(float(loss()))
            weight.assign(original)
            difference = (values[0] - values[1]) / 2e-6
            assert abs(float(np.asarray(gradient)[index]) - difference) < 1e-6, weight.path


@pytest.mark.parametrize("cls", LAYERS)
def test_dropout_is_one_pattern_for_all_steps_and_only_while_training(cls):
    x = np.ones((4, 5, 3), "float32")
    layer = cls(2, dropout=0.5, recurrent_dropout=0.3, seed=1, return_sequences=True)
    calm = np.asarray(layer(x))
    np.testing.assert_array_equal(calm, np.asarray(layer(x, training=False)))
    first = np.asarray(layer(x, training=True))
    second = np.asarray(layer(x, training=True))
    assert not np.array_equal(first, calm)
    assert not np.array_equal(first, second)


def test_embeddings_with_padding_mask_recurrent_layers():
    ids = np.array([[1, 2, 0, 0], [3, 4, 5, 6]])
    embedding = layers.Embedding(8, 3, mask_zero=True)
    lstm = layers.LSTM(2)
    padded = np.asarray(lstm(embedding(ids)))
    short = np.asarray(lstm(embedding(ids[:1, :2])))
    np.testing.assert_allclose(padded[:1], short, rtol=1e-5, atol=1e-6)


def test_masks_pass_through_time_distributed_and_bidirectional_layers():
    ids = np.array([[1, 2, 0]])
    x = layers.Embedding(4, 3, mask_zero=True)(ids)
    x = layers.TimeDistributed(layers.Dense(2))(x)
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True))(x)
    np.testing.assert_array_equal(np.asarray(y._keras_mask), [[True, True, False]])


def test_stateful_models_train():
    model = addax.Sequential(
        [Input(batch_shape=(2, 3, 2)), layers.LSTM(3, stateful=True), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x, y = random(8, 3, 2), random(8, 1)
    history = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0)
    assert len(history.history["loss"]) == 2
    assert any(np.any(s.numpy() != 0) for s in model.layers[0].states)


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_bidirectional_sequences_are_zero_where_masked(layer):
    x = np.ones((1, 4, 2), "float32")
    mask = np.array([[True, True, False, False]])
    both = layers.Bidirectional(layer(3, return_sequences=True))
    y = np.array(both(x, mask=mask))
    assert np.all(y[:, 2:] == 0)
    assert np.all(y[:, :2] != 0)
    assert both.forward_layer.zero_output_for_mask
    last = layers.Bidirectional(layer(3))
    assert not last.forward_layer.zero_output_for_mask
    restored = layers.Bidirectional.from_config(both.get_config())
    assert restored.backward_layer.zero_output_for_mask


def test_a_stateful_layer_says_how_many_samples_it_keeps():
    model = addax.Sequential([Input(batch_shape=(2, 4, 3)), layers.LSTM(2, stateful=True)])
    model.predict(random(4, 4, 3), batch_size=2, verbose=0)
    with pytest.raises(ValueError, match=r"keeps states of 2 samples. Received a batch of 3"):
        model(random(3, 4, 3))
