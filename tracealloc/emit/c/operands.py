"""What the parts of the expression printer ask of the whole: their operands, of any type."""

from __future__ import annotations

from typing import Protocol

from tracealloc.emit.c.integers.integers import Num
from tracealloc.emit.common.text import Text
from tracealloc.trace.ir.expr import Bitcast, Expr, GetField, Load

__all__ = ["Operands"]


class Operands(Protocol):
    """Prints expressions: see `Expressions`."""

    def number(self, expr: Expr) -> Num:
        """The (scaled) integer of an integer, fixed-point, index or boolean expression."""

    def floating(self, expr: Expr) -> Text:
        """A floating-point expression."""

    def condition(self, expr: Expr) -> Text:
        """A boolean expression."""

    def converted(self, expr: Expr) -> Text:
        """An expression where C itself converts to the element's type."""

    def read(self, expr: Load | GetField) -> Text:
        """An element, as it is stored."""

    def bitcast(self, expr: Bitcast) -> Text:
        """The bits of a value as a floating-point number."""

    def subscript(self, index: Expr) -> str:
        """An index between brackets."""
