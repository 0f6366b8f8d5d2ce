"""Settings, dtypes, names, KerasTensors, masks, nested structures."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from addax import backend, config, tree
from addax.backend import KerasTensor, dtypes, masking, names


@pytest.fixture
def settings():
    saved = (config.floatx(), config.epsilon(), config.image_data_format())
    yield
    config.set_floatx(saved[0])
    config.set_epsilon(saved[1])
    config.set_image_data_format(saved[2])


def test_settings_can_be_read_and_set(settings) -> None:
    assert (config.floatx(), config.epsilon()) == ("float32", 1e-7)
    assert config.image_data_format() == "channels_last"
    assert config.backend() == "addax"
    config.set_floatx("float64")
    config.set_epsilon(1e-5)
    config.set_image_data_format("channels_first")
    assert (backend.floatx(), backend.epsilon()) == ("float64", 1e-5)
    assert backend.image_data_format() == "channels_first"
    with pytest.raises(ValueError, match="Unknown `floatx` value"):
        config.set_floatx("int32")
    with pytest.raises(ValueError, match="data_format"):
        config.set_image_data_format("middle")


def test_logging_and_filtering_are_switches() -> None:
    config.disable_interactive_logging()
    assert not config.is_interactive_logging_enabled()
    config.enable_interactive_logging()
    assert config.is_interactive_logging_enabled()
    before = config.is_traceback_filtering_enabled()
    config.disable_traceback_filtering()
    assert not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    assert config.is_traceback_filtering_enabled()
    if not before:
        config.disable_traceback_filtering()


@pytest.mark.parametrize(
    "dtype, name",
    [
        ("float32", "float32"),
        (np.float32, "float32"),
        (np.dtype("int64"), "int64"),
        (None, "float32"),
        (float, "float32"),
        (int, "int32"),
        (bool, "bool"),
        (np.bool_, "bool"),
        ("bfloat16", "bfloat16"),
    ],
)
def test_dtypes_have_one_name(dtype, name) -> None:
    assert backend.standardize_dtype(dtype) == name


@pytest.mark.parametrize("dtype", ["float", "float31", "complex64", object, 3])
def test_other_things_are_no_dtypes(dtype) -> None:
    if dtype == "float":
        assert backend.standardize_dtype(dtype) == "float32"
    else:
        with pytest.raises(ValueError, match="Invalid dtype"):
            backend.standardize_dtype(dtype)


def test_result_types_are_those_of_jax() -> None:
    for args, wanted in {
        ("int32", "float32"): "float32",
        ("int64", float): "float32",
        ("int32", int): "int32",
        ("uint8", int): "uint8",
        ("uint8", "int8"): "int32",
        ("bool", int): "int32",
        ("bfloat16", "float16"): "float32",
        ("float16", "int64"): "float16",
        ("float64", "int32", "bool"): "float64",
        (int, float): "float32",
        (): "float32",
    }.items():
        assert backend.result_type(*args) == wanted
    assert backend.is_float_dtype("float16") and not backend.is_float_dtype("int32")
    assert backend.is_int_dtype("uint8") and not backend.is_int_dtype("bool")


def test_promotion_is_commutative_and_associative() -> None:
    names_ = [n for n in dtypes._NEXT if n not in ("int", "float")]
    join = dtypes.promote
    for a in names_:
        assert join(a, a) == dtypes.WIDER.get(a, a)
        for b in names_:
            assert join(a, b) == join(b, a)


def test_names_are_made_as_in_keras() -> None:
    for name, wanted in {
        "Dense": "dense",
        "LSTM": "lstm",
        "Conv2D": "conv2d",
        "BatchNormalization": "batch_normalization",
        "MultiHeadAttention": "multi_head_attention",
        "ReLU": "re_lu",
        "PReLU": "p_re_lu",
        "RMSprop": "rm_sprop",
        "AdamW": "adam_w",
        "KerasTensor": "keras_tensor",
    }.items():
        assert names.to_snake_case(name) == wanted
    backend.clear_session()
    assert [backend.auto_name("Dense") for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert [backend.get_uid("x"), backend.get_uid("x")] == [1, 2]
    backend.clear_session()
    assert backend.auto_name("Dense") == "dense"


def test_keras_tensors_tell_what_they_are() -> None:
    k = KerasTensor((None, 4), name="a")
    assert repr(k) == (
        "<KerasTensor shape=(None, 4), dtype=float32, sparse=False, ragged=False, name=a>"
    )
    assert (k.ndim, k.shape, k.dtype) == (2, (None, 4), "float32")
    assert KerasTensor(4).shape == (4,)
    assert k.reshape(-1, 2, 2).shape == (None, 2, 2)
    assert KerasTensor((2, 1)).squeeze().shape == (2,)
    assert k.T.shape == (4, None)
    assert backend.is_keras_tensor(k) and not backend.is_keras_tensor(1)
    assert k in [KerasTensor((2,)), k]
    for shape in ((-1, 2), ("a",), (1.5,), None):
        with pytest.raises(ValueError):
            KerasTensor(shape)


def test_symbolic_arguments_are_found_in_structures() -> None:
    k = KerasTensor((2,))
    assert backend.any_symbolic((1, [2, {"a": (k,)}]))
    assert backend.any_symbolic((), {"x": k})
    assert not backend.any_symbolic((1, [2, {"a": (3,)}]), {"x": 1})


def test_masks_are_carried() -> None:
    from addax import ops

    x = ops.ones((2,))
    assert masking.get_keras_mask(x) is None
    masking.set_keras_mask(x, "mask")
    assert masking.get_keras_mask(x) == "mask"
    masking.set_keras_mask(3, None)
    with pytest.raises(AttributeError):
        masking.set_keras_mask(3, "mask")


# Nested structures

Point = namedtuple("Point", "x y")
NESTED = {"b": [1, (2, None)], "a": Point(3, {"c": 4})}


def test_structures_are_flattened_in_the_order_of_sorted_keys() -> None:
    assert tree.flatten(NESTED) == [3, 4, 1, 2, None]
    assert tree.flatten(5) == [5]
    assert tree.flatten(OrderedDict([("b", 1), ("a", 2)])) == [1, 2]
    paths = [path for path, _ in tree.flatten_with_path(NESTED)]
    assert paths == [("a", "x"), ("a", "y", "c"), ("b", 0), ("b", 1, 0), ("b", 1, 1)]
    assert tree.is_nested(()) and not tree.is_nested("ab")


def test_structures_are_mapped_and_packed() -> None:
    doubled = tree.map_structure(lambda x: x and x * 2, NESTED)
    assert doubled == {"b": [2, (4, None)], "a": Point(6, {"c": 8})}
    assert list(doubled) == ["b", "a"]
    assert isinstance(doubled["a"], Point)
    assert tree.map_structure(lambda x, y: x + y, [1, (2,)], [3, (4,)]) == [4, (6,)]
    assert tree.pack_sequence_as(NESTED, range(5)) == {"b": [2, (3, 4)], "a": Point(0, {"c": 1})}
    assert tree.map_structure(lambda x: x + 1, [1, None], none_is_leaf=False) == [2, None]
    assert tree.map_structure_up_to([0, 0], sum, [[1, 2], [3]]) == [3, 3]
    assert tree.lists_to_tuples([1, [2], {"a": [3]}]) == (1, (2,), {"a": (3,)})


def test_structures_are_traversed_both_ways() -> None:
    def f(x):
        if x == 2:
            return "two"
        return tree.MAP_TO_NONE if x == 1 else None

    assert tree.traverse(f, [1, (2, 3)]) == [None, ("two", 3)]
    lengths = []
    tree.traverse(
        lambda x: lengths.append(len(x)) if tree.is_nested(x) else None, [1, (2, 3, 4)], False
    )
    assert lengths == [3, 2]


def test_shapes_are_leaves_for_the_shape_map() -> None:
    got = tree.map_shape_structure(len, {"a": (None, 2), "b": [(1,), (2, 3, 4)]})
    assert got == {"a": 2, "b": [1, 3]}
    with pytest.raises(ValueError):
        tree.map_shape_structure(len, {"a": "x"})


@pytest.mark.parametrize(
    "a, b", [([1], [1, 2]), ([1], (1,)), ({"a": 1}, {"b": 1}), (1, [1]), ([1, [2]], [1, 2])]
)
def test_different_structures_are_told_apart(a, b) -> None:
    with pytest.raises(ValueError, match="don't have the same structure"):
        tree.assert_same_structure(a, b)
    with pytest.raises(ValueError):
        tree.map_structure(lambda x, y: x, a, b)


def test_wrong_calls_of_tree_are_errors() -> None:
    with pytest.raises(TypeError):
        tree.map_structure(3, [1])
    with pytest.raises(ValueError):
        tree.map_structure(len)
    with pytest.raises(ValueError, match="Could not pack"):
        tree.pack_sequence_as([1, 2], [1])
    with pytest.raises(ValueError):
        tree.assert_same_paths({"a": 1}, {"b": 1})
    tree.assert_same_paths([1, 2], (3, 4))
    tree.assert_same_structure([1], (1,), check_types=False)


@pytest.mark.parametrize("module", ["addax", "addax.ops", "addax.random", "addax.activations"])
def test_importing_does_not_import_numpy(module) -> None:
    code = f"import sys, {module}; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scalars_are_formatted_as_numbers() -> None:
    tensor = backend.convert_to_tensor(1.23456)
    assert f"{tensor:.3f}" == "1.235"
    assert f"{backend.Variable(2.0):.1f}" == "2.0"
    assert f"{tensor}" == str(tensor)
    with pytest.raises(TypeError, match=r"Only a scalar takes the format '\.2f'"):
        format(backend.convert_to_tensor([1.0, 2.0]), ".2f")


def test_keras_tensors_have_no_numbers_to_give() -> None:
    symbolic = KerasTensor((None, 3))
    for convert in (float, int):
        with pytest.raises(ValueError, match="A KerasTensor is symbolic"):
            convert(symbolic)
    with pytest.raises(NotImplementedError, match="Iterating over a symbolic KerasTensor"):
        iter(symbolic)
