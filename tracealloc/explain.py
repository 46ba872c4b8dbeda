"""``ta.explain(code)``: what an error code means, with a wrong and a right example.

Each folder has its entries in modules called ``codes*.py`` or in a room ``codes/``, found here by that name.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import textwrap

import tracealloc
from tracealloc.trace.diagnostics.codes import CODES, Code
from tracealloc.trace.diagnostics.errors import (
    ArgumentError,
    BuildError,
    InterpretError,
    ScheduleError,
    TraceallocError,
    TraceallocWarning,
    TraceError,
    VerifyError,
    nearest,
)
from tracealloc.trace.diagnostics.public import public

__all__ = ["catalogue", "explain"]

_FOLDERS = ("trace", "poly", "schedule", "emit", "check")
_FAMILIES: dict[type, tuple[str, ...]] = {
    TraceError: ("TA1",),
    ScheduleError: ("TA2", "TA3", "TA4"),
    VerifyError: ("TA5",),
    InterpretError: ("TA6", "TA808"),
    ArgumentError: ("TA603", "TA7"),
    BuildError: ("TA8", "TA9"),
}


def catalogue() -> dict[str, Code]:
    """Every code with its entry, sorted by code."""
    for folder in _FOLDERS:
        package = importlib.import_module(f"{tracealloc.__name__}.{folder}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if any(part.startswith("codes") for part in module.name.split(".")):
                importlib.import_module(module.name)
    return dict(sorted(CODES.items()))


@public()
def explain(code: str | TraceallocError | TraceallocWarning | type[TraceallocError] | None = None) -> str:
    """Explain an error code such as ``"TA210"``, with an example that raises it and one that is right.

    An error of ours stands for its code, a class of errors for the codes that are raised as it; without
    an argument, all codes with their titles.

    Raises:
        ValueError: there is no such code.
        TypeError: `code` is neither a code nor an error of ours.
    """
    entries = catalogue()
    if code is None:
        return _listed(entries)
    if isinstance(code, type) and issubclass(code, TraceallocError):
        family = _family(code)
        doc = " ".join((code.__doc__ or "").partition("\n\n")[0].split())
        return (
            f"{code.__name__}: {doc}\n\n{_listed({c: e for c, e in entries.items() if c.startswith(family)})}"
        )
    if isinstance(code, TraceallocError):
        code = code.code
    elif isinstance(code, TraceallocWarning):
        code = _code_in(str(code)) or code
    if not isinstance(code, str):
        raise TypeError(f"ta.explain takes a code such as 'TA210' or an error of tracealloc, not {code!r}")
    entry = entries.get(code.upper())
    if entry is None:
        near = nearest(code.upper(), entries)
        hint = f"; the nearest is {near}" if near else ""
        raise ValueError(f"there is no code {code!r}{hint}; the codes are {', '.join(entries)}")
    parts = [f"{code.upper()}: {entry.title}"]
    if entry.because:
        parts.append(textwrap.fill(entry.because, 100))
    if entry.wrong:
        parts.append("wrong:\n" + _indented(entry.wrong))
        parts.append("right:\n" + _indented(entry.right))
    return "\n\n".join(parts)


def _listed(entries: dict[str, Code]) -> str:
    return "\n".join(f"{code}  {entry.title}" for code, entry in entries.items())


def _code_in(text: str) -> str | None:
    """The code at the beginning of a warning's text."""
    found = re.match(r"TA\d\d\d\b", text)
    return found and found[0]


def _family(kind: type[TraceallocError]) -> tuple[str, ...]:
    """How the codes begin that are raised as `kind`, or else as the class above it."""
    return next((_FAMILIES[each] for each in kind.__mro__ if each in _FAMILIES), ("TA",))


def _indented(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")
