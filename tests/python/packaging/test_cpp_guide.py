"""The C++ in docs/embedding.md runs: programs alone, the pieces one after the other in one."""

import re
import sys

from consumer_project import ROOT, compile_one, run

PAGE = ROOT / "docs" / "embedding.md"
HEADERS = "".join(f"#include <{name}>\n" for name in ("addax/addax.h", "iostream", "memory"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.M | re.S)


def cpp_blocks() -> list[str]:
    return blocks("cpp")


def test_five_minutes_lead_from_an_empty_folder_to_a_running_program(prefix, tmp_path):
    for name, language in (
        ("make_model.py", "python"),
        ("app.cpp", "cpp"),
        ("CMakeLists.txt", "cmake"),
    ):
        (tmp_path / name).write_text(blocks(language)[0])
    run(sys.executable, "make_model.py", cwd=tmp_path)
    package = next(prefix.rglob("addax-config.cmake")).parent
    run("cmake", "-S", ".", "-B", "build", f"-Daddax_DIR={package}", cwd=tmp_path)
    run("cmake", "--build", "build", cwd=tmp_path)
    assert run(tmp_path / "build" / "app", cwd=tmp_path).startswith("the chance of a 3 is 0.")


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
