"""What the parts of the expression printer ask of the whole: their operands."""

from __future__ import annotations

from typing import Protocol

from tracealloc.emit.vitis.values.convert import Value
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.interval_rules import Range

__all__ = ["Operands"]


class Operands(Protocol):
    """Prints expressions: see `Expressions`."""

    def value(self, expr: Expr, low: int | None = None) -> Value:
        """The text of an expression and its C++ type; `low` bits of it are kept (None: all)."""

    def range_of(self, expr: Expr) -> Range:
        """The least and greatest value of an integer expression."""
