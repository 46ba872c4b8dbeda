"""The command line: what it prints, and that every mistake is a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tracealloc.cli import main
from tracealloc.doctor import findings

SOURCE = """
import tracealloc as ta
from tracealloc import float32, grid, kernel

@kernel
def doubled(A: float32[8, 8]):
    for i, j in grid(8, 8):
        A[i, j] = A[i, j] * 2

@kernel
def leaves(A: float32[8]):
    for i in grid(8):
        A[i] = A[i + 1]

piped = ta.customize(doubled)
piped.pipeline("j")

def tiled(*, size=4):
    s = ta.customize(doubled)
    s.split("j", size)
    return s

def sized(*, N):
    return doubled

number = 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's file, in the current folder; the module and path that loading it adds are taken back."""
    (tmp_path / "mine.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("mine", None)


def run(*words: str) -> Result:
    result = CliRunner().invoke(main, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_show_a_kernel() -> None:
    result = run("show", "mine.py:doubled")
    assert result.exit_code == 0
    assert result.output.startswith("kernel doubled(A: float32[8, 8])\n")


def test_show_a_schedule() -> None:
    assert "[pipeline ii=1]" in run("show", "mine.py:piped").output


def test_show_what_a_function_returns() -> None:
    assert "for j.outer in 0:2" in run("show", "mine.py:tiled").output
    assert "for j.outer in 0:4" in run("show", "mine.py:tiled", "--set", "size=2").output


def test_build_c(folder: Path) -> None:
    assert "doubled" in run("build", "mine.py:doubled").output
    assert run("build", "mine.py:doubled", "-o", "doubled.c").output == "wrote doubled.c\n"
    assert "for (" in (folder / "doubled.c").read_text()


def test_build_a_project(folder: Path) -> None:
    result = run("build", "mine.py:piped", "--target", "vitis_hls", "-o", "made")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("wrote made/: ")
    assert "#pragma HLS pipeline II=1" in (folder / "made" / "doubled.cpp").read_text()


def test_verify() -> None:
    result = run("verify", "mine.py:tiled")
    assert result.exit_code == 0, result.output


def test_estimate_says_when_there_is_none() -> None:
    import tracealloc as ta

    result = run("estimate", "mine.py:piped")
    if hasattr(ta.Schedule, "estimate"):
        assert result.exit_code == 0
        return
    assert result.exit_code == 1
    assert result.output == "Error: this version of tracealloc does not estimate cycles and resources yet\n"


def test_explain() -> None:
    result = run("explain", "TA210")
    assert result.exit_code == 0
    assert result.output.startswith("TA210: ")
    unknown = run("explain", "TA999")
    assert unknown.exit_code == 1
    assert unknown.output.startswith("Error: there is no code 'TA999'")


def test_doctor() -> None:
    result = run("doctor")
    assert result.exit_code == 0
    assert "C compiler" in result.output
    found = {finding.name: finding for finding in findings()}
    assert found["numpy"].found
    assert all(finding.advice for finding in found.values() if finding.found is None)


def test_an_error_of_the_kernel_is_text() -> None:
    result = run("show", "mine.py:leaves")
    assert result.exit_code == 1
    assert "BoundsError: TA" in result.output
    assert "mine.py:" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine.py"], "expected path.py:name, not 'mine.py'; kernels and schedules there: doubled, leaves,"),
        (["mine"], "expected path.py:name, not 'mine'"),
        (["other.py:doubled"], "there is no file other.py"),
        (
            ["mine.py:dubbled"],
            "mine.py has no dubbled; did you mean doubled? kernels and schedules there: doubled, leaves,",
        ),
        (["mine.py:number"], "number in mine.py is 3, not a kernel, a schedule or a function"),
        (["mine.py:sized"], "missing a required argument: 'N'; give it with --set NAME=NUMBER"),
        (["mine.py:sized", "--set", "N"], "expected NAME=NUMBER, not 'N'"),
        (["mine.py:doubled", "--set", "N=1"], "--set gives arguments to a function; this is none"),
    ],
)
def test_mistakes(words: list[str], message: str) -> None:
    result = run("show", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
