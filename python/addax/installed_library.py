"""The C++ library that is installed along with the package: where its parts are."""

from __future__ import annotations

import argparse
from pathlib import Path

import addax

FOLDERS = {
    "cmake_dir": (("lib", "cmake", "addax"), "its CMake package (for addax_DIR)"),
    "include_dir": (("include",), "its headers"),
    "lib_dir": (("lib",), "the library itself"),
    "pkgconfig_dir": (("lib", "pkgconfig"), "its pkg-config file (for PKG_CONFIG_PATH)"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--cmake-dir` and its kin to a parser; `folder` is then the one that was asked for."""
    for name, (_, what) in FOLDERS.items():
        parser.add_argument(
            "--" + name.replace("_", "-"),
            dest="folder",
            action="store_const",
            const=name,
            help=f"print where the C++ library is: {what}",
        )


def folder(name: str) -> Path:
    """A folder of the library.

    Raises:
        FileNotFoundError: If there is none, as in a checkout that was built in place.
    """
    found = Path(addax.__file__).parent.joinpath(*FOLDERS[name][0])
    if not found.is_dir():
        raise FileNotFoundError(
            f"{found} is missing: no C++ library stands in this package; install the wheel"
        )
    return found
