"""Golden values of Keras for the layers' tests."""

import json
import sys
from pathlib import Path

import pytest

_GOLDEN = Path(__file__).parents[2] / "golden"
sys.path.insert(0, str(_GOLDEN))


@pytest.fixture(scope="session")
def golden():
    """What tests/golden/make_layers.py wrote."""
    return json.loads((_GOLDEN / "layers.json").read_text())


@pytest.fixture(autouse=True)
def fresh_names():
    """Automatic names begin anew; without the garbage collection of `clear_session`."""
    from addax.backend import names

    names.reset()
