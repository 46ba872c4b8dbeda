"""Cycles of a scheduled program: for each loop its interval, its depth, its trips, when it accesses what.

    Timing := cycles of a function, LoopTiming*
    LoopTiming := loop, trips, pipelined: interval, depth, AccessTime*, reasons; cycles, LoopTiming*

The rules are those of Vitis HLS, fitted to its reports. A pipelined loop takes II * (trips - 1) + max(depth
- 1, 1) cycles, and perfect nests around it are one loop with it; other loops take trips * the cycles of an
iteration, and one more. In a flattened nest, addresses take stages: the rows ``address`` of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, assert_never

from tracealloc.schedule.core.state import Module, State, lowered, module_of
from tracealloc.schedule.hls.lowered import each_function, for_hls
from tracealloc.schedule.timing.clock_notes import ClockNotes
from tracealloc.schedule.timing.conflicts import Conflicts, conflicts_of, name_of
from tracealloc.schedule.timing.latency import Arrays, Clocked, Instant, Walk
from tracealloc.schedule.timing.operations import bound_operator
from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.clocks import FunctionClock, Pipe
from tracealloc.trace.ir.expr import Expr, Load
from tracealloc.trace.ir.facts import FunctionFacts, Lowered
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.interval_rules import Range
from tracealloc.trace.ir.operators import Operator
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Store,
    While,
    blocks_of,
    map_blocks,
    walk_nodes,
)
from tracealloc.trace.ir.text import expr_text
from tracealloc.trace.network.cut import is_network

__all__ = ["AccessTime", "LoopTiming", "Timer", "Timing", "loop_cycles", "timer_of", "timing_of"]

ENTRY = 4
"""Cycles to enter a pipelined loop inside another, each time: it is a function of its own (2), called (2)."""
ALONE = 2
"""Cycles that a function takes more than the pipelined loop that is all of it."""

Kind: TypeAlias = Literal["read", "write", "get", "put"]


@dataclass(frozen=True, slots=True)
class AccessTime:
    """An access of an iteration, and the stage that it begins in, counted from 0."""

    kind: Kind
    array: str
    text: str
    stage: int
    place: Place | None = None


@dataclass(frozen=True)
class LoopTiming:
    """A loop of the text.

    Attributes:
        loop: its name; of a flattened nest that of the innermost loop. `nest`: all of its loops.
        trips: iterations, at least and at most; of a flattened nest all together. None: not known.
        interval: cycles between two iterations (None: it is not pipelined).
        depth: stages of an iteration of a pipelined loop; cycles of one of another loop, at most.
        cycles: of the whole loop, each time that it is reached.
        reasons: what keeps the interval from being the asked one, and what was not found out.
    """

    loop: str
    nest: tuple[str, ...]
    trips: Range | None
    interval: int | None
    depth: int | None
    cycles: Range | None
    accesses: tuple[AccessTime, ...] = ()
    reasons: tuple[str, ...] = ()
    loops: tuple[LoopTiming, ...] = ()


@dataclass(frozen=True, repr=False)
class Timing:
    """The cycles of one function, and of its loops in the order of the text."""

    function: str
    clock_ns: float
    cycles: Range | None
    loops: tuple[LoopTiming, ...]
    calls: tuple[Timing, ...] = ()

    def walk(self) -> Iterator[LoopTiming]:
        """All loops, outer ones first."""
        stack = list(reversed(self.loops))
        while stack:
            loop = stack.pop()
            yield loop
            stack += reversed(loop.loops)

    def loop(self, name: str) -> LoopTiming:
        """The loop of a name.

        Raises:
            KeyError: there is none.
        """
        found = next((loop for loop in self.walk() if name in loop.nest), None)
        if found is None:
            raise KeyError(name)
        return found

    def __str__(self) -> str:
        rows = [["loop", "trips", "II", "depth", "cycles", "why"]]
        rows += [row for loop in self.loops for row in _rows(loop, 0)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        head = f"{self.function}: {_text(self.cycles)} cycles at {self.clock_ns:g} ns"
        lines = ["  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([head, *lines, *map(str, self.calls)])

    def __repr__(self) -> str:
        return str(self)


def _rows(loop: LoopTiming, level: int) -> Iterator[list[str]]:
    name = "  " * level + "_".join(loop.nest)
    interval = "-" if loop.interval is None else str(loop.interval)
    depth = "?" if loop.depth is None else str(loop.depth)
    yield [name, _text(loop.trips), interval, depth, _text(loop.cycles), "; ".join(loop.reasons)]
    for inner in loop.loops:
        yield from _rows(inner, level + 1)


def _text(span: Range | None) -> str:
    if span is None:
        return "?"
    low, high = span
    return str(low) if low == high else f"{low} ~ {high}"


def loop_cycles(trips: int, interval: int, depth: int) -> int:
    """The cycles of a pipelined loop."""
    return interval * (trips - 1) + max(depth - 1, 1) if trips > 0 else 0


def timing_of(module: Module, clock_ns: float | None = None) -> Timing:
    """The timing of the top function of a module, as its target's tool would schedule it.

    Args:
        module: a schedule as it stands.
        clock_ns: the clock period (None: the one of the table of operators).

    Raises:
        BuildError: a port cannot do what the program needs.
    """
    hardware = module.hardware
    if clock_ns is not None:
        hardware = replace(hardware, operators=hardware.operators.at(clock_ns))
        module = replace(module, hardware=hardware)
    timer = timer_of(module)
    return timer.function(timer.found.program)


def timer_of(module: Module) -> Timer:
    """Who times the functions of a module.

    The functions of a network are its families, of which no schedule speaks any more: each is modelled anew.

    Raises:
        BuildError: a port cannot do what the program needs.
    """
    program = lowered(module)
    found = for_hls(program, module.hardware)
    if is_network(program):
        module = module_of(found.before, module.hardware)
        program = found.before
    found = replace(found, program=_apart(found.program))
    return Timer(module, found, conflicts_of(program, module))


def _apart(program: Program) -> Program:
    """The program in which no node stands twice."""

    def new(node: Node) -> Node:
        return replace(map_blocks(node, lambda block: tuple(map(new, block))))

    return each_function(program, lambda each: replace(each, body=tuple(map(new, each.body))))


class _ProgramArrays(Arrays):
    """What timing has to know of the arrays of a lowered program."""

    def __init__(self, program: Program, hardware: Hardware) -> None:
        self.layouts = dict(program.layouts)
        self.hardware = hardware

    def memory(self, array: Array) -> str:
        from tracealloc.trace.ir.layout import PLAIN

        return self.hardware.memory_of(self.layouts.get(array, PLAIN), array, array.shape)

    def operator(self, array: Array, expr: Expr) -> Operator | None:
        layout = self.layouts.get(array)
        return None if layout is None else bound_operator(layout.operators, expr, self.hardware)


class Timer:
    """Times the functions of a program; each once.

    Attributes:
        found: the program, in which no node stands twice, and its facts.
        clocks: what is known of each function that was timed, by its name.
    """

    def __init__(self, module: Module, found: Lowered, conflicts: Conflicts) -> None:
        self.module, self.found, self.conflicts = module, found, conflicts
        self.done: dict[str, Timing] = {}
        self.clocks: dict[str, FunctionClock] = {}

    def function(self, program: Program) -> Timing:
        """The timing of a function."""
        if program.name not in self.done:
            function = _Function(self, program)
            self.done[program.name] = function.timing()
            self.clocks[program.name] = function.notes.clock(function.facts.unrolled)
        return self.done[program.name]


class _Function:
    def __init__(self, around: Timer, program: Program) -> None:
        self.around, self.program = around, program
        self.hardware = around.module.hardware
        self.facts: FunctionFacts = around.found.facts.functions[program.name]
        self.arrays = _ProgramArrays(program, self.hardware)
        self.clocked = Clocked(self.hardware.operators)
        self.calls: dict[str, Timing] = {}
        self.notes = ClockNotes()

    def timing(self) -> Timing:
        loops: tuple[LoopTiming, ...] = ()
        if self.program.concurrent:
            cycles = self.beside()
        else:
            loops, cycles = self.block(self.program.body, False)
        if len(loops) == 1 and loops[0].interval is not None:
            self.notes.alone = ALONE
            cycles = _plus(cycles, (ALONE, ALONE))
        clock = self.hardware.operators.clock_ns
        return Timing(self.program.name, clock, cycles, loops, tuple(self.calls.values()))

    def beside(self) -> Range | None:
        """The cycles of processes: at least those of the longest, at most all one after the other."""
        found: list[tuple[Range | None, int]] = []

        def visit(block: Block, copies: int) -> None:
            for node in block:
                if isinstance(node, Call):
                    called = self.calls[node.program.name] = self.around.function(node.program)
                    found.append((called.cycles, copies))
                trips = self.facts.loop(node.iter).trips if isinstance(node, Loop) else None
                for inner in blocks_of(node):
                    visit(inner, copies * (1 if trips is None else trips[1]))

        visit(self.program.body, 1)
        known = [(cycles, copies) for cycles, copies in found if cycles is not None]
        if len(known) < len(found) or not found:
            return None
        return max(cycles[0] for cycles, _ in known), sum(cycles[1] * copies for cycles, copies in known)

    # -- what runs one after the other -----------------------------------------------------------------------

    def block(self, block: Block, inside: bool) -> tuple[tuple[LoopTiming, ...], Range | None]:
        """The loops of a block, and the cycles of all of it; `inside`: of an iteration of a loop."""
        loops: list[LoopTiming] = []
        total: Range | None = (0, 0)
        straight, plain = 0, list[Node]()
        for node in block:
            if isinstance(node, Loop | While | Call) or (isinstance(node, If) and _has_loops(node)):
                straight, plain = straight + self.straight(plain), []
                inner, cycles = self.one(node, inside)
                loops += inner
                total = _plus(total, cycles)
            else:
                plain.append(node)
        straight += self.straight(plain)
        if inside and any(each.interval is not None for each in loops) and straight == 0:
            straight = 1  # where the loop around is tested
            self.notes.wait(self.notes.after, block[-1], 1)
        return tuple(loops), _plus(total, (straight, straight))

    def straight(self, nodes: Sequence[Node]) -> int:
        """The cycles of statements without loops."""
        if not nodes:
            return 0
        cycles = self.walk(tuple(nodes))[1]
        self.notes.wait(self.notes.after, nodes[-1], cycles)
        return cycles

    def one(self, node: Node, inside: bool) -> tuple[Sequence[LoopTiming], Range | None]:
        match node:
            case Loop():
                found = self.loop(node)
                entry = ENTRY if inside and found.interval is not None else 0
                self.notes.wait(self.notes.before, node, entry)
                return [found], _plus(found.cycles, (entry, entry))
            case While():
                return self.repeated(node)
            case If(then=then, orelse=orelse):
                sides = [self.block(side, inside) for side in (then, orelse)]
                ends = [cycles for _, cycles in sides]
                loops = [loop for found, _ in sides for loop in found]
                if None in ends:
                    return loops, None
                known = [each for each in ends if each is not None]
                return loops, (min(low for low, _ in known), max(high for _, high in known))
            case Call():
                called = self.calls[node.program.name] = self.around.function(node.program)
                self.notes.wait(self.notes.before, node, 1)
                return [], _plus(called.cycles, (1, 1))
            case Alloc() | Store():
                stages = self.straight([node])
                return [], (stages, stages)
            case _:
                assert_never(node)

    def repeated(self, node: While) -> tuple[Sequence[LoopTiming], None]:
        loops, _ = self.block((*node.prologue, *node.body), True)
        depth = self.walk((*node.prologue, *node.body), noted=False)[1]
        name = node.iter.name
        why = "how often it runs is known only when it has ended"
        return [LoopTiming(name, (name,), None, None, depth, None, (), (why,), loops)], None

    # -- loops -----------------------------------------------------------------------------------------------

    def loop(self, loop: Loop) -> LoopTiming:
        """The timing of a loop; of one that is flattened with loops inside it, of them all."""
        nest = self.nest(loop)
        trips: Range | None = (1, 1)
        for each in nest:
            own = self.facts.loop(each.iter).trips
            trips = None if own is None or trips is None else (trips[0] * own[0], trips[1] * own[1])
        names = tuple(each.iter.name for each in nest)
        last = nest[-1]
        copies = last.marks.copies
        if last.marks.pipeline is not None and last.iter not in self.facts.rolled:
            self.notes.nests[id(loop)] = id(last)
            return self.pipelined(last, names, trips)
        if copies == 0:
            accesses, stages, _ = self.walk((loop,))
            self.notes.wait(self.notes.after, loop, stages)
            return LoopTiming(names[-1], names, trips, None, stages, (stages, stages), accesses)
        inner, cycles = self.block(loop.body, True)
        whole = None
        if trips is not None and cycles is not None:
            trips = _copied(trips, copies)
            whole = (trips[0] * cycles[0] + 1, trips[1] * cycles[1] + 1)
        self.notes.wait(self.notes.after, loop, 1)
        reasons = [self.facts.rolled[loop.iter]] if loop.iter in self.facts.rolled else []
        depth = None if cycles is None else cycles[1]
        return LoopTiming(names[-1], names, trips, None, depth, whole, (), tuple(reasons), inner)

    def nest(self, loop: Loop) -> list[Loop]:
        """The loops that become one with this one, from it down to the pipelined one; else it alone."""
        chain = [loop]
        while chain[-1].marks.pipeline is None:
            inner = [node for node in chain[-1].body if isinstance(node, Loop)]
            if not inner or inner[0].iter not in self.facts.loops:
                return [loop]
            chain.append(inner[0])
        found = self.facts.loop(chain[-1].iter).nest
        return chain if loop.iter in found else [loop]

    def pipelined(self, loop: Loop, names: tuple[str, ...], trips: Range | None) -> LoopTiming:
        accesses, depth, complete = self.walk(loop.body, len(names) > 1)
        first, end = self.notes.span(loop.body)
        self.notes.meet(loop.body)
        asked = loop.marks.pipeline or 1
        interval, reasons = self.interval(loop, asked)
        least, most = loop.marks.latency or (None, None)
        if least is not None and least > depth:
            depth, reasons = least, (*reasons, f"depth: latency asks for at least {least} cycles")
        if most is not None and most < depth:
            reasons = (*reasons, f"depth: latency asks for at most {most} cycles, operators take {depth}")
        self.notes.pipes[id(loop)] = Pipe(interval, max(depth - 1, 1), first, max(end, first))
        if not complete:
            reasons = (*reasons, "depth: too much to unroll, only the beginning was followed")
        if trips is not None:
            trips = _copied(trips, loop.marks.copies)
        cycles = None if trips is None else tuple(loop_cycles(n, interval, depth) for n in trips)
        span = None if cycles is None else (cycles[0], cycles[1])
        return LoopTiming(names[-1], names, trips, interval, depth, span, accesses, reasons)

    def interval(self, loop: Loop, asked: int) -> tuple[int, tuple[str, ...]]:
        """The least interval of a pipelined loop from the asked one on, and what it is because of."""
        state: State = self.around.module.state(self.program.name)
        prefix = "" if self.program.name == self.around.module.top else f"{self.program.name}:"
        name = name_of(state, loop, prefix)
        needs = [
            (row.needed, f"ports: {row.reads} read, {row.writes} written of a bank of {row.array!r}")
            for row in self.around.conflicts
            if (row.function, row.loop) == (self.program.name, name) and row.needed > asked
        ]
        for chain in self.around.conflicts.chains:
            if (chain.function, chain.loop) == (self.program.name, name):
                needs.append((chain.needed or asked, chain.text))
        needs.sort(key=lambda each: -each[0])
        return max([asked, *(needed for needed, _ in needs)]), tuple(why for _, why in needs)

    def address(self, array: Array, flat: bool) -> Instant:
        """When the address of an element is there; `flat`: iterators are made of one that counts all."""
        before = Instant(-1, self.clocked.table.budget)
        if not flat or array.rank < 2 or self.arrays.memory(array) == "register":
            return before
        wide = any(extent >= 64 and extent & (extent - 1) for extent in array.shape[1:])
        way = "wide" if wide else "narrow"
        found = self.clocked.after(before, self.clocked.access("address", way, 32))
        return before if found is None else found

    def walk(
        self, block: Block, flat: bool = False, noted: bool = True
    ) -> tuple[tuple[AccessTime, ...], int, bool]:
        """The accesses of an iteration, its stages, and whether all of it was followed."""

        def begins(load: Load, actual: Array) -> Instant | None:
            rows = self.clocked.access("load", self.arrays.memory(actual), load.dtype.bits)
            return self.clocked.after(self.address(actual, flat), rows)

        walk = Walk(self.clocked, begins, self.arrays)
        last = walk.block(block)
        found, depth = list[AccessTime](), 0 if last is None else last.stage + 1
        queues: list[tuple[Node, Load | Store, int]] = []
        for what, array, at, node in walk.accesses:
            stage = max(self.address(array, flat).stage, -1 if at is None else at.stage) + 1
            memory = self.arrays.memory(array)
            if isinstance(what, Store):
                rows = self.clocked.access("store", memory, array.dtype.bits)
                depth = max(depth, 1, stage + sum(row.stages for row in rows))
            queue, store = array.kind == "stream", isinstance(what, Store)
            if queue and node is not None:
                queues.append((node, what, stage))
            kind: Kind = ("put" if store else "get") if queue else "write" if store else "read"
            if array.rank or queue:
                text = expr_text(Load(what.array, what.indices, what.path))
                found.append(AccessTime(kind, array.name, text, stage, what.place))
        if noted:
            self.notes.accesses(block, queues)
        return tuple(found), depth, walk.complete


def _has_loops(node: If) -> bool:
    return any(isinstance(inner, Loop | While | Call) for inner in walk_nodes((node,)))


def _copied(trips: Range, copies: int | None) -> Range:
    """How often a loop runs whose body is there several times."""
    return (-(-trips[0] // copies), -(-trips[1] // copies)) if copies else trips


def _plus(a: Range | None, b: Range | None) -> Range | None:
    return None if a is None or b is None else (a[0] + b[0], a[1] + b[1])
