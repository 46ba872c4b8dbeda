"""The table of names that the outside world has taken, made anew from this machine's headers and libraries.

``python -m tests.emit.taken`` rewrites the sections that are found by looking: macros, what lies at file
scope, stems of headers. Names that another machine gave before stay. The other sections are written by hand.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from pathlib import Path

import tracealloc.emit.common.names as names
from tracealloc.emit.vitis.csim.ap_headers import open_headers

TABLE = Path(names.__file__).parent / "data" / "taken_names.txt"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LIBRARIES = ("libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libstdc++.so.6", "libgomp.so.1")
_C_WORDS = (
    "stdlib string stdio math unistd pthread time signal wchar ctype setjmp locale sched fcntl sys/resource "
    "sys/stat sys/wait sys/mman sys/select sys/time strings semaphore dlfcn errno"
)


def _run(command: list[str], text: str = "") -> str:
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def cxx_text() -> str:
    """Includes of all that emitted C++ includes, and of the whole standard library."""
    folder = open_headers()
    amd = ["ap_int.h", "ap_fixed.h"] if folder is not None else []
    system = ["bits/stdc++.h", "pthread.h", "unistd.h", "sys/resource.h"]
    return "".join(f"#include <{name}>\n" for name in [*amd, *system])


def macros() -> set[str]:
    """The macros that a C or C++ text of ours sees, those for the compiler alone apart."""
    folder = open_headers()
    include = [f"-I{folder}"] if folder is not None else []
    cxx = _run(["g++", "-x", "c++", "-std=gnu++17", *include, "-E", "-dM", "-"], cxx_text())
    plain = "".join(f"#include <{name}.h>\n" for name in ("stdbool", "stdint", "stdlib", "string"))
    found = cxx + _run(["gcc", "-x", "c", "-E", "-dM", "-"], plain)
    return {name for name in re.findall(r"#define (\w+)", found) if _WORD.fullmatch(name)}


def at_file_scope() -> set[str]:
    """Functions and types of C and POSIX, exported symbols of the C and compiler libraries, AMD's types."""
    text = "#define _GNU_SOURCE\n" + "".join(f"#include <{name}.h>\n" for name in _C_WORDS.split())
    declared = _run(["gcc", "-x", "c", "-fsyntax-only", "-aux-info", "/dev/stdout", "-"], text)
    found = set(re.findall(r"(\w+) \(", declared))
    expanded = _run(["gcc", "-x", "c", "-E", "-P", "-"], text)
    found |= set(re.findall(r"\b(\w+)(?:\[[^\]]*\])?;", "\n".join(re.findall(r"typedef[^;{]*;", expanded))))
    found |= set(re.findall(r"\}\s*(\w+);", expanded))
    places = _run(["/sbin/ldconfig", "-p"])
    for library in _LIBRARIES:
        place = re.search(rf"{re.escape(library)} .*=> (\S+)", places)
        if place is not None:
            symbols = _run(["nm", "-D", "--defined-only", place.group(1)]).splitlines()
            found |= {line.split()[-1].split("@")[0] for line in symbols}
    folder = open_headers()
    for header in folder.glob("*.h") if folder is not None else ():
        found |= set(re.findall(r"\b(?:ap|af|AP|SC)_\w+", header.read_text(encoding="utf-8")))
    return {name for name in found if _WORD.fullmatch(name)}


def stems() -> set[str]:
    """The headers that those of the standard library and AMD's read, without ``.h``, in lower case."""
    folder = open_headers()
    include = [f"-I{folder}"] if folder is not None else []
    text = cxx_text() + "".join(f"#include <{name}.h>\n" for name in _C_WORDS.split())
    read = _run(["g++", "-x", "c++", "-std=gnu++17", *include, "-M", "-"], text)
    return {stem.lower() for stem in re.findall(r"/(?:include|ap_types|c\+\+/\d+)/([a-z]\w*)\.h\b", read)}


def sections(text: str) -> dict[str, list[str]]:
    """The words of each section, in the order of the file."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            found[next(reversed(found))] += line.split()
    return found


def main() -> None:
    """Rewrite the table."""
    text = TABLE.read_text(encoding="utf-8")
    now = sections(text)
    fresh = {"macros": macros(), "file scope": at_file_scope(), "headers": stems()}
    for name, words in fresh.items():
        now[name] = sorted({*now[name], *words})
    everywhere = {word for name in ("keywords", "macros", "text") for word in now[name]}
    now["file scope"] = [word for word in now["file scope"] if word not in everywhere]
    head = text[: text.index("[")]
    body = [f"[{name}]\n" + textwrap.fill(" ".join(words), 109) + "\n" for name, words in now.items()]
    TABLE.write_text(head + "\n".join(body), encoding="utf-8")


if __name__ == "__main__":
    main()
