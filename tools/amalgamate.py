"""Writes the library as one pair of files, addax_runtime.h and addax_runtime.cpp, for projects
without CMake:

    python tools/amalgamate.py OUTPUT_FOLDER
    g++ -std=c++20 -O2 -fopenmp -c OUTPUT_FOLDER/addax_runtime.cpp

With -fopenmp the threads are OpenMP's, without it the library's own. On x86 the kernels are there
for the baseline and for AVX2, chosen when the program runs. GCC 12 or later.

Files that are compiled alone may use the same names in their unnamed namespaces; in one file they
may not, so those names get the name of their file.
"""

import argparse
import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "cpp" / "src"
HEADERS = ROOT / "cpp" / "include"
FLOORS = ("base", "tensor", "kernels", "ops", "tape", "program", "file", "layers", "c_api")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"].*\n', re.M)
TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|(?:^|(?<=\n))[ \t]*\#(?:[^\n\\]|\\.|\\\n)*)"""
    r"""|(?P<text>R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>\.?\d(?:[\w.']|[eEpP][+-])*)"""
    r"""|(?P<sign>::|->|\[\[|\]\]|.)""",
    re.S | re.X,
)
KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        "alignas alignof asm auto bool break case catch char class const constexpr continue"
        " decltype default delete do double else enum explicit extern false float for friend"
        " goto if inline int long mutable namespace new noexcept nullptr operator private"
        " protected public requires return short signed sizeof static static_assert struct"
        " switch template this thread_local throw true try typedef typename union unsigned"
        " using virtual void volatile while __attribute__",
    )
)


# ---- Reading C++


def tokens(text: str) -> list[tuple[str, str, int]]:
    """Kind, text and place of what is neither space, comment nor directive."""
    found = []
    for match in TOKEN.finditer(text):
        kind = match.lastgroup if match.lastgroup != "mark" else "text"
        if kind != "skip":
            found.append((kind, match[kind], match.start(kind)))
    return found


def closing(line: list, start: int) -> int:
    """The place of the bracket that closes the one at `start`."""
    pairs = {"(": ")", "{": "}", "[": "]", "[[": "]]"}
    opening, end = line[start][1], pairs[line[start][1]]
    depth = 0
    for place in range(start, len(line)):
        depth += (line[place][1] == opening) - (line[place][1] == end)
        if depth == 0:
            return place
    raise ValueError(f"no '{end}' for the '{opening}' at {line[start][2]}")


def template_end(line: list, start: int) -> int:
    """The place of the `>` that closes the `<` at `start`."""
    depth, place = 0, start
    while place < len(line):
        word = line[place][1]
        if word in ("(", "{", "["):
            place = closing(line, place)
        depth += (word == "<") - (word == ">")
        if depth == 0:
            return place
        place += 1
    raise ValueError("no '>' for a '<'")


def declared_names(line: list) -> set[str]:
    """Names that the declarations in the inside of a namespace give it."""
    names = set()
    place = 0
    while place < len(line):
        name, place = next_declaration(line, place)
        if name is not None:
            names.add(name)
    return names


def next_declaration(line: list, place: int) -> tuple[str | None, int]:
    """The name of the declaration that begins at `place`, and where the next one begins."""
    name, previous = None, None
    is_type = False
    while place < len(line):
        token_kind, word, _ = line[place]
        if word == "template" and line[place + 1][1] == "<":
            place = template_end(line, place + 1)
        elif word == "requires" and line[place + 1][1] == "(":
            place = closing(line, place + 1)
        elif word == "using":
            alias = line[place + 1][1] if line[place + 2][1] == "=" else None
            return alias, next(i for i in range(place, len(line)) if line[i][1] == ";") + 1
        elif word in ("struct", "class", "union", "enum"):
            is_type = True
        elif word in ("alignas", "__attribute__") or word == "[[":
            place = closing(line, place if word == "[[" else place + 1)
        elif word == ";":
            return name or previous, place + 1
        elif word == "(":
            # A function's parameters, what a variable is made from, or a pointer to functions.
            if name is None:
                pointer = line[place + 1][1] == "*"
                name = line[place + 2][1] if pointer else previous
            place = closing(line, place)
        elif word == "=" and previous != "operator":
            name = name or previous
            return name, initializer_end(line, place)
        elif word == "{":
            name = name or previous
            place = closing(line, place)
            after = line[place + 1][1] if place + 1 < len(line) else ""
            if after != ";":
                return name, place + 1
        elif word == "[":
            name = name or previous
            place = closing(line, place)
        elif word == ":" and is_type:
            name = name or previous
        elif token_kind == "name" and word not in KEYWORDS and name is None:
            previous = word if line[place - 1][1] != "::" else None
        elif word == "operator":
            return None, skip_declaration(line, place)
        elif (
            word == "<" and previous is not None and name is None and is_argument_list(line, place)
        ):
            place = template_end(line, place)
        place += 1
    return name, place


