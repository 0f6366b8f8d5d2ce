"""Input, InputLayer and InputSpec."""

import addax as keras
import numpy as np
import pytest
from addax import layers
from addax.backend import names
from addax.layers.input_spec import assert_input_compatibility


@pytest.fixture(autouse=True)
def fresh_names():
    names.reset()


def test_input_gives_a_symbolic_tensor():
    x = keras.Input((4,), name="a")
    assert (x.shape, x.dtype, x.name) == ((None, 4), "float32", "a")
    assert x._keras_history.operation.name == "a"
    assert keras.Input((4,))._keras_history.operation.name == "input_layer"
    assert keras.Input((4,))._keras_history.operation.name == "input_layer_1"


@pytest.mark.parametrize("shape", [(784), (784,), [784]])
def test_a_number_is_a_shape_of_one_axis(shape):
    assert keras.Input(shape=shape).shape == (None, 784)


def test_batch_size_and_batch_shape():
    assert keras.Input((4,), batch_size=2).shape == (2, 4)
    assert keras.Input(batch_shape=(None, None, 3)).shape == (None, None, 3)
    assert keras.Input(()).shape == (None,)


def test_input_needs_a_shape():
    with pytest.raises(ValueError, match="You must pass a `shape` argument"):
        keras.Input()
    with pytest.raises(ValueError, match="both `shape` and `batch_shape`"):
        keras.Input((1,), batch_shape=(None, 1))
    with pytest.raises(ValueError, match="Negative dimensions"):
        keras.Input((-1,))


def test_the_config_makes_an_equal_layer():
    layer = layers.InputLayer((None, 3), dtype="int32", name="i")
    config = layer.get_config()
    assert layers.InputLayer.from_config(config).get_config() == config
    old = {"batch_input_shape": [None, 5], "dtype": "float32", "sparse": False, "name": "j"}
    assert layers.InputLayer.from_config(old).batch_shape == (None, 5)


class Named:
    name = "l"


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ({"ndim": 3}, (2, 8), r"expected ndim=3, found ndim=2. Full shape received: \(2, 8\)"),
        ({"min_ndim": 4}, (2, 8, 1), "expected min_ndim=4, found ndim=3"),
        ({"max_ndim": 1}, (2, 8), "expected max_ndim=1, found ndim=2"),
        (
            {"axes": {-1: 8}},
            (2, 5),
            r"expected axis -1 of input shape to have value 8, but received input with shape "
            r"\(2, 5\)",
        ),
        ({"shape": (None, 4)}, (2, 5), r"expected shape=\(None, 4\), found shape=\(2, 5\)"),
        ({"dtype": "int32"}, (2,), "expected dtype=int32, found dtype=float32"),
    ],
)
def test_inputs_that_break_the_spec_are_told_so(spec, shape, message):
    x = np.ones(shape, "float32")
    with pytest.raises(ValueError, match='Input 0 of layer "l" is incompatible .*' + message):
        assert_input_compatibility(keras.InputSpec(**spec), x, Named)


def test_number_and_names_of_inputs_are_checked():
    x = np.ones((1, 2))
    specs = [keras.InputSpec(name="a"), keras.InputSpec(name="b")]
    assert_input_compatibility(specs, {"b": x, "a": x, "more": x}, Named)
    with pytest.raises(ValueError, match='Missing data for input "b"'):
        assert_input_compatibility(specs, {"a": x}, Named)
    with pytest.raises(ValueError, match=r"expects 2 input\(s\).* received 1 input tensors"):
        assert_input_compatibility(specs, [x], Named)
    with pytest.raises(ValueError, match="should be tensors"):
        assert_input_compatibility(specs, ["x", x], Named)


def test_a_last_axis_of_one_may_be_missing():
    spec = keras.InputSpec(shape=(None, 3, 1), allow_last_axis_squeeze=True)
    assert_input_compatibility(spec, np.ones((2, 3)), Named)
    with pytest.raises(ValueError, match="expected shape"):
        assert_input_compatibility(spec, np.ones((2, 4)), Named)


def test_a_spec_whose_axis_exceeds_its_rank_is_refused():
    with pytest.raises(ValueError, match="greater than the maximum allowed value"):
        keras.InputSpec(ndim=2, axes={2: 3})
    with pytest.raises(TypeError, match="must be a dict with integer keys"):
        keras.InputSpec(axes=[1])
