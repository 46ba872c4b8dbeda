"""Tracebacks end at the user's line, wherever they are shown; cells of notebooks have their names."""

from __future__ import annotations

import linecache
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tracealloc as ta
from tracealloc.trace.diagnostics.frames import is_ours, is_users, trimmed
from tracealloc.trace.diagnostics.source import Place

_HEAD = """import numpy as np
import tracealloc as ta
from tracealloc import *

@kernel
def good(A: int32[8]):
    for i in ta.range(8):
        A[i] += 1

@kernel
def bad(A: int32[8], n: int32):
    for i in ta.range(8):
        A[i] = A[i] / 2

class Wrapped:
    def __init__(self, kernel):
        self.kernel = kernel
    def __call__(self, *args):
        return self.kernel(*args)
"""
# What goes wrong, the name of the error, and the line that the traceback ends at.
_WRONG = {
    "bad.trace()": ("TraceError", "A[i] = A[i] / 2"),
    "Wrapped(bad)(np.zeros(8, np.int32), 1)": ("TraceError", "A[i] = A[i] / 2"),
    "list(map(bad, [np.zeros(8, np.int32)], [1]))": ("TraceError", "A[i] = A[i] / 2"),
    "ta.customize(bad)": ("TraceError", "A[i] = A[i] / 2"),
    "good(3)": ("ArgumentError", "good(3)"),
    "good(np.zeros(9, np.int32))": ("ArgumentError", "good(np.zeros(9, np.int32))"),
    "ta.customize(good).split('x', 2)": ("UnknownLoopError", "ta.customize(good).split('x', 2)"),
    "ta.customize(good).build('x')": ("BuildError", "ta.customize(good).build('x')"),
    "ta.customize(good).nothing": ("UnknownNameError", "ta.customize(good).nothing"),
    "ta.zeros(3, int32)": ("TraceError", "ta.zeros(3, int32)"),
}
_CASES = [pytest.param(call, *expected, id=call) for call, expected in _WRONG.items()]


def _run(folder: Path, *words: str, **environment: str) -> str:
    shown = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return shown.stdout + shown.stderr


def _frames(text: str) -> list[str]:
    """The lines of code that a traceback shows, outermost first."""
    return [line.strip() for line in re.findall(r'^  File "[^"]+", line \d+, in .*\n(.*)', text, re.M)]


@pytest.mark.parametrize(("call", "kind", "line"), _CASES)
def test_plain_python(call: str, kind: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(f"{_HEAD}\n{call}\n", encoding="utf-8")
    text = _run(tmp_path, "script.py")
    assert _frames(text)[-1] == line
    assert f"{Path(ta.__file__).parent}" not in text
    assert text.count("Traceback (most recent call last)") == 1
    assert re.search(rf"\.{kind}: TA\d\d\d ", text)


def test_all_frames_can_be_seen(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(f"{_HEAD}\nbad.trace()\n", encoding="utf-8")
    text = _run(tmp_path, "script.py", TRACEALLOC_TRACEBACK="full")
    assert str(Path("tracealloc", "trace")) in text  # the package of the tree, or the installed one


def test_faults_of_our_own_are_shown_whole(tmp_path: Path) -> None:
    call = "ta.customize(good)._apply(None, (), {}, None)"
    (tmp_path / "script.py").write_text(f"{_HEAD}\n{call}\n", encoding="utf-8")
    text = _run(tmp_path, "script.py")
    assert "AttributeError: 'NoneType' object has no attribute" in text
    assert str(Path("tracealloc", "customize.py")) in text


@pytest.mark.parametrize(("call", "kind", "line"), _CASES)
def test_pytest(call: str, kind: str, line: str, tmp_path: Path) -> None:
    body = "\n".join(f"    {text}" for text in _HEAD.replace("import *", "import kernel, int32").splitlines())
    (tmp_path / "test_it.py").write_text(f"def test_it():\n{body}\n    {call}\n", encoding="utf-8")
    text = _run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert re.search(rf"^> +{re.escape(line)}$", text, re.M)
    shown = [part for part in re.findall(r"^(\S+):\d+: ", text, re.M) if part.endswith(".py")]
    assert shown
    assert set(shown) == {"test_it.py"}
    assert f"{kind}: TA" in text


@pytest.mark.parametrize(("call", "kind", "line"), _CASES)
def test_ipython(call: str, kind: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        shell.run_cell(_HEAD, store_history=True)
        shell.run_cell(f"1\n{call}", store_history=True)
        text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    finally:
        InteractiveShell.clear_instance()
    arrows = re.findall(r"^-+> \d+ (.*)", text, re.M)
    assert arrows[-1].strip() == line
    assert f"{Path(ta.__file__).parent}" not in text
    cell = "In[1]:13:16" if line == "A[i] = A[i] / 2" else "In[2]:2:"
    assert re.search(rf"{kind}: TA\d\d\d [^\n]*\n  at {re.escape(cell)}", text)


def test_cells_of_notebooks() -> None:
    """Older IPython names files by the cell; ipykernel's are known to its shell alone."""
    assert Place("<ipython-input-3-8a1f77c6a1b2>", 4).short == "In[3]:4"
    assert Place("/somewhere/ipykernel_4711/3141592653.py", 4).short == "In[?]:4"
    assert Place("C:\\somewhere\\ipykernel_4711\\31415.py", 4).short == "In[?]:4"
    name = "<ipython-input-7-abcdef012345>"
    text = "@kernel\ndef q(A: int32[8]):\n    for i in ta.range(8):\n        A[i] = A[i] / 2\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope = {"ta": ta, "kernel": ta.kernel, "int32": ta.int32, "__name__": "__main__"}
    exec(compile(text, name, "exec"), scope)
    with pytest.raises(ta.TraceError) as found:
        scope["q"].trace()  # type: ignore[attr-defined]
    assert str(found.value).splitlines()[1:4] == [
        "  at In[7]:4:16",
        "     4 |         A[i] = A[i] / 2",
        "       |                ^^^^^^^^",
    ]


def test_whose_frames_are_whose() -> None:
    import click.core
    import numpy._core.fromnumeric as inside

    assert is_ours(ta.kernel.__code__.co_filename)
    for module in (click.core, inside, linecache, re, Path):
        file = sys.modules[module.__module__].__file__ if isinstance(module, type) else module.__file__
        assert file is not None
        assert not is_users(file)
    assert not is_users("<frozen importlib._bootstrap>")
    for file in (__file__, "<stdin>", "<string>", "<ipython-input-3-abc>", "/x/site-packages/kernels/a.py"):
        assert is_users(file)
    assert not is_users("/x/site-packages/numpy/core/fromnumeric.py")


def test_trimmed_ends_at_the_users_last_line() -> None:
    def fails(x: float) -> float:
        raise ValueError(x)

    with pytest.raises(ValueError) as found:
        np.vectorize(fails)([1.0])
    trace, lines = trimmed(found.value.__traceback__), []
    while trace is not None:
        lines.append(Path(trace.tb_frame.f_code.co_filename).name)
        trace = trace.tb_next
    assert lines[-1] == Path(__file__).name
    assert trimmed(None) is None
