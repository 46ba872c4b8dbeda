"""Elements as HLS C++; in simulation, subscripts that depend on data are checked."""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.emit.common.scope import Scope
from tracealloc.emit.common.text import Text, element
from tracealloc.emit.vitis.values.operands import Operands
from tracealloc.emit.vitis.values.simulated import AccessChecks
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.dtype import Index, as_integer
from tracealloc.trace.ir.expr import Cast, Expr, Load
from tracealloc.trace.ir.program import Array, Region, Slice, Store

__all__ = ["Elements"]


class Elements:
    """Prints the elements that one function accesses.

    Args:
        values: prints subscripts.
        scope: the function.
        checks: the accesses that are checked, of a text that is simulated.
    """

    def __init__(self, values: Operands, scope: Scope, checks: AccessChecks | None) -> None:
        self.values = values
        self.scope = scope
        self.checks = checks

    def subscript(self, index: Expr) -> str:
        """An index between brackets."""
        return self.values.value(index, 64).text.text  # an address: no more bits count

    def load(self, load: Load) -> Text:
        """An element that is read, or taken from a queue."""
        name = self.scope.array_name(load.array)
        subscripts = self._subscripts(load.array, load.indices, load.place, False)
        if load.array.kind == "stream":
            return element(f"{element(name, subscripts).text}.read()", (), load.path)
        return element(name, subscripts, load.path)

    def target(self, node: Store) -> Text:
        """The element that a store writes, or the queue."""
        subscripts = self._subscripts(node.array, node.indices, node.place, True)
        return element(self.scope.array_name(node.array), subscripts, node.path)

    def region_checks(self, region: Region, place: Place | None) -> list[str]:
        """The statements before a call that check a view in simulation."""
        limits = self._limits(region.array, region.indices, place, True)
        return [f"{self._checked(region.indices[dim], limits[dim])};" for dim in limits]

    def _subscripts(
        self, array: Array, indices: Sequence[Expr], place: Place | None, stored: bool
    ) -> list[str]:
        limits = self._limits(array, indices, place, stored)
        return [
            self._checked(index, limits[dim]) if dim in limits else self.subscript(index)
            for dim, index in enumerate(indices)
        ]

    def _limits(
        self, array: Array, indices: Sequence[Expr | Slice], place: Place | None, stored: bool
    ) -> dict[int, str]:
        return {} if self.checks is None else self.checks.limits(array, indices, place, stored)

    def _checked(self, part: Expr | Slice, limit: str) -> str:
        """A subscript, of a slice its start, that is checked."""
        start = _whole(part.start if isinstance(part, Slice) else part)
        return f"::tracealloc::at({self.values.value(start).text.text}, {limit})"


def _whole(subscript: Expr) -> Expr:
    """A subscript before its conversion to an address, which would drop high bits."""
    if isinstance(subscript, Cast) and isinstance(subscript.type, Index):
        return subscript.operand if as_integer(subscript.operand.dtype) is not None else subscript
    return subscript
