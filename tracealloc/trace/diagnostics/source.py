"""The one reader of frames: where in the user's source something happened."""

from __future__ import annotations

import linecache
import re
import sys
import warnings
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

from tracealloc.trace.diagnostics.errors import TraceallocWarning
from tracealloc.trace.diagnostics.frames import trimmed, users_frame

__all__ = ["Place", "caller_frame", "caller_place", "place_of", "raised_at", "warn"]

_CELL = re.compile(r"<ipython-input-(\d+)-")
_KERNEL_CELL = re.compile(r"[/\\]ipykernel_\d+[/\\]")


def _name(file: str) -> str:
    """A file as messages call it: without folders; ``In[3]`` for a cell of a notebook."""
    if found := _CELL.match(file):
        return f"In[{found[1]}]"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    known = None if shell is None else shell.compile.format_code_name(file)
    if known is not None:
        return str(known[1])
    return "In[?]" if _KERNEL_CELL.search(file) else Path(file).name


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the user's source: file, line, and columns counted from 1 (0: unknown)."""

    file: str
    line: int
    column: int = 0
    end_column: int = 0
    function: str = ""

    @property
    def short(self) -> str:
        """``file.py:12``, without folders."""
        return f"{_name(self.file)}:{self.line}"

    def source_line(self) -> str:
        """The text of the line, or an empty string where it cannot be read."""
        return linecache.getline(self.file, self.line).rstrip("\n")

    def excerpt(self) -> list[str]:
        """The lines that an error message shows for this place."""
        head = f"  at {self.short}" + (f":{self.column}" if self.column else "")
        text = self.source_line()
        if not text.strip():
            return [head]
        number = str(self.line).rjust(6)
        lines = [head, f"{number} | {text}"]
        if self.column:
            width = max(1, self.end_column - self.column)
            lines.append(f"{' ' * 6} | {' ' * (self.column - 1)}{'^' * width}")
        return lines

    def __str__(self) -> str:
        return self.short


def caller_frame() -> FrameType:
    """The innermost frame of the user's (library kernels count as such); without one, our own."""
    return users_frame(sys._getframe(1)) or sys._getframe(0)


def place_of(frame: FrameType) -> Place:
    """The position that `frame` is executing now."""
    return _place(frame.f_code, frame.f_lasti, frame.f_lineno)


def raised_at(error: BaseException) -> Place | None:
    """The user's line that an exception came from, or None."""
    trace = trimmed(error.__traceback__)
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return _place(trace.tb_frame.f_code, trace.tb_lasti, trace.tb_lineno)


def _place(code: CodeType, instruction: int, number: int) -> Place:
    positions = next(islice(code.co_positions(), instruction // 2, None), None)
    if positions is None or positions[0] is None:
        return Place(code.co_filename, number, function=code.co_name)
    line, end_line, column, end_column = positions
    if column is None or end_column is None or end_line != line:
        column, end_column = (column if column is not None else -1), -1
    return Place(code.co_filename, number, column + 1, end_column + 1, code.co_name)


def caller_place() -> Place | None:
    """The position in the user's source that led here; None on a command line."""
    frame = users_frame(sys._getframe(1))
    return None if frame is None else place_of(frame)


def warn(text: str, place: Place | None = None) -> None:
    """Show a warning at the user's line, or at `place`; once for each line, as Python's filters have it."""
    frame = caller_frame()
    where = place or place_of(frame)
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(text, TraceallocWarning, where.file, where.line, registry=registry)
