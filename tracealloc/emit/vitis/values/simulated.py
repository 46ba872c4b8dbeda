"""What the C simulation adds to the emitted text: accesses that depend on data, and sizes, are checked.

Hardware reads or writes another address where a subscript is outside; in simulation that would be memory
of the process. The text that is simulated is the emitted one, printed again with such subscripts in
``tracealloc::at(subscript, extent, number)``, which throws the number of the access. What a function requires
of its parameters comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.emit.common.access_checks import Check, Checks, checks_of
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.program import Array, Program, Requirement, Slice

__all__ = ["AccessChecks", "Simulation", "axis_type", "is_axis"]


def is_axis(program: Program, array: Array) -> bool:
    """Whether an array's port is a stream of its elements (a network's processes are passed a memory)."""
    if program.concurrent:
        return False
    port = program.layout(array).port
    return array.rank > 0 and array.kind != "stream" and port is not None and port.kind == "axis"


def axis_type(element: str, array: Array) -> str:
    """The type of such a port in simulation, where `element` is const if it is read."""
    return f"tracealloc::axis<{', '.join([element, *map(str, array.shape)])}>"


class Simulation:
    """The checks of all functions of a text, in the order of their numbers (from 1 on)."""

    def __init__(self) -> None:
        self.checks: list[Check | Requirement] = []

    def of(self, program: Program, top: bool) -> AccessChecks:
        """The checks of one function, as it is printed."""
        found = AccessChecks(checks_of(program, top), len(self.checks))
        self.checks += found.checks.all()
        return found


class AccessChecks:
    """The checks of one function; `first` is what is added to their numbers."""

    def __init__(self, checks: Checks, first: int) -> None:
        self.checks = checks
        self.first = first

    def requirements(self) -> list[tuple[int, Requirement]]:
        """What the function requires, with the numbers."""
        return list(enumerate(self.checks.required, self.first + len(self.checks.found) + 1))

    def limits(
        self, array: Array, indices: Sequence[Expr | Slice], place: Place | None, stored: bool
    ) -> dict[int, str]:
        """What follows a subscript in ``tracealloc::at``, for each dimension of an access that is checked."""
        check = self.checks.find(array, indices, place, stored)
        if check is None:
            return {}
        more = [part.extent - 1 if isinstance(part, Slice) else 0 for part in indices]
        number = check.number + self.first
        return {dim: f"{array.shape[dim] - more[dim]}, {number}" for dim in sorted(check.dims)}
