"""Objects to configs and back; what configs must not be able to do."""

import json

import addax as keras
import numpy as np
import pytest
from addax import layers, saving
from addax.saving import registry


def through_json(obj):
    return saving.deserialize_keras_object(
        json.loads(json.dumps(saving.serialize_keras_object(obj)))
    )


@pytest.mark.parametrize(
    "value", [None, True, 3, 2.5, "text", [1, [2]], {"a": [None]}, b"\x00\xff"]
)
def test_plain_values_survive(value):
    assert through_json(value) == value


@pytest.mark.parametrize("value", [slice(1, None, 2), Ellipsis])
def test_indices_survive(value):
    assert through_json(value) == value


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_arrays_and_tensors_survive(dtype):
    array = np.array([[0, 1], [1, 0]], dtype)
    got = through_json(array)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, array)
    tensor = through_json(keras.ops.convert_to_tensor(array))
    assert tensor.dtype == dtype
    np.testing.assert_array_equal(tensor, array)


def test_numpy_scalars_become_numbers():
    assert saving.serialize_keras_object({"a": np.float32(1.5), "b": np.int64(2)}) == {
        "a": 1.5,
        "b": 2,
    }


@pytest.mark.parametrize(
    ("make", "module"),
    [
        (lambda: layers.Dense(2, activation="relu"), "keras.layers"),
        (lambda: keras.initializers.HeNormal(3), "keras.initializers"),
        (lambda: keras.regularizers.L1L2(0.1, 0.2), "keras.regularizers"),
        (lambda: keras.constraints.MaxNorm(2), "keras.constraints"),
        (lambda: keras.optimizers.Adam(0.01), "keras.optimizers"),
        (
            lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
            "keras.optimizers.schedules",
        ),
        (lambda: keras.losses.Huber(), "keras.losses"),
        (lambda: keras.metrics.AUC(), "keras.metrics"),
        (lambda: keras.Sequential([layers.Dense(1)]), "keras"),
        (lambda: keras.DTypePolicy("mixed_bfloat16"), "keras"),
    ],
)
def test_built_in_objects_are_named_as_keras_names_them(make, module):
    obj = make()
    config = saving.serialize_keras_object(obj)
    assert config["module"] == module
    assert config["class_name"] == type(obj).__name__ and config["registered_name"] is None
    again = through_json(obj)
    assert type(again) is type(obj)
    assert json.dumps(saving.serialize_keras_object(again)) == json.dumps(config)


@pytest.mark.parametrize(
    "module",
    [
        "keras.layers",
        "keras.src.layers.core.dense",
        "tensorflow.keras.layers",
        "tf_keras.layers",
        None,
        "addax.layers",
    ],
)
def test_the_module_is_read_in_all_dialects(module):
    config = {"module": module, "class_name": "Dense", "config": {"units": 2}}
    assert type(saving.deserialize_keras_object(config)) is layers.Dense


def test_one_name_in_two_modules_is_told_apart():
    def identity(module):
        config = {"module": module, "class_name": "Identity", "config": {}}
        return type(saving.deserialize_keras_object(config))

    assert identity("keras.layers") is layers.Identity
    assert identity("keras.initializers") is keras.initializers.Identity


def test_nothing_is_imported_by_name():
    import sys

    for module, name in (
        ("os", "system"),
        ("keras.utils", "get_file"),
        ("keras.saving", "load_model"),
        ("keras.layers.os", "Dense2"),
        ("antigravity", "Flatten"),
    ):
        config = {"module": module, "class_name": name, "config": {}, "registered_name": None}
        with pytest.raises(TypeError, match=f"Could not locate class '{name}'"):
            saving.deserialize_keras_object(config)
        function = {"module": module, "class_name": "function", "config": name}
        with pytest.raises(TypeError, match="Could not locate function"):
            saving.deserialize_keras_object(function)
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("value", [None, "4wEAAAA=", ["code", None, None], {"code": "x"}])
def test_code_in_a_config_is_refused(value):
    for config in ({"value": value}, {"code": value}):
        with pytest.raises(ValueError, match=r"never run|arbitrary code"):
            saving.deserialize_keras_object({"class_name": "__lambda__", "config": config})
        layer = {
            "module": "keras.layers",
            "class_name": "Lambda",
            "config": {"name": "l", "function": {"class_name": "__lambda__", "config": config}},
        }
        with pytest.raises(ValueError, match="arbitrary code execution"):
            saving.deserialize_keras_object(layer, safe_mode=False)


def test_no_switch_lets_code_run():
    with pytest.warns(UserWarning, match="nothing to enable"):
        keras.config.enable_unsafe_deserialization()
    with pytest.raises(ValueError):
        saving.deserialize_keras_object({"class_name": "__lambda__", "config": {"value": "x"}})


