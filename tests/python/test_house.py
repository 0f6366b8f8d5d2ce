"""The house: a floor uses those below it, Python reaches the core by one door, the core does not
know Python, importing is cheap, and results do not hang on the machine that built the library.
"""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "cpp" / "src"
PACKAGE = ROOT / "python" / "addax"

# Each floor of the core may use those before it.
CORE_FLOORS = ("base", "kernels", "tensor", "ops", "tape", "program", "file", "layers", "c_api")
PUBLIC_HEADERS = {
    "addax.h": "layers",
    "attributes.h": "ops",
    "batch_loop.h": "program",
    "c_api.h": "c_api",
    "control.h": "ops",
    "dtype.h": "tensor",
    "error.h": "base",
    "export.h": "base",
    "layers_model.h": "layers",
    "model.h": "file",
    "model_file.h": "file",
    "ops.h": "ops",
    "program.h": "program",
    "replay.h": "program",
    "session.h": "file",
    "shape.h": "tensor",
    "status.h": "base",
    "tape.h": "tape",
    "tensor.h": "tensor",
    "threads.h": "base",
    "value.h": "tensor",
    "variable.h": "tape",
}
# What must reach up, by the header of the floor above: an operation that was applied is written to
# the recording and the tapes that are open, the bodies of control flow are programs, a function
# composed of operations is differentiated by a tape, recurrent operations have one gradient for
# most and another for tapes that want second derivatives, and sparse updates watch their variables.
UPWARD = {
    ("ops/apply.cpp", "addax/program.h"),
    ("ops/apply.cpp", "addax/tape.h"),
    ("ops/composed.cpp", "addax/tape.h"),
    ("ops/control_cond.cpp", "addax/program.h"),
    ("ops/control_cond.cpp", "addax/replay.h"),
    ("ops/control_cond.cpp", "addax/tape.h"),
    ("ops/control_parts.h", "addax/program.h"),
    ("ops/control_parts.h", "addax/replay.h"),
    ("ops/control_scan.cpp", "addax/program.h"),
    ("ops/control_scan.cpp", "addax/replay.h"),
    ("ops/control_scan.cpp", "addax/tape.h"),
    ("ops/control_while.cpp", "addax/program.h"),
    ("ops/control_while.cpp", "addax/replay.h"),
    ("ops/operation.cpp", "addax/program.h"),
    ("ops/recurrent.cpp", "addax/tape.h"),
    ("ops/recurrent_by_scan.cpp", "addax/tape.h"),
    ("ops/sparse_update.cpp", "addax/program.h"),
    ("tape/tape.cpp", "addax/program.h"),
    ("tape/variable.cpp", "addax/program.h"),
}

# The package's floors, numbered as in the design: 9 operations, 10 objects, 11 models and files,
# 12 what stands around a model.
PACKAGE_FLOORS = {
    **dict.fromkeys(
        ("backend", "config", "dtype_policies", "gradient_tape", "ops", "random", "tree"), 9
    ),
    **dict.fromkeys(
        (
            "_identifiers",
            "activations",
            "constraints",
            "initializers",
            "layers",
            "losses",
            "metrics",
            "mixed_precision",
            "optimizers",
            "regularizers",
            # How objects become configs, and what a config may allocate; the readers and writers
            # of files are a floor above.
            "saving.registration",
            "saving.registry",
            "saving.serialization",
            "saving.weight_budget",
        ),
        10,
    ),
    **dict.fromkeys(("models", "saving", "trainers"), 11),
    **dict.fromkeys(
        (
            "__main__",
            "applications",
            "callbacks",
            "cli",
            "convert",
            "datasets",
            "installed_library",
            "preprocessing",
            "trials",
            "utils",
            "visualization",
        ),
        12,
    ),
}
# Imported where they are used, but for the data adapters, which are about arrays.
HEAVY = ("h5py", "matplotlib", "numpy", "pandas", "PIL", "pydot", "rich", "sklearn")
NUMPY_FROM_THE_START = "trainers/data_adapters/"


def cpp_files(*folders):
    return sorted(f for d in folders for e in ("*.h", "*.cpp") for f in (ROOT / d).rglob(e))


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def floor_of(header):
    folder, _, name = header.partition("/")
    if folder == "addax":
        assert name in PUBLIC_HEADERS, f"give '{header}' a floor in this test"
        folder = PUBLIC_HEADERS[name]
    return CORE_FLOORS.index(folder) if folder in CORE_FLOORS else None


def test_each_folder_of_the_core_has_its_floor():
    assert {d.name for d in SOURCES.iterdir() if d.is_dir()} == set(CORE_FLOORS)
    headers = {f.name for f in (ROOT / "cpp" / "include" / "addax").iterdir()}
    assert headers <= set(PUBLIC_HEADERS)


