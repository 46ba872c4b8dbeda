"""Accesses that depend on data in C: checked where they happen, see `access_checks`.

The local ``fault`` holds the number of the first access outside its array, or nothing positive. A thread
or a vector lane has its own, joined by ``reduction(max:fault)``.
"""

from __future__ import annotations

import re

from tracealloc.emit.c.access_checks import Check, Checks, fixed_bounds, may_hang
from tracealloc.emit.c.calls import CallWriter
from tracealloc.emit.c.fifos import FifoWriter
from tracealloc.emit.c.integers import Machine, literal
from tracealloc.emit.c.numbers import CNumbers
from tracealloc.emit.common.expr import Text, atom, infix, ternary
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Index, as_integer
from tracealloc.trace.ir.expr import Cast, Expr, Load
from tracealloc.trace.ir.intervals import INT64, Range
from tracealloc.trace.ir.program import Array, Call, Loop, Region, Slice, Store

__all__ = ["CChecks"]

UINT64 = (0, (1 << 64) - 1)
_SOUND = infix("<=", atom("fault"), atom("0"))


class CChecks(CNumbers):
    """The part of the C back end that checks accesses."""

    calls: CallWriter
    fifos: FifoWriter
    checks: Checks
    first_check: int  # what is added to a check's number: programs of one file count on
    faults: bool  # whether this function has the local `fault`
    proved: dict[int, frozenset[int]]  # dimensions, by check, that a check before the loop has proved
    bounded: set[int]  # loops (by identity) of which a check before them has proved that they end
    known: dict[Expr, str]  # subscripts that were computed already, while their store is written

    def subscript(self, index: Expr) -> str:
        return self.known.get(index) or super().subscript(index)

    def _find(
        self, array: Array, indices: tuple[Expr | Slice, ...], place: Place | None, stored: bool
    ) -> Check | None:
        """The check of an access, or None where it needs none here."""
        check = self.checks.find(array, indices, place, stored)
        return check if check is not None and self._open_dims(check) else None

    def _open_dims(self, check: Check) -> list[int]:
        return sorted(check.dims - self.proved.get(check.number, frozenset()))

    def is_checked(self, loop: Loop) -> bool:
        """Whether accesses in a loop are checked while it runs."""
        numbers = self.checks.loops.get(id(loop), set())
        if 0 in numbers:
            return True
        return any(self._open_dims(check) for check in self.checks.found.values() if check.number in numbers)

    def load(self, load: Load) -> Text:
        check = self._find(load.array, load.indices, load.place, False)
        if check is None:
            return self._load(load)
        known = self.known
        self.known = dict(known)
        for dim in self._open_dims(check):
            index, extent = load.indices[dim], load.array.shape[dim]
            self.helpers.add("ta_at")
            number = check.number + self.first_check
            self.known[index] = f"ta_at({self._checked(index)}, {extent}, {number}, &fault)"
        # Only the outermost subscripts are replaced: what stands inside them is printed already.
        text = self._load(load)
        self.known = known
        return text

    def _checked(self, index: Expr) -> str:
        """A subscript as ``int64_t``, negative where its value does not fit."""
        operand = index.operand if isinstance(index, Cast) and isinstance(index.type, Index) else index
        if index in self.known or as_integer(operand.dtype) is None:
            return self.subscript(index)
        number = self.number(operand)
        if _within(number.range, INT64) or _within(number.range, UINT64):
            return self.subscript(index)
        low = self.printer.compare(">=", number, literal(0))
        high = self.printer.compare("<=", number, literal(INT64[1]))
        value = self.printer.cast(self.printer.exact(number), Machine(64, True))
        return ternary(infix("&&", low, high), value.text, atom("-1")).text

    def _condition(self, check: Check) -> str:
        """``ta_in(...) && ...``; subscripts that are more than a name are computed first."""
        parts = []
        for dim in self._open_dims(check):
            part = check.indices[dim]
            index, more = (part.start, part.extent - 1) if isinstance(part, Slice) else (part, 0)
            text = self._checked(index)
            if not re.fullmatch(r"\w+", text):
                name = self.names.declare("", "at")
                self.line(f"const int64_t {name} = {text};")
                self.known[index] = text = name
            self.helpers.add("ta_at")
            number = check.number + self.first_check
            parts.append(f"ta_in({text}, {check.array.shape[dim] - more}, {number}, &fault)")
        return " && ".join(parts)

    def _when_inside(self, checks: list[Check], write: object) -> None:
        """What `write` writes, done only where the accesses are inside."""
        assert callable(write)
        known, out = self.known, self.out
        self.known, self.out = dict(known), []
        self.names.open()
        self.depth += 1
        found = " && ".join(self._condition(check) for check in checks)
        before, self.out = self.out, out
        if before:
            self.depth -= 1
            self.line("{")
            self.depth += 1
            self.out += before
        else:
            self.depth -= 1
        self.line(f"if ({found}) {{")
        self.depth += 1
        write()
        self.depth -= 1
        self.line("}")
        if before:
            self.depth -= 1
            self.line("}")
        self.names.close()
        self.known = known

    def _load(self, load: Load) -> Text:
        """A load whose subscripts are inside."""
        return self.fifos.get(load) if load.array.kind == "stream" else super().load(load)

    def store(self, node: Store) -> None:
        check = self._find(node.array, node.indices, node.place, True)
        if check is None:
            self._store(node)
        else:
            self._when_inside([check], lambda: self._store(node))

    def _store(self, node: Store) -> None:
        """A store whose subscripts are inside."""
        if node.array.kind == "stream":
            self.fifos.put(node)
        else:
            super().store(node)

    def call_node(self, node: Call) -> None:
        regions = [part for part in (*node.args, *node.results) if isinstance(part, Region)]
        found = [self._find(part.array, part.indices, node.place, True) for part in regions]
        checks = {check.number: check for check in found if check is not None}
        if checks:
            self._when_inside(list(checks.values()), lambda: self._call_unless(node))
        else:
            self._call_unless(node)

    def _call_unless(self, node: Call) -> None:
        """A call; after a fault not, where wrong data could keep it running."""
        if not (self.faults and may_hang(node.program)):
            self.calls.write(node)
            return
        self.line("if (fault <= 0) {")
        self.depth += 1
        self.calls.write(node)
        self.depth -= 1
        self.line("}")

    def loop_more(self, loop: Loop, more: Text) -> Text:
        marked = loop.marks.parallel or loop.marks.vectorize
        ends = fixed_bounds(loop) or id(loop) in self.bounded
        if not self.faults or ends or marked or not self.is_checked(loop):
            return more
        return infix("&&", more, _SOUND)

    def while_more(self, cond: Text) -> Text:
        return infix("&&", cond, _SOUND) if self.faults else cond


def _within(inner: Range, outer: Range) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
