"""The guides say `tensorflow.keras`; here that is Addax."""

import sys
import types
from pathlib import Path

import addax
import pytest
from addax.backend import names

sys.path.insert(0, str(Path(__file__).parent))

from guide_cells import Notebook


@pytest.fixture
def tensorflow(monkeypatch):
    """A module `tensorflow` with the little that the guides use of it."""
    module = types.ModuleType("tensorflow")
    module.keras = addax
    module.ones = addax.ops.ones
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    monkeypatch.setitem(sys.modules, "tensorflow.keras", addax)
    return module


@pytest.fixture
def notebook(tensorflow):
    """The cells of "The Sequential model" with the first one, its imports, run."""
    names.reset()
    notebook = Notebook(Path(__file__).parent / "sequential_model.txt")
    notebook.run("configure")
    return notebook


@pytest.fixture
def summary():
    def text_of(model, **kwargs):
        parts = []
        model.summary(print_fn=parts.append, **kwargs)
        return "\n".join(parts)

    return text_of
