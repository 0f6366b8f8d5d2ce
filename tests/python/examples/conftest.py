"""The page of examples/browser, served as its README says, and a browser that looks at it.

The tests are skipped without Chromium or TensorFlow.js. `ADDAX_CHROMIUM` names the one,
`ADDAX_TFJS` a folder with the other's `node_modules`; what is named must be there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import addax
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
EXAMPLES = HERE.parents[2] / "examples"
FILES = ("index.html", "style.css", "page.js", "drawing.js", "raster.js", "package.json")


def packages() -> Path:
    """The folder of npm's packages: in the one that `ADDAX_TFJS` names, or beside the page."""
    found = Path(os.environ.get("ADDAX_TFJS") or EXAMPLES / "browser") / "node_modules"
    if not (found / "@tensorflow" / "tfjs").is_dir():
        missing = pytest.fail if "ADDAX_TFJS" in os.environ else pytest.skip
        missing(f"there is no @tensorflow/tfjs in {found}: run `npm install` in examples/browser")
    return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    import chromium

    named = os.environ.get("ADDAX_CHROMIUM")
    program = named or chromium.find()
    if program is None:
        pytest.skip("there is no Chromium to look at the page with")
    try:
        browser = chromium.Browser(program, tmp_path_factory.mktemp("profile"))
    except (OSError, AssertionError) as error:
        if named:
            raise
        pytest.skip(f"{program} does not start here: {error}")
    with browser:
        yield browser


@pytest.fixture(scope="session")
def make_site(tmp_path_factory):
    """Function that makes a folder with the page, TensorFlow.js and the model that
    examples/digits.py trains when it is called with some words.
    """
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")

    def make(*words: str) -> Path:
        folder = tmp_path_factory.mktemp("site")
        (folder / "node_modules").symlink_to(packages())
        for name in FILES:
            shutil.copy(EXAMPLES / "browser" / name, folder)
        environment = {**os.environ, "PYTHONPATH": str(Path(addax.__file__).parents[1])}
        command = [sys.executable, str(EXAMPLES / "digits.py"), *words]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return folder

    return make


@pytest.fixture(scope="session")
def site(make_site):
    """The page with the digits that scikit-learn ships."""
    return make_site()


@pytest.fixture
def serve():
    """Function that serves a folder with `python -m http.server` and gives its address."""
    servers = []

    def start(folder: Path) -> str:
        command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
        server = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        servers.append(server)
        return re.search(r"http://[\d.]+:\d+/", server.stdout.readline()).group()

    yield start
    for server in servers:
        server.kill()
        server.communicate()
