"""One function while it is written: its names, its lines, the ranges of its values.

The parts of a writer (expressions, statements, loops, ...) are handed one `Scope`, and each what it needs
of the others; none inherits from another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tracealloc.emit.common.names import Names
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Iter
from tracealloc.trace.ir.program import Array, Program
from tracealloc.trace.queries.intervals import Ranges

__all__ = ["INDENT", "Scope", "comment_text"]

INDENT = "  "


class Scope:
    """`out` holds the lines so far, `depth` is the indentation, `ranges` knows the values of iterators."""

    def __init__(self, program: Program, names: Names, ranges: Ranges | None = None) -> None:
        self.program = program
        self.names = names
        self.ranges = ranges if ranges is not None else Ranges()
        self.out: list[str] = []
        self.depth = 0

    def line(self, text: str) -> None:
        """One line at the present depth; a preprocessor line stands at the margin."""
        self.out.append(text if text.startswith("#") or not text else INDENT * self.depth + text)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Within braces: one level deeper, names of its own."""
        self.names.open()
        self.depth += 1
        yield
        self.depth -= 1
        self.names.close()

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level deeper; names stay."""
        self.depth += 1
        yield
        self.depth -= 1

    # Names.

    def array_name(self, array: Array) -> str:
        """The name of an array, a scalar or a value, as it is in scope here."""
        found = self.names.find(("array", array.key))
        assert found is not None, f"{array.name} is used before it is declared"
        return found

    def iter_name(self, iter_: Iter) -> str:
        """The name of a loop's iterator."""
        found = self.names.find(("iter", iter_.key))
        assert found is not None, f"{iter_.name} is used outside its loop"
        return found

    def is_named(self, array: Array) -> bool:
        """Whether an array has a name here."""
        return self.names.find(("array", array.key)) is not None

    def name_array(self, array: Array) -> str:
        """Bring a name for `array` into scope."""
        return self.names.declare(("array", array.key), array.name)

    # Comments.

    @staticmethod
    def comment(place: Place | None) -> str:
        """``  // gemm.py:8`` or nothing."""
        return f"  // {comment_text(place.short)}" if place is not None else ""

    @staticmethod
    def origin(array: Array) -> str:
        """What a buffer is of, as a comment."""
        return f"  // buffer of {comment_text(array.origin)}" if array.origin else ""


def comment_text(text: str) -> str:
    """`text` so that it cannot end or continue a comment."""
    return "".join(c if c.isprintable() and c != "\\" else "?" for c in text)
