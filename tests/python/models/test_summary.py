"""summary(): the tables of Keras 3.15, compared whole."""

import addax as keras
import numpy as np
import pytest
from addax import layers
from addax.backend import names


@pytest.fixture(autouse=True)
def terminal_of_80_columns(monkeypatch):
    names.reset()
    monkeypatch.setenv("COLUMNS", "80")


def summary(model, **options):
    parts = []
    model.summary(print_fn=parts.append, **options)
    assert len(parts) == 1, "the text comes in one piece"
    return parts[0]


def test_a_stack_of_layers():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16), layers.BatchNormalization()])
    assert summary(model) == (
        """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ dense (Dense)                   │ (None, 16)             │           144 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ batch_normalization             │ (None, 16)             │            64 │
│ (BatchNormalization)            │                        │               │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 208 (832.00 B)
 Trainable params: 176 (704.00 B)
 Non-trainable params: 32 (128.00 B)
"""
    )


def test_an_unbuilt_model():
    text = summary(keras.Sequential([layers.Dense(2)]))
    assert "│ dense (Dense)                   │ ?                      │   0 (unbuilt) │" in text
    assert " Total params: 0 (0.00 B)" in text


def test_a_graph_shows_what_is_connected_to_what():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    model = keras.Model([a, b], layers.Concatenate()([shared(a), shared(b)]))
    assert (
        summary(model, line_length=96)
        == """\
Model: "functional"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)              ┃ Output Shape           ┃        Param # ┃ Connected to           ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━┩
│ a (InputLayer)            │ (None, 4)              │              0 │ -                      │
├───────────────────────────┼────────────────────────┼────────────────┼────────────────────────┤
│ b (InputLayer)            │ (None, 4)              │              0 │ -                      │
├───────────────────────────┼────────────────────────┼────────────────┼────────────────────────┤
│ shared (Dense)            │ (None, 3)              │             15 │ a[0][0], b[0][0]       │
├───────────────────────────┼────────────────────────┼────────────────┼────────────────────────┤
│ concatenate (Concatenate) │ (None, 6)              │              0 │ shared[0][0],          │
│                           │                        │                │ shared[1][0]           │
└───────────────────────────┴────────────────────────┴────────────────┴────────────────────────┘
 Total params: 15 (60.00 B)
 Trainable params: 15 (60.00 B)
 Non-trainable params: 0 (0.00 B)
"""
    )


def test_nested_models_are_expanded_and_frozen_layers_marked():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="inner")
    inner.trainable = False
    model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(1), layers.ReLU()], name="m")
    rows = [
        line.strip("│").split("│")
        for line in summary(model, expand_nested=True, show_trainable=True).splitlines()
        if line.startswith("│")
    ]
    names_and_marks = [(row[0].strip(), row[3].strip()) for row in rows]
    assert names_and_marks == [
        ("inner (Sequential)", "N"),
        ("└ dense (Dense)", "N"),
        ("dense_1 (Dense)", "Y"),
        ("re_lu (ReLU)", "-"),
    ]


def test_a_range_of_layers():
    model = keras.Sequential([keras.Input((4,)), *(layers.Dense(4) for _ in range(4))])
    text = summary(model, layer_range=("dense_1", "dense_2"))
    assert [f"dense{i} (" in text for i in ("", "_1", "_2", "_3")] == [False, True, True, False]
    assert "Total params: 80" in text
    with pytest.raises(ValueError, match="Passed layer_names do not match the layer names"):
        summary(model, layer_range=("x", "y"))
    with pytest.raises(ValueError, match="must be a list or tuple of length 2"):
        summary(model, layer_range=("x",))


def test_the_optimizer_counts_once_it_is_built():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 1)), verbose=0)
    text = summary(model)
    assert " Total params: 17 (72.00 B)" in text
    assert " Optimizer params: 12 (52.00 B)" in text


def test_large_counts_have_separators_and_units():
    model = keras.Sequential([keras.Input((1000,)), layers.Dense(1000)])
    assert "Total params: 1,001,000 (3.82 MB)" in summary(model)


def test_a_subclassed_model_called_on_data():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.d = layers.Dense(2)

        def call(self, x):
            return self.d(x)

    net = Net()
    net(np.ones((3, 4)))
    assert (
        "│ dense (Dense)                   │ (3, 2)                 │            10 │"
        in summary(net)
    )


def test_names_that_look_like_markup_are_printed_as_they_are():
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, name="a[bold]b")])
    assert "a[bold]b (Dense)" in summary(model)


def test_positions_and_width_are_taken():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    text = summary(model, line_length=50, positions=[0.3, 0.6, 1.0])
    assert max(len(line) for line in text.splitlines()) == 50
    with pytest.raises(ValueError, match="Insufficient console width"):
        summary(model, line_length=10)


def test_it_is_printed_without_print_fn(capsys):
    keras.Sequential([keras.Input((4,)), layers.Dense(3)]).summary()
    assert capsys.readouterr().out.startswith('Model: "sequential"\n┏')
