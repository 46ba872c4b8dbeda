"""Whose frame is it: the user's, ours, or a library's that lies between; tracebacks without ours.

A traceback of one of our errors ends at the user's line. Nothing in Python hides a frame everywhere, so
there is a way for each: pytest asks a module for ``__tracebackhide__``, IPython an error for its own
rendering, and plain Python a hook (`install`). ``TRACEALLOC_TRACEBACK=full`` shows all frames.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

__all__ = ["hide", "install", "is_installed", "is_ours", "is_users", "render", "trimmed", "users_frame"]

# As imported, which may be through links or "..", and in full: code objects are named like the former.
_PACKAGE = tuple(f"{Path(name).parents[2]}/" for name in (__file__, Path(__file__).resolve()))
_LIBRARY = tuple(folder + part for folder in _PACKAGE for part in ("library/", "frontend/"))
_ROOT = tuple(folder + "__init__.py" for folder in _PACKAGE)  # it is only asked for names
_COMMAND_LINE = tuple(folder + "cli.py" for folder in _PACKAGE)
_SITES = tuple({f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib")})
_STANDARD = tuple({f"{sysconfig.get_path(name)}/" for name in ("stdlib", "platstdlib")})
# What we are built on or run in: its lines are not the user's, those of an installed package of kernels are.
_FOREIGN = (
    "numpy/", "click/", "ml_dtypes/", "sympy/", "networkx/", "islpy/", "jinja2/", "rich/",
    "_pytest/", "pluggy/", "xdist/", "IPython/", "ipykernel/",
)  # fmt: skip

_WHOSE: dict[str, str] = {}


def is_installed(filename: str) -> bool:
    """Whether a file is of an installed package."""
    return filename.startswith(_SITES) or "/site-packages/" in filename or "/dist-packages/" in filename


def _whose(filename: str) -> str:
    """``"ours"``, ``"foreign"`` or ``"user"``."""
    found = _WHOSE.get(filename)
    if found is None:
        found = _WHOSE[filename] = _classified(filename)
    return found


def _classified(filename: str) -> str:
    if filename.startswith(_PACKAGE):
        if filename in _ROOT:
            return "foreign"
        return "user" if filename.startswith(_LIBRARY) else "ours"
    if filename.startswith("<frozen "):
        return "foreign"
    for part in ("/site-packages/", "/dist-packages/"):
        if part in filename:
            return "foreign" if filename.rpartition(part)[2].startswith(_FOREIGN) else "user"
    return "foreign" if filename.startswith(_STANDARD) else "user"


def is_ours(filename: str) -> bool:
    """Whether a file is of the package (library kernels count as the user's)."""
    return _whose(filename) == "ours"


def is_users(filename: str) -> bool:
    """Whether a file is neither ours nor of a library that we or Python stand on."""
    return _whose(filename) == "user"


def users_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of the user's at or around `frame`; None: a command line, or a thread's start."""
    while frame is not None:  # for every operation that is traced: no calls where the answer is known
        filename = frame.f_code.co_filename
        if (_WHOSE.get(filename) or _whose(filename)) == "user":
            return frame
        if filename in _COMMAND_LINE:
            return None
        frame = frame.f_back
    return None


def trimmed(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without our frames, and without any behind the user's last."""
    kept: list[TracebackType] = []
    last = 0
    while trace is not None:
        if not is_ours(trace.tb_frame.f_code.co_filename):
            kept.append(trace)
            if is_users(trace.tb_frame.f_code.co_filename):
                last = len(kept)
        trace = trace.tb_next
    found: TracebackType | None = None
    for part in reversed(kept[:last]):
        found = TracebackType(found, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return found


def _full() -> bool:
    return os.environ.get("TRACEALLOC_TRACEBACK") == "full"


def hide(error: BaseException) -> None:
    """Leave out what is ours, when `error`, which is being made, is shown.

    Pytest asks the modules of the frames that are on the stack now; an exception that our own code caught
    is no context that a user could read.
    """
    caught = sys.exc_info()[1]
    if caught is not None and caught.__traceback__ is not None:
        error.__suppress_context__ = not is_users(caught.__traceback__.tb_frame.f_code.co_filename)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_ours(frame.f_code.co_filename):
            frame.f_globals["__tracebackhide__"] = _hidden
        frame = frame.f_back


def _hidden(found: Any) -> bool:
    return not _full() and hasattr(found.value, "_render_traceback_")


def render(error: BaseException) -> list[str]:
    """The lines that IPython shows for an error of ours."""
    trace = error.__traceback__ if _full() else trimmed(error.__traceback__)
    shell: Any = sys.modules["IPython"].get_ipython()
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, trace, tb_offset=1)
    return lines


def install(kind: type[BaseException]) -> None:
    """Show errors of class `kind` without our frames where nobody catches them."""
    before: Callable[..., Any] = sys.excepthook

    def hook(cls: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, kind) and not _full():
            error.__traceback__ = trace = trimmed(trace)
        before(cls, error, trace)

    sys.excepthook = hook
