"""Size limits: a file has at most 500 lines, a function 60, a line 110 columns; no machine's paths."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 500
FUNCTION_LINES = 60
COLUMNS = 110
FOLDERS = ["tracealloc", "tests", "examples", "benchmarks"]
PYTHON = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
TEXT_SUFFIXES = {".py", ".md", ".toml", ".txt", ".cfg", ".j2", ".c", ".h", ".cpp", ".tcl", ".csv", ".json"}
TEXTS = sorted(
    path
    for folder in [*FOLDERS, "docs", ".ci", "."]
    for path in (ROOT / folder).glob("*" if folder in {".", ".ci"} else "**/*")
    if path.is_file() and (path.suffix in TEXT_SUFFIXES or path.parent.name == ".ci")
)
PRAGMA = re.compile(r"\s+# (type: ignore|noqa|fmt:).*$")  # does not count, as for ruff
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_.}])/(?:work|farm|root|home|tmp)/")


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PYTHON, ids=short)
def test_sizes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    found = [f"{short(path)}: {len(lines)} lines"] if len(lines) > FILE_LINES else []
    found += [
        f"{short(path)}:{number}: {len(line)} columns"
        for number, line in enumerate(lines, 1)
        if len(PRAGMA.sub("", line)) > COLUMNS
    ]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{short(path)}:{node.lineno}: {node.name} has {length} lines")
    assert not found, "\n".join(found)


def test_no_path_of_a_machine() -> None:
    found = [
        f"{short(path)}:{number}: {line.strip()[:80]}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found, "\n".join(found)
