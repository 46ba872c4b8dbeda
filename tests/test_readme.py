"""The README is true: its Python runs and prints what it shows, its commands exist."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import blocks_of, run_page

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SHELL = [line for b in blocks_of(README) if b.language == "sh" for line in b.text.splitlines()]
TOOL = [line for line in SHELL if line.startswith("tracealloc ")]


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", "COLUMNS": "110"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_python_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    update = bool(request.config.getoption("--update-golden"))
    problems = run_page(README, tmp_path, "tour.py", update)
    assert update or not problems, "\n".join(problems)


def test_the_two_commands_come_first() -> None:
    """The second one is run by ``.ci/run``, which reads it from the README."""
    assert SHELL[0].endswith(".venv/bin/python examples/quickstart.py")
    assert SHELL[1].endswith(".venv/bin/python -m pytest -n auto")
    assert "grep -m 1 -E '^python3 -m venv .*pytest' README.md" in (ROOT / ".ci" / "run").read_text()


def test_quickstart(tmp_path: Path) -> None:
    done = run([sys.executable, str(ROOT / "examples" / "quickstart.py"), "made"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DIFFERENT" not in done.stdout
    assert done.stdout.count("the same bits") >= 1
    assert {"gemm.cpp", "gemm.h", "Makefile", "README.md"} <= {p.name for p in (tmp_path / "made").iterdir()}


@pytest.mark.parametrize("line", TOOL)
def test_tool(line: str, tmp_path: Path) -> None:
    words = [str(ROOT / word) if word.startswith("examples/") else word for word in shlex.split(line)[1:]]
    done = run([sys.executable, "-m", "tracealloc", *words], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_every_shell_line_is_checked() -> None:
    assert SHELL[2:] == TOOL
