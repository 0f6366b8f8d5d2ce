"""Real TensorFlow.js: Node and `@tensorflow/tfjs`, found by `ADDAX_TFJS`.

`ADDAX_TFJS` names a folder in which `npm install @tensorflow/tfjs@4.22.0` was run; without it, or
without Node, these tests are skipped. `ADDAX_TFJS_RESULTS` names a JSON file to write the results
to: `{"tfjs": version, "directions": {direction: {model: "pass" or a reason}}}`, from which the
table in docs/interop.md is made. A direction is what a test module calls `DIRECTION`, or what that
has for a test's name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "native")]

SECONDS = 300


class Client:
    """TensorFlow.js in a process of its own."""

    def __init__(self, root: str, folder: Path):
        self._root = root
        self._folder = folder
        self.version = ""

    def run(self, jobs: dict[str, dict]) -> dict[str, dict]:
        """The results of client.js's jobs, by name."""
        jobs_file, results_file = self._folder / "jobs.json", self._folder / "results.json"
        jobs_file.write_text(json.dumps(jobs))
        command = ["node", str(HERE / "client.js"), self._root, str(jobs_file), str(results_file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr[-3000:]
        answer = json.loads(results_file.read_text())
        _results["tfjs"] = self.version = answer["version"]
        return answer["results"]


@pytest.fixture(scope="session")
def client(tmp_path_factory):
    root = os.environ.get("ADDAX_TFJS")
    if not root:
        pytest.skip("ADDAX_TFJS names no folder with @tensorflow/tfjs (tools/test says how)")
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not os.path.isdir(os.path.join(root, "node_modules", "@tensorflow", "tfjs")):
        pytest.fail(f"ADDAX_TFJS={root} has no node_modules/@tensorflow/tfjs")
    return Client(root, tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="session")
def built_by_tfjs(client, tmp_path_factory):
    """All models, built and saved in one process, and what they predict."""
    from comparing import encode
    from tfjs_cases import BUILT_BY_TFJS

    root = tmp_path_factory.mktemp("saved-by-tfjs")
    jobs = {
        name: {
            "model": case.description(name),
            "inputs": [encode(x) for x in case.inputs()],
            "save": str(root / name),
        }
        for name, case in BUILT_BY_TFJS.items()
    }
    return root, client.run(jobs)


# Results for the table


_results: dict = {"tfjs": None, "directions": {}}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    direction = getattr(item.module, "DIRECTION", None)
    if isinstance(direction, dict):
        direction = direction.get(item.originalname)
    if direction is None or not hasattr(item, "callspec") or call.when == "teardown":
        return
    if report.passed and call.when == "setup":
        return
    name = item.callspec.params.get("name")
    if name is not None:
        _results["directions"].setdefault(direction, {})[name] = _verdict(report, call)


def _verdict(report, call) -> str:
    if report.passed:
        return "pass"
    if report.skipped:
        return getattr(report, "wasxfail", None) or "skipped"
    lines = str(call.excinfo.value).strip().splitlines() or [""]
    return f"fails: {lines[0]}"


def pytest_sessionfinish(session):
    path = os.environ.get("ADDAX_TFJS_RESULTS")
    if path and _results["tfjs"]:
        Path(path).write_text(json.dumps(_results, indent=1, sort_keys=True) + "\n")
