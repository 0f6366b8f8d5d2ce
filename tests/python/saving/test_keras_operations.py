"""Operations in functional models, as Keras 3 writes them into `.keras` and `.h5` files."""

from __future__ import annotations

import json
import zipfile

import addax as keras
import interop_models
import numpy as np
import pytest
from addax import ops
from addax.saving import registry
from addax.saving.keras_operations import _places

pytest.importorskip("h5py")


def entries(path):
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    return {entry["name"]: entry for entry in config["config"]["layers"]}


def test_arguments_that_are_no_tensors_go_to_the_constructor(tmp_path):
    x = keras.Input((4, 3), name="x")
    y = ops.mean(x * 2.0, 1, keepdims=True)
    model = keras.Model(x, ops.squeeze(y, axis=1))
    model.save(tmp_path / "m.keras")
    found = entries(tmp_path / "m.keras")
    assert found["mean"]["class_name"] == "Mean"
    assert found["mean"]["module"] == "keras.src.ops.numpy"
    assert found["mean"]["config"] == {"name": "mean", "axis": 1, "keepdims": True}
    assert len(found["mean"]["inbound_nodes"][0]["args"]) == 1
    assert found["multiply"]["inbound_nodes"][0]["args"][1] == 2.0
    assert found["squeeze"]["config"]["axis"] == 1


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_models_with_operations_come_back(tmp_path, ending):
    x = keras.Input((4, 3))
    y = ops.where(x > 0.1, ops.softmax(x, axis=1), ops.clip(x, -1.0, 1.0))
    z = ops.stack([y[:, 1], y[..., 0, :]], axis=1)
    one = ops.einsum("bij,bkj->bik", z, y)  # which is written as Addax's own
    model = keras.Model(x, [one, -abs(z) / 2, x[0, 1]])
    want = interop_models.outputs(model)
    model.save(tmp_path / f"m{ending}")
    have = interop_models.outputs(keras.saving.load_model(tmp_path / f"m{ending}"))
    for a, b in zip(have, want, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_operations_of_the_table_are_there():
    assert set(_places()) <= set(registry.op_functions())