def is_argument_list(line: list, place: int) -> bool:
    return line[place - 1][0] == "name"


def initializer_end(line: list, place: int) -> int:
    """Behind the `;` of an initializer, or behind the comma before the next variable."""
    while True:
        word = line[place][1]
        if word in ("(", "{", "["):
            place = closing(line, place)
        elif word == ";" or (word == "," and line[place + 2][1] in ("=", ";", "[", "{")):
            return place + 1
        place += 1


def skip_declaration(line: list, place: int) -> int:
    while line[place][1] not in ("{", ";"):
        place = closing(line, place) + 1 if line[place][1] == "(" else place + 1
    return closing(line, place) + 1 if line[place][1] == "{" else place + 1


def private_names(text: str) -> set[str]:
    """Names in the unnamed namespaces of a source."""
    line = tokens(text)
    names = set()
    for place in range(len(line) - 1):
        if line[place][1] == "namespace" and line[place + 1][1] == "{":
            names |= declared_names(line[place + 2 : closing(line, place + 1)])
    return {name for name in names - KEYWORDS if not name.startswith("ADDAX_")}


def public_names(path: Path) -> set[str]:
    """Names that the header of a source declares."""
    header = path.with_suffix(".h")
    if not header.exists():
        return set()
    line = tokens(header.read_text())
    inside = next(i for i in range(len(line)) if line[i][1] == "{")
    return declared_names(line[inside + 1 : closing(line, inside)])


def member_names(text: str) -> set[str]:
    """Names of members of the classes in a source."""
    line = tokens(text)
    names = set()
    for place in range(len(line) - 1):
        if line[place][1] in ("struct", "class") and line[place + 1][0] == "name":
            start = place + 2
            while line[start][1] not in ("{", ";", "(", ")", ">", ",", "="):
                start += 1
            if line[start][1] == "{":
                names |= declared_names(line[start + 1 : closing(line, start)])
    return names


def own_namespaces(text: str) -> set[str]:
    """The innermost namespaces around what a source defines."""
    found = re.findall(r"^namespace ([\w:]+) {", text, re.M)
    return {name.rpartition("::")[2] for name in found}


def with_own_names(text: str, names: set[str], suffix: str) -> str:
    """The text with each of the names made its own, but where it is a member or stands in another
    namespace.
    """
    members = member_names(text)
    own = own_namespaces(text)
    out, last, before = [], 0, ("", "")
    for kind, word, place in tokens(text):
        if kind == "name" and word in names:
            member = before[1] in (".", "->") and word not in members
            elsewhere = before[1] == "::" and before[0] not in own
            if not member and not elsewhere:
                out += [text[last:place], word, suffix]
                last = place + len(word)
        before = (before[1], word)
    return "".join(out) + text[last:]


# ---- Putting files together


