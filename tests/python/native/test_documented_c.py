"""The C in docs/embedding.md compiles as C99, runs, and prints what the page says."""

import re
import shutil
import subprocess

import pytest
from c_library import ROOT

PAGE = ROOT / "docs" / "embedding.md"


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_the_program_of_the_page_prints_what_the_page_says(library, tmp_path):
    text = PAGE.read_text()
    (code,) = re.findall(r"^```c\n(.*?)^```", text, re.M | re.S)
    (printed,) = re.findall(r"^```text\n(.*?)^```", text, re.M | re.S)
    (tmp_path / "app.c").write_text(code)
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "app.c", "-o", "app"]
    command += [f"-I{ROOT / 'cpp' / 'include'}", str(library.path)]
    command += [f"-Wl,-rpath,{library.path.parent}"]
    subprocess.run(command, check=True, cwd=tmp_path)
    app = [tmp_path / "app", ROOT / "tests" / "golden" / "stream"]
    done = subprocess.run(app, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == printed
    assert (tmp_path / "trained" / "model.json").exists()