def test_functions_are_found_by_name():
    assert through_json(keras.activations.relu) is keras.activations.relu

    def mine(x):
        return x

    config = saving.serialize_keras_object(mine)
    with pytest.raises(TypeError, match="Could not locate function 'mine'"):
        saving.deserialize_keras_object(config)
    assert saving.deserialize_keras_object(config, custom_objects={"mine": mine}) is mine


def test_a_lambda_is_written_without_its_code():
    with pytest.warns(UserWarning, match="whose code is not written"):
        config = saving.serialize_keras_object(lambda x: x)
    assert config == {"class_name": "__lambda__", "config": {"value": None}}


def test_unknown_classes_are_named():
    with pytest.raises(TypeError, match=r"Could not locate class 'Nope'.*register_keras_serial"):
        saving.deserialize_keras_object({"class_name": "Nope", "config": {"a": 1}})


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": 3, "config": {}},
        {"class_name": "Dense", "config": 3},
        {"class_name": "Dense", "config": {"units": None}},
        {"class_name": "Dense", "config": {"units": 1, "nonsense": 2}},
        {"class_name": "Dense", "module": 3, "config": {"units": 1}},
        {"class_name": "Sequential", "config": {}},
        {"class_name": "Sequential", "config": {"layers": 3}},
        {"class_name": "Sequential", "config": {"layers": ["x"]}},
        {"class_name": "function", "config": 3},
        {"class_name": "__numpy__", "config": {"value": [[1], [2, 3]], "dtype": "float32"}},
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}},
        {"class_name": "__numpy__", "config": 3},
        {"class_name": "__slice__", "config": 3},
        {"class_name": "__bytes__", "config": {}},
        {"class_name": "__tuple__", "config": []},
        {"class_name": "__keras_tensor__", "config": {"shape": "x"}},
        {"class_name": "Bidirectional", "config": {"layer": {"class_name": "Dense"}}},
        {"class_name": "TimeDistributed", "config": {}},
        {"class_name": "Dense", "config": {"units": 1}, "build_config": 3},
        {"class_name": "Dense", "config": {"units": 1}, "build_config": {"a": 3}},
        {"class_name": "Dense", "config": {"units": 1}, "build_config": {"input_shape": "ab"}},
        object(),
    ],
)
def test_malformed_configs_are_value_or_type_errors(config):
    with pytest.raises((ValueError, TypeError)):
        saving.deserialize_keras_object(config)


def test_equal_ids_make_one_object():
    config = {
        "module": "keras.initializers",
        "class_name": "HeNormal",
        "config": {"seed": 1},
        "shared_object_id": 7,
    }
    layer = saving.deserialize_keras_object(
        {
            "class_name": "Dense",
            "config": {"units": 1, "kernel_initializer": config, "bias_initializer": config},
        }
    )
    assert layer.kernel_initializer is layer.bias_initializer


def test_built_layers_come_back_built():
    layer = layers.Dense(3)
    layer.build((None, 4))
    again = through_json(layer)
    assert again.built and again.kernel.shape == (4, 3)


def test_objects_without_config_are_refused():
    with pytest.raises(ValueError, match=r"it has no `get_config\(\)` method"):
        saving.serialize_keras_object(object())


def test_every_public_class_with_a_config_is_in_the_table():
    for kind in ("layers", "initializers", "regularizers", "constraints", "losses", "metrics"):
        known = registry.classes(kind)
        for cls in set(known.values()):
            if hasattr(cls, "get_config"):
                assert registry.place_of(cls) == (f"keras.{kind}", cls.__name__)


def test_a_budget_bounds_the_weights_of_a_config():
    from addax.saving.weight_budget import WeightBudget

    config = {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {"class_name": "Dense", "config": {"units": 3, "batch_input_shape": [None, 4]}},
                {"class_name": "Dense", "config": {"units": 2**40, "name": "bomb"}},
            ]
        },
    }
    with WeightBudget(100), pytest.raises(ValueError, match="'bomb' wants a weight of shape"):
        saving.deserialize_keras_object(config)
    config["config"]["layers"].pop()
    with WeightBudget(15) as budget:
        saving.deserialize_keras_object(config)
    assert budget.left == 0


def test_memory_that_cannot_be_had_is_a_value_error_of_the_file():
    config = {"units": 2**40, "batch_input_shape": [None, 2**20]}
    with pytest.raises(ValueError):
        saving.deserialize_keras_object(
            {
                "class_name": "Sequential",
                "config": {"layers": [{"class_name": "Dense", "config": config}]},
            }
        )