class Pieces:
    """Files in an order in which each comes after those that it includes, each once."""

    def __init__(self, done=()):
        self.done = set(done)
        self.system: list[str] = []
        self.texts: list[str] = []

    def add(self, path: Path, suffix: str | None = None) -> None:
        if path in self.done:
            return
        self.done.add(path)
        text = path.read_text()
        for bracket, name in INCLUDE.findall(text):
            if bracket == '"':
                self.add(found(name))
            elif name == "nlohmann/json.hpp":
                continue
        if suffix is not None:
            names = private_names(text) - public_names(path)
            text = with_own_names(text, names, suffix)
        name = path.relative_to(ROOT / "cpp").as_posix()
        self.texts.append(f"// ---- {name}\n\n{self.stripped(text, suffix is not None)}")

    def stripped(self, text: str, is_source: bool) -> str:
        """Without inclusions, but for those that hang on a condition; macros of sources end."""
        text = text.replace("#pragma once\n", "")
        lines, macros, depth = [], [], 0
        for line in text.splitlines(keepends=True):
            word = re.match(r"\s*#\s*(\w+)", line)
            if word and word[1] in ("if", "ifdef", "ifndef"):
                depth += 1
            if word and word[1] == "endif":
                depth -= 1
            if word and word[1] == "include":
                if '"' in line or "nlohmann" in line:
                    continue
                if depth == 0:
                    self.system.append(line.strip())
                    continue
            if word and word[1] == "define" and depth == 0:
                macros.append(re.search(r"define\s+(\w+)", line)[1])
            lines.append(line)
        ends = "".join(f"#undef {macro}\n" for macro in macros if is_source)
        return "".join(lines).strip() + "\n" + ends + "\n"


def found(name: str) -> Path:
    for folder in (HEADERS, SOURCES):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(name)


def listed(variable: str) -> list[Path]:
    """The files that a list in families.cmake names."""
    text = (SOURCES / "kernels" / "families.cmake").read_text()
    block = re.search(rf"set\({variable}\s+([^)]*)\)", text)[1]
    return [SOURCES / "kernels" / f"{name}.cpp" for name in block.split()]


def suffix_of(path: Path) -> str:
    return "_in_" + "_".join(path.relative_to(SOURCES).with_suffix("").parts)


def is_per_isa(path: Path) -> bool:
    return path.parent.name == "kernels" and "ADDAX_ISA_NS" in path.read_text()


def sorted_includes(lines: list[str]) -> str:
    return "\n".join(sorted(set(lines))) + "\n\n"


# ---- JSON


def json_folder() -> Path:
    """The folder with nlohmann/json.hpp: that of the Python wheel, or the system's."""
    spec = importlib.util.find_spec("nlohmann_json")
    folders = [Path(spec.origin).parent / "include"] if spec and spec.origin else []
    for folder in [*folders, Path("/usr/include"), Path("/usr/local/include")]:
        if (folder / "nlohmann" / "json.hpp").exists():
            return folder
    sys.exit(
        "nlohmann/json.hpp not found: pip install nlohmann-json, or give its folder with --json"
    )


def json_licence() -> str:
    try:
        files = importlib.metadata.files("nlohmann-json") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    texts = [Path(f.locate()).read_text() for f in files if f.name.startswith("LICEN")]
    return "".join(f"// {line}".rstrip() + "\n" for text in texts for line in text.splitlines())


def json_text(folder: Path) -> str:
    """json.hpp with the files that it includes put in, each once."""
    done = set()

    def inlined(path: Path) -> str:
        if path in done:
            return ""
        done.add(path)

        def replace(match: re.Match) -> str:
            for inner in (folder / match[2], path.parent / match[2]):
                if match[2].startswith("nlohmann/") and inner.exists():
                    return inlined(inner)
            return match[0]

        return INCLUDE.sub(replace, path.read_text().replace("#pragma once\n", ""))

    return inlined(folder / "nlohmann" / "json.hpp")


# ---- The two files

FIRST_SET = """\
#if defined(__aarch64__)
#define ADDAX_ISA_NS neon
#else
#define ADDAX_ISA_NS baseline
#define ADDAX_USES_SSE4_1__ 1
#endif
#define ADDAX_LOWEST_ISA 1
#define ADDAX_FLOAT64_HERE 1

"""
AVX2 = '#pragma GCC target("avx2,bmi,bmi2,f16c,fma,lzcnt,movbe")\n'
SECOND_SET = f"""\
#undef ADDAX_ISA_NS
#undef ADDAX_LOWEST_ISA
#undef ADDAX_FLOAT64_HERE
#undef ADDAX_INLINE
#if defined(__x86_64__)
#define ADDAX_ISA_NS avx2
#define ADDAX_USES_AVX2__ 1
#define ADDAX_USES_FMA__ 1
#define ADDAX_USES_F16C__ 1
#pragma GCC push_options
{AVX2}#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // of pointers to lambdas, which nobody asks for

"""
SETTINGS = """\
#if defined(_OPENMP)
#define ADDAX_THREADS_OPENMP 1
#endif
#if defined(__aarch64__)
#define ADDAX_HAS_neon 1
#else
#define ADDAX_HAS_baseline 1
#endif
#if defined(__x86_64__)
#define ADDAX_HAS_avx2 1
// Before all that is included: a constructor has the target of its declaration.
#pragma GCC target("sse3,ssse3,sse4.1,sse4.2,popcnt,cx16,sahf")
#include <immintrin.h>
#endif

"""
ABOUT = """\
// Addax {version}: {what}. Written by tools/amalgamate.py; change the sources instead.
// SPDX-License-Identifier: Apache-2.0
"""


