"""The C++ in docs/cpp.md runs: whole programs alone, the pieces one after the other in one."""

import re

from consumer_project import ROOT, compile_one, run

PAGE = ROOT / "docs" / "cpp.md"
HEADERS = "".join(f"#include <{name}>\n" for name in ("addax/addax.h", "iostream", "memory"))


def cpp_blocks() -> list[str]:
    return re.findall(r"^```cpp\n(.*?)^```", PAGE.read_text(), re.M | re.S)


def test_the_programs_of_the_page_run(prefix, models, tmp_path):
    whole = [block for block in cpp_blocks() if "#include" in block]
    assert whole
    for i, block in enumerate(whole):
        source = tmp_path / f"program{i}.cpp"
        source.write_text(block)
        run(compile_one(prefix, source, source.with_suffix("")), cwd=models)


def test_the_pieces_of_the_page_run_and_say_what_the_page_says(prefix, models, tmp_path):
    pieces = [block for block in cpp_blocks() if "#include" not in block]
    assert len(pieces) > 8
    source = tmp_path / "page.cpp"
    source.write_text(f"{HEADERS}int main() {{\n{''.join(pieces)}}}\n")
    said = run(compile_one(prefix, source, tmp_path / "page"), cwd=models)
    for printed in re.findall(r"<< '\\n';  // (\S.*)", "".join(pieces)):
        assert printed in said or printed == "loss first", said
