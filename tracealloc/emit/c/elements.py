"""Elements in C, with checks of the subscripts that depend on data."""

from __future__ import annotations

from tracealloc.emit.c.fifos import Fifos
from tracealloc.emit.c.guards import Guards
from tracealloc.emit.c.integers.integer_printer import Printer
from tracealloc.emit.c.integers.integers import Machine, literal
from tracealloc.emit.c.operands import Operands
from tracealloc.emit.common.access_checks import Check
from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import UNARY, Text, atom, element, infix, ternary
from tracealloc.trace.ir.dtype import Index, as_integer
from tracealloc.trace.ir.expr import Cast, Expr, Load
from tracealloc.trace.ir.interval_rules import Range
from tracealloc.trace.ir.program import Array, Slice
from tracealloc.trace.queries.intervals import INT64

__all__ = ["Elements"]

UINT64 = (0, (1 << 64) - 1)


class Elements:
    """Prints the elements that one function accesses.

    Args:
        values: prints subscripts.
        scope: the function.
        guards: which accesses are checked.
        fifos: prints what is taken from queues.
        printer: prints integers.

    Attributes:
        known: subscripts that are printed already, while the access around them is written.
    """

    def __init__(
        self, values: Operands, scope: Scope, guards: Guards, fifos: Fifos, printer: Printer
    ) -> None:
        self.values = values
        self.scope = scope
        self.guards = guards
        self.fifos = fifos
        self.printer = printer
        self.known: dict[Expr, str] = {}

    def subscript(self, index: Expr) -> str:
        """An index between brackets: no more than 64 bits of it count."""
        found = self.known.get(index)
        if found:
            return found
        piece = self.printer.emit(self.values.number(index), 64)
        if piece.type.bits > 64:
            piece = self.printer.cast(piece, Machine(64, True))
        return piece.text.text

    def at(self, array: Array, indices: tuple[Expr, ...], path: tuple[str, ...] = ()) -> Text:
        """``A[i][j].x``; a scalar that is kept between calls is behind a pointer."""
        name = self.scope.array_name(array)
        if array.kind == "state" and array.rank == 0:
            return element(f"(*{name})", (), path) if path else Text(f"*{name}", UNARY)
        return element(name, [self.subscript(index) for index in indices], path)

    def load(self, load: Load) -> Text:
        """An element that is read: outside, the first one is, and the fault is noted."""
        check = self.guards.find(load.array, load.indices, load.place, False)
        if check is None:
            return self._load(load)
        known = self.known
        self.known = dict(known)
        for dim in self.guards.open_dims(check):
            index, extent = load.indices[dim], load.array.shape[dim]
            self.known[index] = self.guards.call("ta_at", self._checked(index), check, extent)
        # Only the outermost subscripts are replaced: what stands inside them is printed already.
        text = self._load(load)
        self.known = known
        return text

    def _load(self, load: Load) -> Text:
        """A load whose subscripts are inside."""
        if load.array.kind == "stream":
            return self.fifos.get(load)
        return self.at(load.array, load.indices, load.path)

    def _checked(self, index: Expr) -> str:
        """A subscript as ``int64_t``, negative where its value does not fit."""
        operand = index.operand if isinstance(index, Cast) and isinstance(index.type, Index) else index
        if index in self.known or as_integer(operand.dtype) is None:
            return self.subscript(index)
        number = self.values.number(operand)
        if _within(number.range, INT64) or _within(number.range, UINT64):
            return self.subscript(index)
        low = self.printer.compare(">=", number, literal(0))
        high = self.printer.compare("<=", number, literal(INT64[1]))
        value = self.printer.cast(self.printer.exact(number), Machine(64, True))
        return ternary(infix("&&", low, high), value.text, atom("-1")).text

    def inside(self, check: Check) -> str:
        """``ta_in(...) && ...``; subscripts that are more than a name are computed first."""
        parts = []
        for dim in self.guards.open_dims(check):
            part = check.indices[dim]
            index, more = (part.start, part.extent - 1) if isinstance(part, Slice) else (part, 0)
            text = self._checked(index)
            if not (text.isidentifier() or text.isalnum()):  # more than a name or a number
                name = self.scope.names.declare("", "at")
                self.scope.line(f"const int64_t {name} = {text};")
                self.known[index] = text = name
            parts.append(self.guards.call("ta_in", text, check, check.array.shape[dim] - more))
        return " && ".join(parts)


def _within(inner: Range, outer: Range) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
