"""``ta.explain(code)``: what an error code means, with a wrong and a right example.

Each folder has its entries in modules called ``codes*.py``, found here by that name.
"""

from __future__ import annotations

import importlib
import pkgutil
import textwrap

import tracealloc
from tracealloc.trace.codes import CODES, Code
from tracealloc.trace.errors import nearest

__all__ = ["catalogue", "explain"]

_FOLDERS = ("trace", "poly", "schedule", "emit", "check")


def catalogue() -> dict[str, Code]:
    """Every code with its entry, sorted by code."""
    for folder in _FOLDERS:
        package = importlib.import_module(f"{tracealloc.__name__}.{folder}")
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("codes"):
                importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(CODES.items()))


def explain(code: str) -> str:
    """Explain an error code such as ``"TA210"``, with an example that raises it and one that is right.

    Raises:
        ValueError: there is no such code.
    """
    entries = catalogue()
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


def _indented(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")
