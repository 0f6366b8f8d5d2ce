"""TensorFlow's guide "The Sequential model": its cells as they stand there, and what it says of
them. https://www.tensorflow.org/guide/keras/sequential_model
"""

import addax as keras
import numpy as np
import pytest
from addax import layers
from addax import ops as tf
from guide_cells import summary_facts


def copied(weights):
    return [np.array(w) for w in weights]


def which_changed(before, after):
    return [not np.array_equal(a, b) for a, b in zip(before, after)]


FILLINGS = {
    "freeze": {
        "load_weights": "'dense.weights.h5'",
        "compile": "'sgd', 'mse'",
        "fit": "digits, targets, verbose=0",
    },
    "pretrained base": {
        "compile": "'sgd', 'mse'",
        "fit": "images, classes, verbose=0",
    },
}


@pytest.fixture
def data(notebook, tmp_path, monkeypatch):
    """What stands for the guide's `...`."""
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    notebook.names.update(
        digits=random.rand(64, 784).astype("float32"),
        targets=random.rand(64, 10).astype("float32"),
        images=random.rand(2, 71, 71, 3).astype("float32"),
        classes=random.rand(2, 1000).astype("float32"),
    )
    dense = keras.Sequential([keras.Input((784,))] + [layers.Dense(n) for n in (32, 32, 32, 10)])
    dense.save_weights("dense.weights.h5")
    keras.backend.clear_session()
    return dense


def test_the_guide_runs_from_top_to_bottom_and_prints_what_it_shows(
    notebook, pretrained_xception, data
):
    for name, cell in notebook.cells.items():
        if name == "configure":
            continue
        printed = notebook.run(name, **FILLINGS.get(name, {}))
        if "Model:" in cell.prints:
            assert summary_facts(printed) == summary_facts(cell.prints)
        else:
            assert printed == cell.prints


def test_a_sequential_model_is_equivalent_to_its_layers_called_in_a_row(notebook):
    notebook.run("three layers in a list")
    model, y = notebook.model, notebook.y
    notebook.run("three layers by hand")
    assert y.shape == notebook.y.shape == (3, 4)
    by_hand = (notebook.layer1, notebook.layer2, notebook.layer3)
    for layer, twin in zip(model.layers, by_hand):
        assert layer.name == twin.name
        twin.set_weights(layer.get_weights())
    x = notebook.x
    for layer in by_hand:
        x = layer(x)
    np.testing.assert_array_equal(y, x)


def test_each_layer_has_one_input_and_one_output():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(2)])
    with pytest.raises(ValueError, match="input"):
        model([tf.ones((1, 4)), tf.ones((1, 4))])
    with pytest.raises(ValueError):
        keras.Sequential([keras.Input((4,)), layers.Add()])
    shared = layers.Dense(4)
    with pytest.raises(ValueError, match="unique names"):
        keras.Sequential([keras.Input((4,)), shared, shared])


def test_layers_are_reached_through_an_attribute(notebook):
    notebook.run("list")
    assert [type(layer) for layer in notebook.model.layers] == [layers.Dense] * 3
    assert [layer.units for layer in notebook.model.layers] == [2, 3, 4]


def test_layers_are_added_and_popped_as_from_a_list(notebook):
    notebook.run("add")
    first, second, _ = notebook.model.layers
    assert notebook.run("pop") == "2\n"
    assert notebook.model.layers == [first, second]
    assert notebook.model(tf.ones((1, 5))).shape == (1, 3)
    notebook.model.pop()
    notebook.model.pop()
    with pytest.raises(IndexError, match="no layers"):
        notebook.model.pop()


def test_a_model_has_the_name_that_it_is_given(notebook, summary):
    notebook.run("name")
    assert notebook.model.name == "my_sequential"
    assert 'Model: "my_sequential"' in summary(notebook.model)
    assert [layer.name for layer in notebook.model.layers] == ["layer1", "layer2", "layer3"]


def test_a_layer_has_no_weights_before_its_first_call(notebook):
    notebook.run("layer without weights")
    assert notebook.layer.weights == []
    notebook.run("layer with weights")
    assert [w.shape for w in notebook.layer.weights] == [(4, 3), (3,)]
    assert [w.name for w in notebook.layer.weights] == ["kernel", "bias"]
    assert not notebook.layer.weights[1].numpy().any(), "biases begin as zeros"


