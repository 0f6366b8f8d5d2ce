"""A saved model that each test may damage."""

import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from hostile_files import make_model, read, write


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "model"
    make_model().save(folder)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    shutil.copytree(original, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def plain(folder):
    """A folder as other programs write it, without our section."""
    document = read(folder)
    del document["userDefinedMetadata"]
    write(folder, document)
    return folder
