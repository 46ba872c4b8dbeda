"""What tests of the tracer compare: printed programs and whole error messages, places made relative.

Lines count from the ``def`` of the traced function (``+0``); long lines are wrapped.
"""

from __future__ import annotations

import difflib
import inspect
import re
import sys
import textwrap
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from tracealloc.trace.diagnostics.errors import TraceallocError
from tracealloc.trace.functions import trace
from tracealloc.trace.signature import place_of_function, unwrap

__all__ = ["message", "printed", "program", "prints", "refused"]


def program(function: Any) -> Any:
    """The traced program of a plain function or a kernel."""
    return trace(getattr(function, "function", function))


def printed(function: Callable[..., Any]) -> str:
    """The printed program without the places."""
    text = re.sub(r" +# \S+:\d+$", "", str(program(function)), flags=re.MULTILINE)
    return "\n".join(wrapped for line in text.splitlines() for wrapped in _wrap(line))


def message(function: Callable[..., Any]) -> str:
    """The refusal of a function: its class and the whole message."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TraceallocError) as found:
            program(function)
    plain, _ = unwrap(getattr(function, "function", function))
    first = place_of_function(plain).line

    text = re.sub(r"\b[\w.<>]+\.py:(\d+)", lambda m: f"{int(m[1]) - first:+}", str(found.value))
    numbered = r"^( *\d+)(?= \|)"
    text = re.sub(numbered, lambda m: f"{int(m[1]) - first:+6}", text, flags=re.MULTILINE)
    text = re.sub(r"\bline (\d+)", lambda m: f"line {int(m[1]) - first:+}", text)
    lines = [f"{type(found.value).__name__} {text}".splitlines()[0], *text.splitlines()[1:]]
    return "\n".join(wrapped for line in lines for wrapped in _wrap(line))


def _wrap(line: str) -> list[str]:
    if "|" in line[:10]:
        return [line.rstrip()]
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(line, 96, subsequent_indent=indent, break_long_words=False) or [""]


def _same(found: str, text: str) -> None:
    if found != text:
        diff = difflib.unified_diff(text.splitlines(), found.splitlines(), "expected", "found", lineterm="")
        pytest.fail("\n".join(diff) + f"\n\nfound:\n{found}", pytrace=False)


def prints(function: Callable[..., Any], expected: str) -> None:
    """Assert the printed form of a function's program."""
    _same(printed(function), inspect.cleandoc(expected))


def refused(
    function: Callable[..., Any], expected: str, newer: tuple[tuple[int, int], str] | None = None
) -> None:
    """Assert the whole message with which a function is refused.

    `newer` = (version, marked): from that version of Python on, the message marks the expression `marked`
    in the line that it shows, where Python 3.11 knows the statement only.
    """
    text = inspect.cleandoc(expected)
    if newer is not None and sys.version_info >= newer[0]:
        text = _marking(newer[1], text)
    _same(message(function), text)


def _marking(marked: str, expected: str) -> str:
    """A message with another part of its line marked."""
    lines = expected.splitlines()
    head = next(n for n, text in enumerate(lines) if re.fullmatch(r"  at \S+:\d+", text))
    shown = lines[head + 1]
    start = shown.index("|") + 2
    column = shown.index(marked, start)
    lines[head] = f"{lines[head].rpartition(':')[0]}:{column - start + 1}"
    lines[head + 2] = " " * (start - 2) + "| " + " " * (column - start) + "^" * len(marked)
    return "\n".join(lines)
