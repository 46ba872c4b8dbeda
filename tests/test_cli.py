"""The command line: what it prints, and that every mistake is a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tracealloc import __version__
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


def test_build_runs_the_simulation(folder: Path) -> None:
    result = run("build", "mine.py:piped", "--mode", "csim", "-o", "made", "--device", "u250")
    assert (result.exit_code, result.output) == (0, "wrote made/\nPASS: doubled\n")
    assert "part=xcu250-figd2104-2L-e\n" in (folder / "made" / "hls_config.cfg").read_text()
    (folder / "made" / "doubled.cpp").write_text("mine")
    again = run("build", "mine.py:piped", "--target", "vitis_hls", "-o", "made")
    assert again.exit_code == 1 and "TA823" in again.output
    assert run("build", "mine.py:piped", "--target", "vitis_hls", "-o", "made", "--overwrite").exit_code == 0


def test_a_project_has_a_folder_of_its_own_unasked(folder: Path) -> None:
    assert run("build", "mine.py:piped", "--target", "vitis_hls").output.startswith("wrote doubled_hls/: ")


def test_folders_that_are_not_there_are_made(folder: Path) -> None:
    assert run("build", "mine.py:doubled", "-o", "no/such/k.c").exit_code == 0
    assert run("build", "mine.py:doubled", "-o", "no").output.endswith(
        "no is a folder: give the name of a file\n"
    )
    result = run("build", "mine.py:doubled", "-o", "mine.py/k.c")
    assert (result.exit_code, result.output) == (1, "Error: mine.py/k.c cannot be written: File exists\n")


FILES = {
    "x = 1\ny = z + 1\n": "NameError: name 'z' is not defined\n  at broken.py:2:5\n     2 | y = z + 1\n",
    "def f(:\n": "  at broken.py:1:7\n     1 | def f(:\n       |       ^\n",
    "import sys\nsys.exit('no')\n": "SystemExit: no\n  at broken.py:2:1\n     2 | sys.exit('no')\n",
    "import nosuch\n": "ModuleNotFoundError: No module named 'nosuch'\n  at broken.py:1:1\n",
    "def k():\n    return 1 / 0\n": "ZeroDivisionError: division by zero\n  at broken.py:2:12\n",
}


@pytest.mark.parametrize("text", FILES)
def test_a_file_that_raises_shows_its_line(folder: Path, text: str) -> None:
    (folder / "broken.py").write_text(text)
    try:
        result = run("show", "broken.py:k")
        assert result.exit_code == 1
        assert FILES[text] in result.output and "Traceback" not in result.output
    finally:
        sys.modules.pop("broken", None)


def test_verify() -> None:
    result = run("verify", "mine.py:tiled")
    assert result.exit_code == 0, result.output


def test_version_of_a_tree_that_is_not_installed() -> None:
    assert run("--version").output == f"tracealloc, version {__version__}\n"


def test_estimate_says_when_there_is_none() -> None:
    import tracealloc as ta

    result = run("estimate", "mine.py:piped")
    if hasattr(ta.Schedule, "estimate"):
        assert result.exit_code == 0
        return
    assert result.exit_code == 1
    assert result.output == "Error: this version of tracealloc does not estimate cycles and resources yet\n"


def test_explain_lists_codes() -> None:
    assert "TA190  a Python loop records" in run("explain").output
    assert run("explain", "BoundsError").output.startswith("BoundsError: An access outside its array")
    assert run("explain", "os").exit_code == 1


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
        (["mine"], "expected path.py:name, not 'mine'; kernels and schedules there: doubled, leaves,"),
        (
            ["mine.py:"],
            "expected path.py:name, not 'mine.py:'; kernels and schedules there:",
        ),
        (
            ["mine:doubled"],
            "expected path.py:name, not 'mine:doubled'; kernels and schedules there:",
        ),
        (["other.py:doubled"], "there is no file other.py"),
        (["folder.py:doubled"], "folder.py is a folder, not a file of Python"),
        (["min.py:doubled"], "there is no file min.py; did you mean mine.py?"),
        (["nowhere/mine.py:doubled"], "there is no folder nowhere"),
        (
            ["mine.py:tile"],
            "mine.py has no tile; did you mean tiled? kernels and schedules there:",
        ),
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
    Path("folder.py").mkdir()
    result = run("show", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
