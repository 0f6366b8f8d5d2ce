"""The shared library that stands beside the extension in a build folder."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "golden"))

import c_library


@pytest.fixture(scope="session")
def library():
    path = c_library.built("libaddax_c.so")
    if path is None:
        pytest.skip("libaddax_c.so is not built: cmake --preset release, or tools/test")
    return c_library.Library(path)
