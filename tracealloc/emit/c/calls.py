"""Calls in C: views as pointers, copies where a view is not contiguous, results, failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tracealloc.emit.c.arrays import Arrays
from tracealloc.emit.c.clock import Clock
from tracealloc.emit.c.expressions import Expressions
from tracealloc.emit.c.plan.storage import can_run_out
from tracealloc.emit.c.processes import Processes
from tracealloc.emit.c.status import Status
from tracealloc.emit.c.unit import Unit
from tracealloc.emit.common.access_checks import can_leave
from tracealloc.emit.common.parameters import kept
from tracealloc.emit.common.scope import INDENT, Scope
from tracealloc.trace.ir.program import Array, Call, Program, Region, Slice
from tracealloc.trace.queries.summary import returned, summary_of

__all__ = ["Calls"]


class Calls:
    """Writes calls into a function.

    Args:
        scope: the function around the calls. `unit`: its file.
        expressions: prints what is passed.
        arrays: declares copies of views.
        status: notes how calls end. `processes`: what calls are in a network.
        views: the array for a copy of a view, by call (its identity) and number of the argument or result.
        clock: goes on in what is called.
    """

    def __init__(
        self,
        scope: Scope,
        unit: Unit,
        expressions: Expressions,
        arrays: Arrays,
        status: Status,
        processes: Processes,
        views: Mapping[tuple[int, int], Array],
        clock: Clock,
    ) -> None:
        self.scope = scope
        self.unit = unit
        self.expressions = expressions
        self.arrays = arrays
        self.status = status
        self.processes = processes
        self.views = views
        self.clock = clock

    def write(self, node: Call) -> None:
        """The copies that the call needs before it, the call, and the copies after it."""
        scope = self.scope
        callee = node.program
        written = summary_of(callee).writes
        before: list[str] = []
        after: list[str] = []
        parts: list[str] = []
        for number, (formal, actual) in enumerate(zip(callee.args, node.args, strict=True)):
            if isinstance(actual, Region) and formal.kind == "stream":
                parts.append(self.expressions.fifos.argument(actual))
            elif isinstance(actual, Region) and formal.rank > 0:
                parts.append(self._view(node, number, (True, formal in written), before, after))
            elif isinstance(actual, Region):
                indices = tuple(i for i in actual.indices if not isinstance(i, Slice))
                parts.append(self.expressions.elements.at(actual.array, indices).text)
            else:
                parts.append(self.expressions.converted(actual).text)
        outs = dict(zip(callee.results, node.results, strict=False))
        for array in returned(callee):
            region = outs[array]
            if array.rank == 0:
                indices = tuple(i for i in region.indices if not isinstance(i, Slice))
                parts.append("&" + self.expressions.elements.at(region.array, indices).text)
            else:
                number = len(node.args) + callee.results.index(array)
                parts.append(self._view(node, number, (False, True), before, after))
        parts += [self._kept(owner, array) for owner, array in kept(callee)]
        if id(node) in self.processes.spots:
            assert not before and not after, "a process copies views itself"
            self.processes.start(node, parts, scope.comment(node.place))
            return
        if self.clock.on:
            parts.insert(0, self.clock.name)
        text = f"{self.unit.function_name(callee)}({', '.join(parts)})"
        for line in before:
            scope.line(line)
        self.status.ended(text, can_run_out(callee), can_leave(callee, top=False), scope.comment(node.place))
        for line in after:
            scope.line(line)

    def _kept(self, owner: Program, array: Array) -> str:
        """The parameter of this function that holds a callee's kept array."""
        found = self.scope.names.find(("kept", id(owner), array.key))
        assert found is not None
        return found

    def _view(
        self,
        node: Call,
        number: int,
        moves: tuple[bool, bool],
        before: list[str],
        after: list[str],
    ) -> str:
        """A pointer to a view; through a copy where the view is not contiguous."""
        scope = self.scope
        region = (*node.args, *node.results)[number]
        assert isinstance(region, Region)
        temporary = self.views.get((id(node), number))
        starts = [
            self.expressions.text(i.start) if isinstance(i, Slice) else self.expressions.text(i)
            for i in region.indices
        ]
        array, name = region.array, scope.array_name(region.array)
        if temporary is None:
            rank = len(region.shape)
            lead = array.rank - rank + 1
            if rank == array.rank and starts[0] == "0":
                return name
            pointer = name + "".join(f"[{start}]" for start in starts[: lead - 1])
            if starts[lead - 1] != "0":
                pointer = f"&{pointer}[{starts[lead - 1]}]"
            if array.shape[lead:] == region.shape[1:] and all(s == "0" for s in starts[lead:]):
                return pointer
            pointer = f"&{name}" + "".join(f"[{start}]" for start in starts)
            tail = "".join(f"[{extent}]" for extent in region.shape[1:])
            return f"({self.unit.type_name(array.dtype)} (*){tail}){pointer}" if tail else pointer
        if scope.names.find(("array", temporary.key)) is None:
            scope.names.declare_own(("array", temporary.key), temporary.name)
            self.arrays.declare(temporary)
        copy = scope.array_name(temporary)
        target = before if moves[0] else []
        self._copy_loops(target, region, starts, lambda here, there: f"{copy}{here} = {name}{there};")
        if moves[1]:
            self._copy_loops(after, region, starts, lambda here, there: f"{name}{there} = {copy}{here};")
        return copy

    def _copy_loops(
        self, target: list[str], region: Region, starts: list[str], statement: Callable[[str, str], str]
    ) -> None:
        scope = self.scope
        scope.names.open()
        here, there, depth = "", "", 0
        for part, start in zip(region.indices, starts, strict=True):
            if not isinstance(part, Slice):
                there += f"[{start}]"
                continue
            name = scope.names.declare("", f"e{depth}")
            target.append(f"{INDENT * depth}for (int64_t {name} = 0; {name} < {part.extent}; ++{name})")
            here += f"[{name}]"
            there += f"[{name}]" if start == "0" else f"[{start} + {name}]"
            depth += 1
        target.append(INDENT * depth + statement(here, there))
        scope.names.close()
