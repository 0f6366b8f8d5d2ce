"""Layers whose options have names that files use themselves."""

import addax as keras
import numpy as np
import pytest
from addax import layers


@keras.saving.register_keras_serializable("tests")
class Tower(layers.Layer):
    def __init__(self, layers, **kwargs):
        super().__init__(**kwargs)
        self.layers = layers

    def call(self, x):
        return x + (self.layers if isinstance(self.layers, int) else sum(self.layers))

    def get_config(self):
        return {**super().get_config(), "layers": self.layers}


@pytest.mark.parametrize("ending", ["", ".keras", ".h5", ".safetensors"])
@pytest.mark.parametrize("option", [3, [1, 2]])
def test_a_layer_may_have_an_option_called_layers(tmp_path, option, ending):
    if ending in (".keras", ".h5"):
        pytest.importorskip("h5py")
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layers.Reshape((2, 1))(Tower(option)(inputs)))
    model.save(tmp_path / f"model{ending}")
    loaded = keras.saving.load_model(tmp_path / f"model{ending}")
    np.testing.assert_array_equal(loaded.predict(np.ones((1, 2)), verbose=0), [[[4], [4]]])
