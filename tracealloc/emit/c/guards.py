"""Which accesses of a function are checked where they happen: see `access_checks`."""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.emit.c.plan.hoisted_checks import Hoisted
from tracealloc.emit.c.status import Status
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.access_checks import Check, Checks, fixed_bounds, may_hang
from tracealloc.emit.common.text import Text, atom, infix
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.program import Array, Call, Loop, Slice, While

__all__ = ["Guards"]


class Guards:
    """The checks of one function.

    Args:
        unit: the file; accesses of its functions are numbered on.
        checks: what is not proved of the function.
        faults: whether it has the local ``fault``. `status`: writes that.

    Attributes:
        proved: dimensions, by check, that a check before the loop has proved.
        bounded: loops (by identity) of which a check before them has proved that they end.
    """

    def __init__(self, unit: Unit, checks: Checks, faults: bool, status: Status) -> None:
        self.unit = unit
        self.checks = checks
        self.faults = faults
        self.status = status
        self.first = unit.checked
        unit.checked += len(checks)
        self.proved: dict[int, frozenset[int]] = {}
        self.bounded: set[int] = set()

    def find(
        self, array: Array, indices: Sequence[Expr | Slice], place: Place | None, stored: bool
    ) -> Check | None:
        """The check of an access, or None where it needs none here."""
        check = self.checks.find(array, indices, place, stored)
        return check if check is not None and self.open_dims(check) else None

    def open_dims(self, check: Check) -> list[int]:
        """The dimensions of an access that are checked here."""
        return sorted(check.dims - self.proved.get(check.number, frozenset()))

    def is_checked(self, loop: Loop) -> bool:
        """Whether accesses in a loop are checked while it runs."""
        numbers = self.checks.loops.get(id(loop), set())
        if 0 in numbers:
            return True
        return any(self.open_dims(check) for check in self.checks.found.values() if check.number in numbers)

    def assume(self, found: Hoisted) -> None:
        """From here on, what was found before a loop holds."""
        self.proved, self.bounded = dict(self.proved), self.bounded | found.bounded
        for number, dims in found.proved.items():
            self.proved[number] = self.proved.get(number, frozenset()) | dims

    def call(self, helper: str, text: str, check: Check, extent: int) -> str:
        """``ta_at`` (a subscript that is inside) or ``ta_in`` (whether it is) of a subscript."""
        self.unit.helpers.add("ta_at")
        fault = self.status.name("fault")
        return f"{helper}({text}, {extent}, {check.number + self.first}, &{fault})"

    def goes_on(self, node: Loop | While, more: Text) -> Text:
        """The condition under which a loop goes on: not after a fault, where it might not end."""
        if not self.faults:
            return more
        if isinstance(node, Loop):
            marked = node.marks.parallel or node.marks.vectorize
            ends = fixed_bounds(node) or id(node) in self.bounded
            if ends or marked or not self.is_checked(node):
                return more
        return infix("&&", more, self.sound())

    def sound(self) -> Text:
        """That there was no fault yet."""
        return infix("<=", atom(self.status.name("fault")), atom("0"))

    def keeps_off(self, node: Call) -> bool:
        """Whether a call is left out after a fault, since wrong data could keep it running."""
        return self.faults and may_hang(node.program)
