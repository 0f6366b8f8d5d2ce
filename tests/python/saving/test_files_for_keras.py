"""Files that Addax wrote load in real Keras, which predicts the same and trains on in the same way.

Set ADDAX_KERAS to the path of a Python that has Keras 3 (several with `:` between them).
"""

from __future__ import annotations

import addax as keras
import check_keras
import interop_files
import pytest

pytest.importorskip("h5py")

if not check_keras.pythons():
    pytest.skip("ADDAX_KERAS names no Python with real Keras", allow_module_level=True)


def is_fault_of_keras(ending, name):
    """Keras 3.15 builds the optimizer of a legacy file for no variables, and cannot go on."""
    return ending == ".h5" and name.startswith("training/")


@pytest.mark.parametrize("python", check_keras.pythons())
def test_keras_reads_what_addax_wrote(python, tmp_path):
    interop_files.write_files(keras, tmp_path, check_keras.WRITTEN)
    _, results = check_keras.read_by_keras(python, tmp_path)
    assert set(results) == set(check_keras.WRITTEN)
    for ending, found in results.items():
        assert len(found) > 80
        failed = {
            name: verdict
            for name, verdict in found.items()
            if verdict != interop_files.PASS and not is_fault_of_keras(ending, name)
        }
        assert not failed, ending
