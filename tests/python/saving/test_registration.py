"""Names of users' own classes and functions."""

import addax as keras
import pytest
from addax import layers, saving
from addax.saving import registration


@pytest.fixture(autouse=True)
def clean_registry():
    before = dict(registration._registered)
    yield
    registration._registered.clear()
    registration._registered.update(before)


def test_registered_classes_and_functions_are_found_by_package_and_name():
    @saving.register_keras_serializable(package="p", name="other")
    class Mine(layers.Layer):
        def call(self, x):
            return x

    @saving.register_keras_serializable("p")
    def function(x):
        return x

    assert saving.get_registered_name(Mine) == "p>other"
    assert saving.get_registered_object("p>other") is Mine
    config = saving.serialize_keras_object(Mine(name="m"))
    assert (config["class_name"], config["registered_name"]) == ("Mine", "p>other")
    assert type(saving.deserialize_keras_object(config)) is Mine
    config = saving.serialize_keras_object(function)
    assert config["config"] == "p>function"
    assert saving.deserialize_keras_object(config) is function
    assert layers.Dense(1, activation=function).get_config()["activation"] is not None


def test_registering_needs_a_config():
    with pytest.raises(ValueError, match="does not have a get_config"):
        saving.register_keras_serializable()(type("Bare", (), {}))


def test_scopes_nest_and_end():
    class A(layers.Layer):
        pass

    class B(layers.Layer):
        pass

    config = {"class_name": "X", "config": {}}
    with saving.custom_object_scope({"X": A}):
        assert type(saving.deserialize_keras_object(config)) is A
        with keras.utils.CustomObjectScope({"X": B}):
            assert type(saving.deserialize_keras_object(config)) is B
        assert type(saving.deserialize_keras_object(config)) is A
    with pytest.raises(TypeError):
        saving.deserialize_keras_object(config)
    assert type(saving.deserialize_keras_object(config, custom_objects={"X": B})) is B


def test_custom_objects_reach_nested_configs():
    class Mine(layers.Layer):
        def call(self, x):
            return x

    model = keras.Sequential([keras.Input((2,)), layers.TimeDistributed(Mine())][1:])
    config = saving.serialize_keras_object(model)
    with pytest.raises((TypeError, ValueError), match="Could not locate class 'Mine'"):
        saving.deserialize_keras_object(config)
    again = saving.deserialize_keras_object(config, custom_objects={"Mine": Mine})
    assert type(again.layers[0].layer) is Mine


def test_the_global_dict_may_be_changed():
    saving.get_custom_objects()["Y"] = layers.Flatten
    assert (
        type(saving.deserialize_keras_object({"class_name": "Y", "config": {}})) is layers.Flatten
    )
