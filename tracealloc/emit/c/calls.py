"""Calls in C: views as pointers, copies where a view is not contiguous, results, failures."""

from __future__ import annotations

from collections.abc import Callable

from tracealloc.emit.c.access_checks import FAULT_SHIFT, can_leave
from tracealloc.emit.c.numbers import CNumbers
from tracealloc.emit.c.storage import can_run_out
from tracealloc.emit.common.parameters import kept
from tracealloc.trace.ir.program import Array, Call, Program, Region, Slice
from tracealloc.trace.ir.summary import returned, summary_of

__all__ = ["CCalls"]


class CCalls(CNumbers):
    """The part of the C back end that writes calls."""

    views: dict[tuple[int, int], Array]
    parallel: int  # how many parallel loops are around
    own_status: bool  # whether `status` is that of one iteration of a parallel loop

    def fifo_argument(self, region: Region) -> str:
        """What a call passes for a FIFO."""
        raise NotImplementedError

    def function_name(self, program: Program) -> str:
        """The C name of a program's function."""
        raise NotImplementedError

    def call_node(self, node: Call) -> None:
        callee = node.program
        written = summary_of(callee).writes
        before: list[str] = []
        after: list[str] = []
        parts: list[str] = []
        for number, (formal, actual) in enumerate(zip(callee.args, node.args, strict=True)):
            if isinstance(actual, Region) and formal.kind == "stream":
                parts.append(self.fifo_argument(actual))
            elif isinstance(actual, Region) and formal.rank > 0:
                parts.append(self._view(node, number, (True, formal in written), before, after))
            elif isinstance(actual, Region):
                indices = tuple(i for i in actual.indices if not isinstance(i, Slice))
                parts.append(self.element(actual.array, indices).text)
            else:
                parts.append(self.converted(actual).text)
        outs = dict(zip(callee.results, node.results, strict=False))
        for array in returned(callee):
            region = outs[array]
            if array.rank == 0:
                indices = tuple(i for i in region.indices if not isinstance(i, Slice))
                parts.append("&" + self.element(region.array, indices).text)
            else:
                number = len(node.args) + callee.results.index(array)
                parts.append(self._view(node, number, (False, True), before, after))
        parts += [self.array_name_kept(owner, array) for owner, array in kept(callee)]
        text = f"{self.function_name(callee)}({', '.join(parts)})"
        for line in before:
            self.line(line)
        self._call_line(text, callee, self.comment(node.place))
        for line in after:
            self.line(line)

    def _call_line(self, text: str, callee: Program, comment: str) -> None:
        self.ended(text, can_run_out(callee), can_leave(callee, top=False), comment)

    def ended(self, text: str, runs_out: bool, leaves: bool, comment: str = "") -> None:
        """Call a function of this file, and note how it ended."""
        if not (runs_out or leaves):
            self.line(f"{text};{comment}")
            return
        if leaves:
            self.line("{")
            self.depth += 1
            self.line(f"const int ended = {text};{comment}")
            self.line(f"if (fault <= 0 && ended >> {FAULT_SHIFT}) fault = ended >> {FAULT_SHIFT};")
            text, comment = f"ended & {(1 << FAULT_SHIFT) - 1}", ""
        if runs_out:
            if self.parallel and not self.own_status:
                self.line("#pragma omp atomic")
            self.line(f"status |= {text};{comment}")
        if leaves:
            self.depth -= 1
            self.line("}")

    def array_name_kept(self, owner: Program, array: Array) -> str:
        """The parameter of this function that holds a callee's kept array."""
        found = self.names.find(("kept", id(owner), array.key))
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
        region = (*node.args, *node.results)[number]
        assert isinstance(region, Region)
        temporary = self.views.get((id(node), number))
        starts = [self.text(i.start) if isinstance(i, Slice) else self.text(i) for i in region.indices]
        array, name = region.array, self.array_name(region.array)
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
            return f"({self.type_name(array.dtype)} (*){tail}){pointer}" if tail else pointer
        if self.names.find(("array", temporary.key)) is None:
            self.names.declare_own(("array", temporary.key), temporary.name)
            self.declare(temporary)
        copy = self.array_name(temporary)
        target = before if moves[0] else []
        self._copy_loops(target, region, starts, lambda here, there: f"{copy}{here} = {name}{there};")
        if moves[1]:
            self._copy_loops(after, region, starts, lambda here, there: f"{name}{there} = {copy}{here};")
        return copy

    def _copy_loops(
        self, target: list[str], region: Region, starts: list[str], statement: Callable[[str, str], str]
    ) -> None:
        self.names.open()
        here, there, depth = "", "", 0
        for part, start in zip(region.indices, starts, strict=True):
            if not isinstance(part, Slice):
                there += f"[{start}]"
                continue
            name = self.names.declare("", f"e{depth}")
            target.append(f"{self.INDENT * depth}for (int64_t {name} = 0; {name} < {part.extent}; ++{name})")
            here += f"[{name}]"
            there += f"[{name}]" if start == "0" else f"[{start} + {name}]"
            depth += 1
        target.append(self.INDENT * depth + statement(here, there))
        self.names.close()

    def failure(self) -> list[str]:
        """The statements that note that memory ran out."""
        shared = self.parallel and not self.own_status
        return ["#pragma omp atomic", "status |= 1;"] if shared else ["status |= 1;"]
