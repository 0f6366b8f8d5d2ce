"""Somebody else's C++ project (tests/consumer): configured, built and run."""

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).parents[3]
CONSUMER = ROOT / "tests" / "consumer"


def run(*command, **kwargs) -> str:
    """What a command prints; fails with all that it said."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **kwargs
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def build_consumer(folder: Path, *options) -> Path:
    """The program, built in `folder` with these options to CMake."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    run("cmake", "-S", CONSUMER, "-B", folder, *generator, "-DCMAKE_BUILD_TYPE=Release", *options)
    run("cmake", "--build", folder, "--target", "consumer", "--parallel", os.cpu_count() or 1)
    return folder / "consumer"


def compile_one(prefix: Path, source: Path, program: Path, *options) -> Path:
    """A program of one file, compiled and linked with the installed library, without CMake."""
    library = next(prefix.rglob("libaddax.*"))
    flags = ("-std=c++20", "-O1", f"-I{prefix / 'include'}", "-pthread")
    run(os.environ.get("CXX", "c++"), *flags, *options, source, library, "-o", program)
    return program


def predictions(program: Path, model: SimpleNamespace, **environment) -> np.ndarray:
    """What the program predicts for the model's inputs."""
    output = program.parent / "predictions.bin"
    run(program, model.folder, model.x, output, env={**os.environ, **environment})
    return np.fromfile(output, "float32").reshape(model.y.shape)
