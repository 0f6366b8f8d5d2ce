"""`load_weights(skip_mismatch=True)` of weights that go by their names."""

import addax as keras
import numpy as np
import pytest
from addax import layers

ENDINGS = pytest.mark.parametrize("ending", ["", ".safetensors"])


class Counting(layers.Layer):
    def __init__(self, dtype, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(name="count", dtype=dtype, trainable=False)

    def call(self, x):
        return x


def model_of(units, dtype):
    parts = [layers.Dense(4, name="a"), layers.Dense(units, name="b"), Counting(dtype, name="c")]
    return keras.Sequential([keras.Input((3,)), *parts])


@ENDINGS
def test_what_does_not_fit_is_named_and_left_as_it_is(tmp_path, ending):
    saved, other = model_of(2, "int32"), model_of(5, "float32")
    saved.save_weights(tmp_path / f"weights{ending}")
    before = other.get_weights()
    with pytest.warns(UserWarning) as caught:
        other.load_weights(tmp_path / f"weights{ending}", skip_mismatch=True)
    kernel, bias, count = (str(w.message) for w in caught)
    assert kernel.startswith("Weight 'b/kernel' of shape (4, 5) is left as it is. ")
    assert "has shape (4, 2) in the file" in kernel
    assert "has shape (2,) in the file" in bias
    assert "is int32 in the file" in count
    wanted = saved.get_weights()[:2] + before[2:]
    for have, want in zip(other.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(have, want)


@ENDINGS
def test_layers_are_found_whose_numbers_are_others(tmp_path, ending):
    saved, later = (keras.Sequential([keras.Input((3,)), layers.Dense(2)]) for _ in range(2))
    assert saved.layers[0].name != later.layers[0].name
    saved.save_weights(tmp_path / f"weights{ending}")
    later.load_weights(tmp_path / f"weights{ending}", skip_mismatch=True)
    np.testing.assert_array_equal(later.get_weights()[0], saved.get_weights()[0])


@ENDINGS
def test_a_weight_that_the_file_lacks_is_named(tmp_path, ending):
    small = keras.Sequential([keras.Input((3,)), layers.Dense(4, name="a")])
    small.save_weights(tmp_path / f"weights{ending}")
    other = model_of(2, "float32")
    with pytest.warns(UserWarning, match="'b/bias'.*The file has nothing for it"):
        other.load_weights(tmp_path / f"weights{ending}", skip_mismatch=True)
    np.testing.assert_array_equal(other.get_weights()[0], small.get_weights()[0])
