"""What the shared library shows, and what it says to bad input."""

import ctypes as c
import json
import re
import shutil
import subprocess

import addax as keras
import numpy as np
import pytest
from addax import layers
from c_library import (
    DTYPES,
    ROOT,
    STREAM,
    AddaxError,
    Buffer,
    LayerInfo,
    Model,
    Session,
    Shape,
    Weight,
)
from c_library import Tensor as CTensor
from model_cases import make

HEADER = ROOT / "cpp" / "include" / "addax" / "c_api.h"
SYMBOLS = (ROOT / "tests" / "c_api" / "symbols.txt").read_text().split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "mlp"
    make("mlp_adam").model.save(folder)
    return folder


@pytest.fixture
def model(library, folder):
    return Model(library, folder)


# ---- What it shows


@pytest.mark.skipif(not shutil.which("nm"), reason="needs nm")
def test_the_library_exports_the_c_api_and_nothing_else(library):
    command = ["nm", "-D", "--defined-only", "--format=posix", str(library.path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert sorted(line.split()[0] for line in lines) == SYMBOLS


def test_the_header_declares_what_the_library_exports():
    header = HEADER.read_text()
    assert sorted(re.findall(r"^ADDAX_\w*API .*?\b(addax_\w+)\(", header, re.M)) == SYMBOLS


def test_the_version_is_the_headers(library):
    header = HEADER.read_text()
    version = int(re.search(r"#define ADDAX_C_API_VERSION (\d+)", header)[1])
    assert library["c_api_version"]() == version


def test_dtypes_have_their_names_and_sizes(library):
    assert [library["dtype_name"](i).decode() for i in range(8)] == list(DTYPES)
    assert [library["dtype_size"](i) for i in range(8)] == [1, 1, 4, 8, 2, 2, 4, 8]
    for none in (-1, 8):
        assert library["dtype_name"](none) is None and library["dtype_size"](none) == -1


def test_a_model_is_described(library, tmp_path):
    case = make("two_in_two_out")
    case.model.save(tmp_path / "m")
    model = Model(library, tmp_path / "m")
    assert model.ask("name") == case.model.name
    assert model.ports("input") == [("a", "float32", (None, 4)), ("b", "float32", (None, 6))]
    assert [p[1:] for p in model.ports("output")] == [
        ("float32", (None, 2)),
        ("float32", (None, 1)),
    ]
    assert [p[0] for p in model.ports("output")] == ["left", "right"]
    assert len(model.ports("target")) == 2
    assert model.ask("parameters") == case.model.count_params()
    assert model.ask("streams") == 0 and model.ask("trains") == 1
    assert json.loads(model.ask("metadata")) == {}
    found = [(x.name.decode(), x.class_name.decode()) for x in model.listed("layer", LayerInfo)]
    assert found == [(x.name, type(x).__name__) for x in case.model.layers]
    own = [w for w in model.listed("weight", Weight) if w.group == b""]
    assert [tuple(w.shape) for w in own] == [w.shape for w in case.model.weights]
    for weight, wanted in zip(own, case.model.get_weights(), strict=True):
        values = model.get_weight(weight.name.decode(), "float32", wanted.shape)
        assert np.array_equal(values, wanted)


def test_a_weight_can_be_set(model):
    weight = model.listed("weight", Weight)[0]
    values = np.full(tuple(weight.shape), 0.5, "float32")
    model.call("set_weight", weight.name, c.byref(CTensor.of(values)))
    assert np.array_equal(model.get_weight(weight.name.decode(), "float32", values.shape), values)


# ---- NULL


def declared():
    """(name, what it returns, whether it takes pointers) of each function of the header."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    found = re.findall(r"^ADDAX_C_API ([\w ]+?\*?) ?\baddax_(\w+)\(([^)]*)\);", text, re.M)
    return [(name, returns, "*" in parameters) for returns, name, parameters in found]


@pytest.mark.parametrize(
    ("name", "returns"),
    [
        (name, returns)
        for name, returns, pointers in declared()
        if pointers and not name.endswith("_free")
    ],
)
def test_null_everywhere_is_an_error_and_no_crash(library, name, returns):
    failed = {"addax_status": 1, "const char*": None, "int32_t": -1, "int64_t": -1}
    library["set_thread_count"](0)
    assert "NULL" not in library.error()
    assert library[name](*[c.c_void_p()] * 8) == failed[returns]
    assert "NULL" in library.error()


@pytest.mark.parametrize("name", [name for name, _, _ in declared() if name.endswith("_free")])
def test_nothing_can_be_freed(library, name):
    library["set_thread_count"](0)
    before = library.error()
    library[name](None)
    assert library.error() == before


@pytest.mark.parametrize("at", range(5))
def test_a_null_among_the_arguments_of_run_is_an_error(model, at):
    session = Session(model, [(1, 12)])
    x, y = np.zeros((1, 12), "float32"), np.zeros((1, 3), "float32")
    arguments = [session.handle, c.byref(CTensor.of(x)), 1, c.byref(Buffer.of(y)), 1]
    arguments[at] = 0 if at in (2, 4) else None
    with pytest.raises(AddaxError, match=r"NULL|takes 1 inputs and 1 outputs; received"):
        model.library.call("session_run", *arguments)


# ---- Files


def test_a_missing_folder_is_an_io_error(library, tmp_path):
    with pytest.raises(AddaxError) as error:
        Model(library, tmp_path / "nothing")
    assert error.value.kind == "io" and "nothing" in error.value.text


def damaged(folder, how):
    path = folder / "model.json"
    json_text = path.read_text()
    document = json.loads(json_text)
    section = document["userDefinedMetadata"]["addax"]
    if how == "cut":
        return path.write_text(json_text[: len(json_text) // 2])
    if how == "operation":
        section["programs"]["predict"]["steps"][0]["op"] = "frobnicate"
    if how == "weights":
        (weights,) = (f for f in folder.iterdir() if f.name != "model.json")
        data = bytearray(weights.read_bytes())
        data[7] ^= 1
        weights.write_bytes(data)
    if how == "outside":
        document["weightsManifest"][0]["paths"] = ["../../etc/passwd"]
    if how == "list":
        document = [document]
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("how", ["cut", "weights", "outside", "list", "operation"])
def test_a_damaged_file_is_told_in_the_words_of_python(library, folder, how, tmp_path):
    copy = tmp_path / "m"
    shutil.copytree(folder, copy)
    damaged(copy, how)
    with pytest.raises(AddaxError) as native:
        Model(library, copy)
    assert native.value.kind in ("value", "io", "unsupported")
    if how == "operation":
        assert "frobnicate" in native.value.text
    if how in ("cut", "weights", "outside"):
        with pytest.raises((ValueError, OSError)) as python:
            keras.models.load_model(copy)
        assert native.value.text in str(python.value)


@pytest.mark.parametrize("output", [21, 15, 4])
def test_a_stream_whose_state_changes_its_shape_makes_no_session(library, tmp_path, output):
    """What goes out of a step must fit the memory from which the next one reads."""
    shutil.copytree(ROOT / "tests" / "golden" / "stream", tmp_path / "m")
    path = tmp_path / "m" / "model.json"
    document = json.loads(path.read_text())
    document["userDefinedMetadata"]["addax"]["programs"]["stream"]["outputs"][1] = output
    path.write_text(json.dumps(document))
    with pytest.raises(AddaxError, match="cannot be streamed") as error:
        Session(Model(library, tmp_path / "m"), [(1, 1, 2)], most=[(1, 4, 2)], kind=STREAM)
    assert error.value.kind == "value"


def test_saving_where_nothing_can_be_written_is_an_io_error(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AddaxError) as error:
        model.save(tmp_path / "file" / "m")
    assert error.value.kind == "io"


# ---- Sizes, dtypes, counts


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        ([(1, 13)], r"input '.*' has shape \(batch, 12\); received \(1, 13\)"),
        ([(12,)], r"has shape \(batch, 12\); received \(12,\)"),
        ([], "needs the shapes of 1 inputs; received 0"),
        ([(1, 12), (1, 12)], "needs the shapes of 1 inputs; received 2"),
        ([(-1, 12)], "the bounds are -1 and -1|negative"),
        ([(1 << 60, 12)], "elements|bytes|too"),
    ],
)
def test_shapes_that_do_not_fit_make_no_session(model, shapes, text):
    with pytest.raises(AddaxError, match=text) as error:
        Session(model, shapes)
    assert error.value.kind in ("value", "memory")


def test_a_rank_that_no_shape_has_is_an_error(model):
    for rank in (-1, 9, 1 << 30):
        handle = c.c_void_p()
        shape = Shape(rank, (c.c_int64 * 8)())
        with pytest.raises(AddaxError, match="0 to 8 sizes; received"):
            model.library.call(
                "session_create", model.handle, 0, c.byref(shape), 1, c.byref(handle)
            )
        assert not handle


def test_wrong_inputs_to_run_are_errors_that_leave_the_outputs_alone(model):
    session = Session(model, [(2, 12)])
    right = np.zeros((2, 12), "float32")
    out = np.full((2, 3), 7, "float32")

    def run(kind, text, inputs, outputs):
        with pytest.raises(AddaxError, match=text) as error:
            session.call("run", inputs, outputs)
        assert error.value.kind == kind
        assert np.all(out == 7)

    run("type", "input 0 must be float32; received float64", [right.astype("float64")], [out])
    run("type", "input 0 must be float32; received int32", [right.astype("int32")], [out])
    run(
        "value",
        r"inputs of \(2, 12\) to \(2, 12\); received \(3, 12\)",
        [np.zeros((3, 12), "f4")],
        [out],
    )
    run("value", r"output 0 of shape \(2, 3\) needs 24 bytes; received 12", [right], [out[:1]])
    run("value", "takes 1 inputs and 1 outputs; received 2 and 1", [right, right], [out])
    run("value", "takes 1 inputs and 1 outputs; received 1 and 0", [right], [])
    session.call("run", [right], [out])
    assert not np.any(out == 7)


def test_an_index_out_of_range_in_the_data_is_an_index_error(library, tmp_path):
    case = make("embedding")
    case.model.save(tmp_path / "m")
    session = Session(Model(library, tmp_path / "m"), [(1, 6)])
    with pytest.raises(AddaxError) as native:
        session.run(np.full((1, 6), 20, "int32"))
    assert native.value.kind == "index"
    with pytest.raises(IndexError) as python:
        case.model.predict(np.full((1, 6), 20, "int32"), verbose=0)
    assert native.value.text in str(python.value)


def test_wrong_batches_are_errors_that_change_nothing(model):
    x, y = np.zeros((2, 12), "float32"), np.zeros(2, "int32")
    first = model.listed("weight", Weight)[0]
    before = model.get_weight(first.name.decode(), "float32", tuple(first.shape))
    for arguments, kind, text in [
        (([x, x], [y]), "value", "trained with 1 inputs; received 2"),
        (([x], []), "value", "trained with 1 targets; received 0"),
        (([x], [y], [y, y]), "value", "trained with 1 sample weights; received 2"),
        (([x.astype("int32")], [y]), "type", "must be float32; received int32"),
        (([x[:, :5].copy()], [y]), "value", "12"),
        (([x], [np.zeros(3, "int32")]), "value", "3"),
    ]:
        with pytest.raises(AddaxError, match=text) as error:
            model.step("train_on_batch", *arguments)
        assert error.value.kind == kind
    after = model.get_weight(first.name.decode(), "float32", tuple(first.shape))
    assert np.array_equal(before, after)


def test_what_a_model_cannot_do_is_unsupported(library, model, tmp_path):
    with pytest.raises(AddaxError, match="cannot be streamed") as error:
        Session(model, [(1, 12)], kind=STREAM)
    assert error.value.kind == "unsupported"

    plain = keras.Sequential([layers.Input((3,)), layers.Dense(2)])
    plain.save(tmp_path / "plain")
    native = Model(library, tmp_path / "plain")
    x = np.zeros((1, 3), "float32")
    assert native.ask("trains") == 0 and native.ports("target") == []
    for call in (
        lambda: native.step("train_on_batch", [x], [x]),
        lambda: native.learning_rate,
        lambda: native.call("reset_metrics"),
    ):
        with pytest.raises(AddaxError) as error:
            call()
        assert error.value.kind == "unsupported"

    case = make("attention")  # its rate follows a schedule
    case.model.save(tmp_path / "m")
    with pytest.raises(AddaxError, match="follows a schedule"):
        Model(library, tmp_path / "m").learning_rate = 0.1


def test_an_index_beyond_the_list_is_an_index_error(model):
    for what, kind in (("weight", Weight), ("layer", LayerInfo)):
        for i in (-1, 1000):
            with pytest.raises(AddaxError, match=f"{what} {i} of ") as error:
                model.call(what, i, c.byref(kind()))
            assert error.value.kind == "index"
    with pytest.raises(AddaxError, match="metric 0 of 0"):
        model.ask("metric_name", 0)


def test_an_unknown_weight_is_named(model):
    with pytest.raises(AddaxError, match="no weight 'nothing'"):
        model.get_weight("nothing", "float32", (1,))
    with pytest.raises(AddaxError, match="room for 4"):
        model.get_weight(model.listed("weight", Weight)[0].name.decode(), "float32", (1,))


def test_threads_are_counted_and_set(library):
    before = library["thread_count"]()
    assert before >= 1
    library.call("set_thread_count", 1)
    assert library["thread_count"]() == 1
    for wrong in (0, -3, 257):
        with pytest.raises(AddaxError):
            library.call("set_thread_count", wrong)
    library.call("set_thread_count", before)


def test_a_session_outlives_the_model_it_was_made_of(library, folder):
    model = Model(library, folder)
    session = Session(model, [(1, 12)])
    x = np.ones((1, 12), "float32")
    (before,) = session.run(x)
    del model
    assert np.array_equal(session.run(x)[0], before)


def test_a_long_message_is_cut_within_the_buffer(library):
    with pytest.raises(AddaxError) as error:
        Model(library, "ä" * 3000)
    assert len(error.value.text.encode()) < 2048
    assert "ä" in error.value.text
