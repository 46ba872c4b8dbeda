"""Calls in HLS C++: arrays by reference, views as sub-arrays, and copies of views that are not contiguous."""

from __future__ import annotations

from collections.abc import Sequence

from tracealloc.emit.common.scope import Scope
from tracealloc.emit.vitis.text.nests import dimensions, element_loops
from tracealloc.emit.vitis.text.processes import Processes
from tracealloc.emit.vitis.text.unit import Unit
from tracealloc.emit.vitis.values.expressions import Expressions
from tracealloc.emit.vitis.values.types import carrier_of
from tracealloc.trace.ir.expr import Const
from tracealloc.trace.ir.program import Array, Call, Region, Slice
from tracealloc.trace.queries.summary import returned, summary_of

__all__ = ["CallPrinter"]


class CallPrinter:
    """Writes one call into a function.

    Args:
        scope: the function around the call. `unit`: knows what functions are called.
        expressions: prints what is passed.
        node: the call. `processes`: of a network, makes a process of it where that is simulated.
        pipelined: whether a pipelined loop is around.
    """

    def __init__(
        self,
        scope: Scope,
        unit: Unit,
        expressions: Expressions,
        node: Call,
        processes: Processes,
        *,
        pipelined: bool,
    ) -> None:
        self.scope = scope
        self.unit = unit
        self.expressions = expressions
        self.node = node
        self.processes = processes
        self.pipelined = pipelined
        self.after: list[tuple[Region, str]] = []

    def emit(self) -> None:
        """The copies that the call needs before it, the call, and the copies after it."""
        scope, node, expressions = self.scope, self.node, self.expressions
        callee = node.program
        written = summary_of(callee).writes
        parts: list[str] = []
        for formal, actual in zip(callee.args, node.args, strict=True):
            if isinstance(actual, Region):
                writes = formal in written and formal.rank > 0
                parts.append(self._region(actual, formal, reads=True, writes=writes))
            else:
                value = expressions.stored_as(actual, formal.dtype)
                if value.carrier.kind in ("ap", "fixed"):
                    value = expressions.convert.converted(value, carrier_of(formal.dtype))
                parts.append(value.text.text)
        outs = dict(zip(callee.results, node.results, strict=False))
        for array in returned(callee):
            given = self.processes.outputs.get(outs[array].array)
            if given is not None:
                parts.append(given)
                continue
            out = self._region(outs[array], array, reads=False, writes=True)
            parts.append(out if array.rank else f"&{out}")
        name = self.unit.function_name(callee)
        text = self.processes.call(node, f"{name}({', '.join(parts)});")
        scope.line(f"{text}{scope.comment(node.place)}")
        for region, copy in self.after:
            self._copy(region, copy, back=True)

    def _region(self, region: Region, formal: Array, *, reads: bool, writes: bool) -> str:
        scope = self.scope
        for check in self.expressions.elements.region_checks(region, self.node.place):
            scope.line(check)
        direct = self._direct(region)
        if direct is not None:
            return direct
        base = region.array.name
        copy = scope.names.declare_own(object(), f"{base}_view")
        type_ = self.unit.words.type_name(formal.dtype)
        scope.line(f"{type_} {copy}{dimensions(region.shape)};  // copy of a view of {base}")
        if reads:
            self._copy(region, copy, back=False)
        if writes:
            self.after.append((region, copy))
        return copy

    def _direct(self, region: Region) -> str | None:
        """The view as a part of its array: leading subscripts, then whole dimensions."""
        scope, array = self.scope, region.array
        name = scope.array_name(array)
        parts = list(region.indices)
        subscripts = ""
        while parts and not isinstance(parts[0], Slice):
            subscripts += f"[{self.expressions.text(parts.pop(0))}]"  # type: ignore[arg-type]
        if not parts or all(
            self._whole(part, array, len(region.indices) - len(parts) + at) for at, part in enumerate(parts)
        ):
            return f"{name}{subscripts}"
        first = parts[0]
        rest = parts[1:]
        offset = len(region.indices) - len(rest)
        if isinstance(first, Slice) and all(
            self._whole(part, array, offset + at) for at, part in enumerate(rest)
        ):
            start = self.expressions.text(first.start)
            return f"{name}{subscripts}" if start == "0" else f"&{name}{subscripts}[{start}]"
        return None

    @staticmethod
    def _whole(part: object, array: Array, dim: int) -> bool:
        return (
            isinstance(part, Slice)
            and part.extent == array.shape[dim]
            and isinstance(part.start, Const)
            and int(part.start.value) == 0
        )

    def _copy(self, region: Region, copy: str, *, back: bool) -> None:
        scope = self.scope
        name = scope.array_name(region.array)

        def statement(iterators: Sequence[str]) -> str:
            names, there = iter(iterators), ""
            for part in region.indices:
                if isinstance(part, Slice):
                    start, offset = self.expressions.text(part.start), next(names)
                    there += f"[{offset}]" if start == "0" else f"[{start} + {offset}]"
                else:
                    there += f"[{self.expressions.text(part)}]"
            whole, view = f"{name}{there}", f"{copy}{dimensions(iterators)}"
            return f"{whole} = {view};" if back else f"{view} = {whole};"

        label = f"{'write' if back else 'read'}_{copy}"
        element_loops(scope, region.shape, label, statement, pipelined=self.pipelined)