def test_asking_an_unbuilt_model_for_its_weights_is_an_error_that_says_so(notebook, summary):
    notebook.run("list")
    model = notebook.model
    for ask in (lambda: model.weights, lambda: model.trainable_weights, model.get_weights):
        with pytest.raises(ValueError, match=r"'sequential.*unbuilt|not.*built"):
            ask()
    assert not model.built
    text = summary(model)
    assert text.count("?") == 3 and text.count("0 (unbuilt)") == 3
    model(tf.ones((1, 4)))
    assert len(model.weights) == 6 and "unbuilt" not in summary(model)


def test_weights_are_made_when_the_model_first_sees_data(notebook):
    assert notebook.run("deferred") == "Number of weights after calling the model: 6\n"
    shapes = [w.shape for w in notebook.model.weights]
    assert shapes == [(4, 2), (2,), (2, 3), (3,), (3, 4), (4,)]


@pytest.mark.parametrize("way", ["fit", "build", "predict", "evaluate"])
def test_other_first_meetings_with_data_build_a_model_too(notebook, way):
    notebook.run("list")
    model = notebook.model
    model.compile("sgd", "mse")
    x, y = np.ones((2, 4)), np.ones((2, 4))
    if way == "build":
        model.build((None, 4))
    elif way == "predict":
        model.predict(x, verbose=0)
    else:
        getattr(model, way)(x, y, verbose=0)
    assert len(model.weights) == 6


def test_an_input_is_no_layer_of_the_model(notebook):
    notebook.run("Input")
    assert [type(layer) for layer in notebook.model.layers] == [layers.Dense]


@pytest.mark.parametrize("cell", ["Input", "input_shape"])
def test_a_model_with_a_shape_has_weights_and_an_output_shape_before_data(notebook, cell):
    notebook.run(cell)
    model = notebook.model
    assert model.built and [w.shape for w in model.weights] == [(4, 2), (2,)]
    assert model.input_shape == (None, 4) and model.output_shape == (None, 2)


def test_summaries_tell_the_shape_so_far_while_layers_are_added(notebook):
    printed = notebook.run("add and summary")
    facts = summary_facts(printed)
    assert ("max_pooling2d", "(None, 40, 40, 32)", 0) in facts
    assert ("max_pooling2d_2", "(None, 4, 4, 32)", 0) in facts
    assert facts.count(("Total", 11680)) == facts.count(("Total", 48672)) == 1
    assert notebook.model.output_shape == (None, 10)
    assert notebook.model.layers[-2].output.shape == (None, 32)


def test_each_layer_of_a_built_model_has_an_input_and_an_output(notebook):
    notebook.run("all features")
    model = notebook.initial_model
    for previous, layer in zip(model.layers, model.layers[1:]):
        assert layer.input is previous.output
    assert model.layers[0].input is model.inputs[0]
    assert model.layers[-1].output is model.outputs[0]


def test_a_model_of_all_layers_outputs_extracts_them(notebook):
    notebook.run("all features")
    shapes = [f.shape for f in notebook.features]
    assert shapes == [(1, 123, 123, 32), (1, 121, 121, 32), (1, 119, 119, 32)]
    x = notebook.x
    for layer, feature in zip(notebook.initial_model.layers, notebook.features):
        x = layer(x)
        np.testing.assert_allclose(feature, x, rtol=1e-5, atol=1e-6)


def test_a_model_of_one_layers_output_extracts_it(notebook):
    notebook.run("one feature")
    assert notebook.features.shape == (1, 121, 121, 32)
    first, second, _ = notebook.initial_model.layers
    np.testing.assert_allclose(notebook.features, second(first(notebook.x)), rtol=1e-5, atol=1e-6)


def test_only_the_last_layer_of_a_frozen_model_is_trained(notebook, data):
    pytest.importorskip("h5py")
    notebook.run("freeze", **FILLINGS["freeze"])
    changed = which_changed(data.get_weights(), notebook.model.get_weights())
    assert changed == [False] * 6 + [True] * 2
    assert notebook.model.trainable_weights == notebook.model.layers[-1].weights


def test_only_the_classifier_on_a_frozen_base_is_trained(notebook, pretrained_xception, data):
    notebook.run("pretrained base", **FILLINGS["pretrained base"])
    model, base = notebook.model, notebook.base_model
    assert not any(which_changed(pretrained_xception.weights, base.get_weights()))
    assert [w.shape for w in model.trainable_weights] == [(2048, 1000), (1000,)]
    before = copied(model.layers[1].get_weights())
    model.fit(notebook.images, notebook.classes, verbose=0)
    assert all(which_changed(before, model.layers[1].get_weights()))
    assert not any(which_changed(pretrained_xception.weights, base.get_weights()))
