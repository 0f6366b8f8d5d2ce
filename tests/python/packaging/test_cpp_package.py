"""A C++ project outside this one builds with the installed library, and with its sources, and
predicts what Python predicts.
"""

import os
import shutil
import sys
from pathlib import Path

import addax
import numpy as np
import pytest
from addax.cli import main
from consumer_project import CONSUMER, ROOT, build_consumer, predictions, run


def test_a_project_finds_the_moved_package(prefix, digits, tmp_path):
    program = build_consumer(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    np.testing.assert_array_equal(predictions(program, digits), digits.y)
    with pytest.raises(AssertionError, match="nowhere"):
        run(program, tmp_path / "nowhere", digits.x, tmp_path / "y")


def test_a_project_under_the_address_sanitizer_uses_the_package(prefix, digits, tmp_path):
    sanitize = "-DCMAKE_CXX_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=all"
    program = build_consumer(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}", sanitize)
    np.testing.assert_array_equal(predictions(program, digits), digits.y)


@pytest.mark.slow
def test_a_project_builds_the_sources_along_with_its_own(build, digits, tmp_path):
    """Under the address sanitizer, with kernels for one instruction set."""
    program = build_consumer(
        tmp_path,
        f"-DADDAX_SOURCE={ROOT}",
        "-DADDAX_SANITIZE=address",
        f"-DADDAX_ISAS={'baseline' if os.uname().machine == 'x86_64' else 'neon'}",
        "-DADDAX_LEAVE_OUT=attention;recurrent;training;float64",
        "-DADDAX_BULK_BUILD=ON",
    )
    np.testing.assert_allclose(predictions(program, digits), digits.y, rtol=1e-5, atol=1e-7)
    with pytest.raises(AssertionError, match="this build of Addax has kernels for"):
        predictions(program, digits, ADDAX_ISA="avx2")

    addax.Sequential([addax.Input(shape=(4, 2)), addax.layers.LSTM(3)]).save(tmp_path / "lstm")
    with pytest.raises(AssertionError, match="made without attention,recurrent"):
        run(program, tmp_path / "lstm", digits.x, tmp_path / "y")

    precise = addax.Sequential([addax.Input(shape=(4,), dtype="float64")])
    precise.add(addax.layers.Dense(3, dtype="float64"))
    precise.save(tmp_path / "float64")
    with pytest.raises(AssertionError, match="there is no float64 in this build"):
        run(program, tmp_path / "float64", digits.x, tmp_path / "y")


def test_a_project_that_includes_the_sources_keeps_its_flags(tmp_path):
    """Its CMakeLists.txt compares them, and what targets there are, and stops at a difference."""
    run("cmake", "-S", CONSUMER, "-B", tmp_path, f"-DADDAX_SOURCE={ROOT}")


def test_a_c_project_links_the_installed_c_library(build, tmp_path):
    prefix = tmp_path / "prefix"
    for component in ("library", "c_library"):
        run("cmake", "--install", build, "--component", component, "--prefix", prefix)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(app C)\nfind_package(addax 0.1 REQUIRED)\n"
        "add_executable(app app.c)\ntarget_link_libraries(app PRIVATE addax::addax_c)\n"
    )
    (tmp_path / "app.c").write_text(
        "#include <addax/c_api.h>\n"
        "int main(void) { return addax_c_api_version() == ADDAX_C_API_VERSION ? 0 : 1; }\n"
    )
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    run(tmp_path / "build" / "app")


def test_an_absolute_library_folder_stands_as_it_is_in_the_pkg_config_file(tmp_path):
    options = ("-DADDAX_BUILD_TESTS=OFF", "-DCMAKE_INSTALL_LIBDIR=/opt/own/lib64")
    run("cmake", "-S", ROOT, "-B", tmp_path, "-DCMAKE_INSTALL_PREFIX=/opt/own", *options)
    text = (tmp_path / "cpp" / "addax.pc").read_text()
    assert "\nlibdir=/opt/own/lib64\n" in text and text.startswith("prefix=/opt/own\n")


def test_families_are_not_left_out_of_one_object(tmp_path):
    options = ("-DADDAX_LEAVE_OUT=conv", "-DADDAX_ONE_OBJECT=ON", "-DADDAX_BUILD_TESTS=OFF")
    with pytest.raises(AssertionError, match="ADDAX_LEAVE_OUT and ADDAX_ONE_OBJECT"):
        run("cmake", "-S", ROOT, "-B", tmp_path, *options)


def test_the_python_package_says_where_its_library_is(digits, tmp_path):
    if not (Path(addax.__file__).parent / "lib").exists():
        pytest.skip("needs the installed package, not a checkout")
    where = {
        option: run(sys.executable, "-m", "addax", f"--{option}-dir").strip()
        for option in ("cmake", "include", "lib", "pkgconfig")
    }
    assert (Path(where["include"]) / "addax" / "addax.h").exists()
    assert (Path(where["pkgconfig"]) / "addax.pc").exists()
    assert sum(f.stat().st_size for f in Path(where["lib"]).rglob("*")) < 8e6
    if shutil.which("cmake"):
        program = build_consumer(tmp_path, f"-Daddax_DIR={where['cmake']}")
        np.testing.assert_array_equal(predictions(program, digits), digits.y)


def test_a_package_without_the_library_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(addax, "__file__", str(tmp_path / "__init__.py"))
    assert main(["--cmake-dir"]) == 1
    assert "no C++ library stands in this package" in capsys.readouterr().err


def test_pkg_config_knows_how_to_build_with_the_package(prefix, digits, tmp_path):
    if shutil.which("pkg-config") is None:
        pytest.skip("needs pkg-config")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "addax >= 0.1", env=environment).split()
    program = tmp_path / "consumer"
    run("c++", "-std=c++20", CONSUMER / "consumer.cpp", *flags, "-o", program)
    np.testing.assert_array_equal(predictions(program, digits), digits.y)


def test_another_minor_version_is_refused(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.20)\nproject(p CXX)\nfind_package(addax 0.99 QUIET)\n"
        "if(addax_FOUND)\n  message(FATAL_ERROR found)\nendif()\nfind_package(addax 0.1 REQUIRED)\n"
    )
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")


def test_the_installed_files_name_no_folder_of_the_build(prefix, build):
    texts = [f for f in prefix.rglob("*") if f.suffix in (".cmake", ".pc", ".h")]
    assert len(texts) > 10
    for path in texts:
        text = path.read_text()
        assert str(build) not in text and str(ROOT) not in text, path
        assert "nlohmann" not in text and "pybind" not in text, path
