"""The one reader of frames: where in the user's source something happened."""

from __future__ import annotations

import linecache
import sys
import warnings
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType

from tracealloc.trace.errors import TraceallocWarning

__all__ = ["Place", "caller_frame", "caller_place", "place_of", "warn"]

# As imported, which may be through links or "..", and in full: code objects are named like the former.
_PACKAGE = tuple(f"{Path(name).parent.parent}/" for name in (__file__, Path(__file__).resolve()))
_LIBRARY = tuple(folder + part for folder in _PACKAGE for part in ("library/", "frontend/"))


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
        return f"{Path(self.file).name}:{self.line}"

    def source_line(self) -> str:
        """The text of the line, or an empty string where it cannot be read."""
        return linecache.getline(self.file, self.line).rstrip("\n")

    def excerpt(self) -> list[str]:
        """The lines that an error message shows for this place."""
        name = Path(self.file).name
        head = f"  at {name}:{self.line}" + (f":{self.column}" if self.column else "")
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


_OURS: dict[str, bool] = {}


def _is_ours(filename: str) -> bool:
    found = _OURS.get(filename)
    if found is None:
        found = filename.startswith(_PACKAGE) and not filename.startswith(_LIBRARY)
        _OURS[filename] = found
    return found


def caller_frame() -> FrameType:
    """The innermost frame outside the package (library kernels count as the user's)."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame if frame is not None else sys._getframe(0)


def place_of(frame: FrameType) -> Place:
    """The position that `frame` is executing now."""
    code = frame.f_code
    positions = next(islice(code.co_positions(), frame.f_lasti // 2, None), None)
    if positions is None or positions[0] is None:
        return Place(code.co_filename, frame.f_lineno, function=code.co_name)
    line, end_line, column, end_column = positions
    if column is None or end_column is None or end_line != line:
        column, end_column = (column if column is not None else -1), -1
    return Place(code.co_filename, frame.f_lineno, column + 1, end_column + 1, code.co_name)


def caller_place() -> Place:
    """The position in the user's source that led here."""
    return place_of(caller_frame())


def warn(text: str, place: Place | None = None) -> None:
    """Show a warning at the user's line, or at `place`; once for each line, as Python's filters have it."""
    frame = caller_frame()
    where = place or place_of(frame)
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(text, TraceallocWarning, where.file, where.line, registry=registry)
