"""The library as one pair of files compiles alone, predicts the bits that the library predicts, and
runs no AVX2 where the machine has none.
"""

import platform
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from consumer_project import CONSUMER, ROOT, build_consumer, predictions, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the two instruction sets are x86's"),
]


@pytest.fixture(scope="module")
def pair(build, tmp_path_factory):
    """The folder with the two files and the compiled one."""
    folder = tmp_path_factory.mktemp("pair")
    run(sys.executable, ROOT / "tools" / "amalgamate.py", folder)
    run("g++", "-std=c++20", "-O2", "-fopenmp", "-Werror", "-c", "addax_runtime.cpp", cwd=folder)
    return folder


def test_the_pair_predicts_the_bits_of_the_library(pair, prefix, digits, tmp_path):
    (pair / "addax").mkdir()
    (pair / "addax" / "addax.h").write_text('#include "addax_runtime.h"\n')
    objects = [CONSUMER / "consumer.cpp", pair / "addax_runtime.o"]
    run("g++", "-std=c++20", "-fopenmp", f"-I{pair}", *objects, "-o", pair / "consumer")
    library = build_consumer(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    for isa in ("baseline", "avx2"):
        if isa == "avx2" and "avx2" not in Path("/proc/cpuinfo").read_text():
            continue
        expected = predictions(library, digits, ADDAX_ISA=isa)
        np.testing.assert_array_equal(
            predictions(pair / "consumer", digits, ADDAX_ISA=isa), expected
        )


def test_only_the_kernels_for_avx2_have_its_instructions(pair):
    if shutil.which("objdump") is None:
        pytest.skip("needs objdump")
    listing = run("objdump", "-d", "-C", "--no-show-raw-insn", pair / "addax_runtime.o")
    wrong, found, function = set(), 0, ""
    for line in listing.splitlines():
        if line.endswith(">:"):
            function = line
        elif re.search(r"^\s*[0-9a-f]+:\s+v[a-z]", line):
            if "avx2" in function:
                found += 1
            else:
                wrong.add(function)
    assert found > 1000
    assert not wrong


def test_the_pair_compiles_without_openmp(pair):
    run("g++", "-std=c++20", "-fsyntax-only", "addax_runtime.cpp", cwd=pair)
