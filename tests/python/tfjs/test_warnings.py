"""Saving warns of what TensorFlow.js does not know, once, and of nothing else."""

from __future__ import annotations

import addax as keras
import pytest
from addax.saving import tfjs_support
from comparing import TOLERANCE, decode, distance, encode, predict
from saying import warnings_of_saving
from tfjs_cases import BUILT_BY_ADDAX, Case
from unknown_cases import UNKNOWN


@keras.saving.register_keras_serializable("tfjs")
def abs_(x):
    return keras.ops.abs(x)


def case_of(name):
    shapes, chain, said = UNKNOWN[name]
    return Case(shapes, addax=chain), said


@pytest.fixture(scope="module")
def asked(client, tmp_path_factory):
    """What saving said, what Addax predicts, and what TensorFlow.js makes of the file."""
    root = tmp_path_factory.mktemp("unknown")
    said, ours, jobs = {}, {}, {}
    for name in UNKNOWN:
        case, _ = case_of(name)
        model = case.model(name, abs_=abs_)
        said[name] = warnings_of_saving(model, root / name)
        ours[name] = predict(model, case.inputs())
        inputs = [encode(x) for x in case.inputs()]
        jobs[name] = {"model": {"folder": str(root / name)}, "inputs": inputs}
    return said, ours, client.run(jobs)


@pytest.mark.parametrize("name", UNKNOWN)
def test_saving_warns_of_what_tensorflow_js_does_not_know(asked, name):
    said, ours, results = asked
    assert len(said[name]) == 1
    assert case_of(name)[1] in said[name][0]
    result = results[name]
    if "error" not in result:
        theirs = decode(result["outputs"])
        shapes = [x.shape for x in theirs]
        assert shapes != [x.shape for x in ours[name]] or distance(ours[name], theirs) > TOLERANCE


@pytest.mark.parametrize("name", BUILT_BY_ADDAX)
def test_saving_does_not_warn_of_what_tensorflow_js_knows(tmp_path, name):
    case = BUILT_BY_ADDAX[name]
    known = not (case.differs or case.differs_when_written or case.refused or case.broken)
    if known or "at_the_input" not in name:
        assert len(warnings_of_saving(case.model(name), tmp_path / "model")) == (not known)


def test_the_table_is_the_registry_of_tensorflow_js(client):
    names = set(client.run({"names": {"ask": "registry"}})["names"]["classes"])
    theirs = {"LecunNormal": "LeCunNormal", "LecunUniform": "LeCunUniform"}
    for known in (tfjs_support.LAYERS, tfjs_support.INITIALIZERS, tfjs_support.CONSTRAINTS):
        assert {theirs.get(name, name) for name in known} <= names
    layers = (names & set(dir(keras.layers))) - {"Identity"}  # an initializer there
    assert layers <= tfjs_support.LAYERS


def test_a_class_of_the_user_is_named_once_for_the_whole_model(tmp_path):
    @keras.saving.register_keras_serializable("tfjs")
    class Own(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own(name="own")
    model(keras.ops.ones((1, 2)))
    (said,) = warnings_of_saving(model, tmp_path / "model")
    assert "'own' (Own)" in said
