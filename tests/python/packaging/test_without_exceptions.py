"""A program compiled without exceptions and RTTI runs a model; what fails is a status."""

import numpy as np
import pytest
from consumer_project import CONSUMER, compile_one, predictions, run


def test_a_program_without_exceptions_gets_statuses(prefix, digits, tmp_path):
    program = compile_one(
        prefix,
        CONSUMER / "without_exceptions.cpp",
        tmp_path / "without_exceptions",
        *("-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti", "-DADDAX_NO_EXCEPTIONS"),
    )
    np.testing.assert_array_equal(predictions(program, digits), digits.y)
    said = run(program, digits.folder, digits.x, tmp_path / "y")
    assert "has 4 dimensions" in said and "received (4, 12, 12)" in said

    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    for folder, reason in (("nowhere", "nowhere"), ("broken", "model.json")):
        with pytest.raises(AssertionError, match=reason):
            run(program, tmp_path / folder, digits.x, tmp_path / "y")