def test_a_floor_of_the_core_uses_only_those_below():
    upward = set()
    for path in cpp_files("cpp/src"):
        own = CORE_FLOORS.index(path.relative_to(SOURCES).parts[0])
        for header in includes(path):
            floor = floor_of(header)
            if floor is not None and floor > own:
                upward.add((path.relative_to(SOURCES).as_posix(), header))
    assert not upward - UPWARD


def test_public_headers_use_only_public_headers_of_lower_floors():
    for path in cpp_files("cpp/include"):
        own = CORE_FLOORS.index(PUBLIC_HEADERS[path.name])
        for header in includes(path):
            if "/" in header:
                assert header.startswith("addax/"), f"{path.name} includes {header}"
                assert floor_of(header) <= own, f"{path.name} includes {header}"


def test_kernels_know_pointers_and_sizes_only():
    for path in cpp_files("cpp/src/kernels"):
        for header in includes(path):
            assert not header.startswith("addax/"), f"{path.name} includes {header}"


def test_the_core_does_not_know_python():
    python = re.compile(r"\bpybind11\b|\bPython\.h\b|\bnumpy/|\bPy(Object|_\w+|List|Dict|Err|Gil)")
    for path in cpp_files("cpp"):
        found = python.search(path.read_text())
        assert not found, f"{path.relative_to(ROOT)} speaks of {found[0]}"


def imports_at_import_time(node):
    """Dotted names that a module imports when it is imported: not those in functions or for types
    only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield from (f"{child.module}.{name.name}" for name in child.names)
        elif not (
            isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
        ):
            yield from imports_at_import_time(child)


def package_floor(parts):
    own = ".".join(parts[:2])
    floor = PACKAGE_FLOORS.get(own, PACKAGE_FLOORS.get(parts[0]))
    assert floor is not None, f"give 'addax.{parts[0]}' a floor in this test"
    return floor


PACKAGE_FILES = sorted(f for f in PACKAGE.rglob("*.py") if f != PACKAGE / "__init__.py")


def test_a_floor_of_the_package_imports_only_those_below():
    wrong = []
    for path in PACKAGE_FILES:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        for name in imports_at_import_time(ast.parse(path.read_text())):
            top, _, rest = name.partition(".")
            if top != "addax" or not rest or rest.split(".")[0] == "_core":
                continue
            if package_floor(rest.split(".")) > package_floor(parts):
                wrong.append(f"{'.'.join(parts)} imports {name}")
    assert not wrong


def test_modules_import_what_costs_where_it_is_used():
    wrong = []
    for path in PACKAGE_FILES:
        module = path.relative_to(PACKAGE).as_posix()
        for name in imports_at_import_time(ast.parse(path.read_text())):
            top = name.split(".")[0]
            if top == "numpy" and module.startswith(NUMPY_FROM_THE_START):
                continue
            if top in HEAVY or (top not in ("addax", "__future__") and not is_standard(top)):
                wrong.append(f"{module} imports {name}")
    assert not wrong


def is_standard(module):
    return module in sys.stdlib_module_names


def test_the_package_reaches_the_core_by_one_door():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"\b(ctypes|cffi)\b", text), f"{path.name} has its own door"
    extensions = {
        f.name.partition(".")[0] for f in PACKAGE.rglob("*") if f.suffix in (".so", ".pyd")
    }
    assert extensions <= {"_core"}


def test_import_addax_imports_nothing_heavy():
    program = (
        "import sys; before = set(sys.modules); import addax; print(*sorted("
        "{name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    foreign = {name for name in run.stdout.split() if name != "addax" and not is_standard(name)}
    assert "addax" in run.stdout and not foreign


PACKAGES = sorted(f.parent.name for f in PACKAGE.glob("*/__init__.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_all_that_it_promises(package):
    module = importlib.import_module(f"addax.{package}")
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name, None) is not None, f"addax.{package}.{name}"


def test_results_do_not_depend_on_the_machine_that_builds():
    files = [ROOT / "pyproject.toml", ROOT / "CMakePresets.json", ROOT / "CMakeLists.txt"]
    for folder in ("cpp", "python", "tests", "bench", "third_party", "examples"):
        for name in ("CMakeLists.txt", "*.cmake"):
            files += (ROOT / folder).rglob(name)
    forbidden = re.compile(
        r"-ffast-math|-Ofast|-funsafe-math-optimizations|-fassociative-math|-ffinite-math-only"
        r"|-m(arch|cpu|tune)=native|-xHost"
    )
    for path in files:
        if path.exists():
            without_comments = re.sub(r"#.*", "", path.read_text())
            found = forbidden.search(without_comments)
            assert not found, f"{path.relative_to(ROOT)} has {found[0]}"