def header(version: str) -> tuple[str, set[Path]]:
    pieces = Pieces()
    for path in sorted((HEADERS / "addax").glob("*.h")):
        pieces.add(path)
    about = ABOUT.format(version=version, what="what an app may include")
    text = about + "#pragma once\n\n" + sorted_includes(pieces.system) + "".join(pieces.texts)
    return text, pieces.done


def core(done: set[Path]) -> Pieces:
    """All that is compiled once."""
    pieces = Pieces(done)
    for floor in FLOORS:
        sources = sorted((SOURCES / floor).rglob("*.cpp"))
        if floor == "kernels":
            sources = [*listed("ADDAX_PLAIN_KERNELS"), SOURCES / "kernels" / "dispatch.cpp"]
        for path in sources:
            pieces.add(path, suffix_of(path))
            if floor == "base" and path.name in ("openmp.cpp", "pool.cpp"):
                condition = "#if" if path.name == "openmp.cpp" else "#if !"
                pieces.texts[-1] = f"{condition} defined(_OPENMP)\n{pieces.texts[-1]}#endif\n\n"
    return pieces


def with_targets(text: str) -> str:
    """The text with what stands in namespace avx2 declared for AVX2, as it is defined: else the
    compiler takes the two for versions of one function.
    """
    declared = re.compile(r"^namespace avx2 {\n.*?^}.*?$", re.M | re.S)
    return declared.sub(
        lambda match: f"#pragma GCC push_options\n{AVX2}{match[0]}\n#pragma GCC pop_options", text
    )


def kernels(done: set[Path]) -> Pieces:
    """The kernels of one instruction set."""
    pieces = Pieces(done)
    for path in listed("ADDAX_KERNEL_FAMILIES"):
        pieces.add(path, suffix_of(path))
    # The compiler's own macros say what the command line allows, not what a pragma does.
    features = re.compile(r"\b__(SSE4_1__|AVX2__|FMA__|F16C__|AVX512\w+)")
    pieces.texts = [features.sub(r"ADDAX_USES_\1", text) for text in pieces.texts]
    return pieces


def source(version: str, done: set[Path], json: Path) -> str:
    once = core(done)
    shared = Pieces(once.done)
    for path in listed("ADDAX_KERNEL_FAMILIES"):
        for _, name in INCLUDE.findall(path.read_text()):
            if (SOURCES / name).exists() and not is_per_isa(SOURCES / name):
                shared.add(SOURCES / name)
    per_isa = kernels(shared.done)
    system = sorted_includes([*once.system, *shared.system, *per_isa.system])
    return "".join(
        [
            ABOUT.format(version=version, what="all of the library"),
            "// With JSON for Modern C++ in it, which has its own licence (below).\n",
            SETTINGS,
            '#include "addax_runtime.h"\n\n',
            system,
            json_licence(),
            json_text(json),
            *map(with_targets, once.texts),
            *map(with_targets, shared.texts),
            FIRST_SET,
            *per_isa.texts,
            SECOND_SET,
            *per_isa.texts,
            "#pragma GCC diagnostic pop\n#pragma GCC pop_options\n#endif\n",
        ]
    )


def version() -> str:
    text = (ROOT / "pyproject.toml").read_text()
    return re.search(r'^version = "(.*)"', text, re.M)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the two files go")
    parser.add_argument("--json", type=Path, help="folder that has nlohmann/json.hpp")
    arguments = parser.parse_args()
    text, done = header(version())
    arguments.folder.mkdir(parents=True, exist_ok=True)
    (arguments.folder / "addax_runtime.h").write_text(text)
    json = arguments.json or json_folder()
    (arguments.folder / "addax_runtime.cpp").write_text(source(version(), done, json))


if __name__ == "__main__":
    main()
