"""What a design would do on an FPGA, counted on its own loops: operators, intervals, cycles.

The rules are those of Vitis HLS at 3.33 ns on UltraScale+. A pipelined loop, flattened with the perfect
nest around it, starts an iteration every II cycles, where II is the most of what was asked, what
recurrences force (`recurrences`) and what the ports of the memories force (`conflicts`). Loops inside it
are unrolled; an expression that several copies share is computed once. An fp32 addition takes 2 DSPs and
7 cycles, a multiplication 3 and 4. Entering a pipelined loop takes about 3 cycles more, each time. Loops one
after the other share operators.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from tracealloc.emit.vitis.hardware import HARDWARE
from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.names import full_name
from tracealloc.schedule.timing.recurrence import recurrences
from tracealloc.trace.ir.dtype import Float
from tracealloc.trace.ir.expr import (
    Binary,
    Compare,
    Const,
    Expr,
    Intrinsic,
    Iter,
    IterRef,
    Load,
    Logical,
    Select,
    Unary,
    substitute,
)
from tracealloc.trace.ir.expr import children as parts_of
from tracealloc.trace.ir.program import If, Loop, Node, Program, Store, blocks_of, expressions_of
from tracealloc.trace.queries.affine import constant, linear, range_of

__all__ = [
    "DSPS",
    "PUBLISHED",
    "STAGES",
    "Design",
    "Pipeline",
    "Published",
    "design_of",
    "perfect_nest",
    "table_row",
    "value_at",
]

DSPS = {"+": 2, "-": 2, "*": 3}
STAGES = {"+": 7, "-": 7, "*": 4, "/": 12, "exp": 14}
LOAD, STORE, REGISTER = 2, 1, 0
ENTRY = 3  # cycles to enter a pipelined loop, each time
Ranges = Mapping[Iter, tuple[int, int]]
Block = tuple[Node, ...]


@dataclass(frozen=True)
class Pipeline:
    """A pipelined loop: the operators of one iteration, what bounds its interval, its latency in cycles.

    `starts` iterations start in one run of the kernel.
    """

    loop: str
    starts: int
    operators: Mapping[str, int]
    asked: int
    recurrence: int
    ports: int
    depth: int

    @property
    def interval(self) -> int:
        """Cycles between two iterations."""
        return max(self.asked, self.recurrence, self.ports)

    @property
    def dsps(self) -> int:
        """DSPs for the operators that start in one cycle."""
        return sum(DSPS.get(op, 0) * -(-count // self.interval) for op, count in self.operators.items())

    @property
    def lanes(self) -> float:
        """Additions and subtractions that start per cycle."""
        return sum(self.operators.get(op, 0) for op in "+-") / self.interval


@dataclass(frozen=True)
class Design:
    """All pipelined loops of a design, and the cycles of one run."""

    pipelines: tuple[Pipeline, ...]
    cycles: int

    @property
    def busiest(self) -> Pipeline:
        """The pipelined loop that does most of the arithmetic of a run."""
        return max(self.pipelines, key=lambda found: found.starts * sum(found.operators.values()))

    @property
    def dsps(self) -> int:
        """DSPs of the busiest loop."""
        return self.busiest.dsps

    @property
    def lanes(self) -> float:
        """Additions per cycle of the busiest loop."""
        return self.busiest.lanes

    @property
    def interval(self) -> int:
        """The longest interval of any pipelined loop."""
        return max(found.interval for found in self.pipelines)


@dataclass(frozen=True)
class Published:
    """Allo's design of a kernel: DSPs, and cycles by C synthesis of the same build."""

    dsps: int
    cycles: int


PUBLISHED = {
    "gemm": Published(175, 239_025),
    "two_mm": Published(328, 194_006),
    "three_mm": Published(467, 222_987),
    "atax": Published(403, 4_910),
    "bicg": Published(603, 1_651),
    "correlation": Published(4168, 498_690),
    "gesummv": Published(393, 1_521),
    "jacobi_2d": Published(3968, 58_801),
    "mvt": Published(4000, 470),
    "symm": Published(1208, 426_805),
    "syr2k": Published(2307, 296_183),
    "syrk": Published(2067, 293_543),
    "trmm": Published(101, 486_011),
}


def design_of(schedule: Any) -> Design:
    """The figures of a schedule (a kernel that calls no other)."""
    return _Count(schedule).design()


def table_row(name: str, found: Design) -> str:
    """A row of the table in ``examples/README.md``, beside the published design of the kernel."""
    other = PUBLISHED[name]
    cells = [f"`{name}`", f"{found.lanes:,.0f}", str(found.interval), f"{found.dsps:,}", f"{other.dsps:,}"]
    return f"| {' | '.join([*cells, f'{found.cycles:,}', f'{other.cycles:,}'])} |"


class _Count:
    def __init__(self, schedule: Any) -> None:
        self.program: Program = schedule.lowered
        self.state = schedule.module.state(schedule.name)
        self.ports: dict[str, int] = {}
        for row in schedule.conflicts():
            self.ports[row.loop] = max(row.needed, self.ports.get(row.loop, 1))
        self.found: dict[Iter, Pipeline] = {}
        self.starts: dict[Iter, int] = {}

    def design(self) -> Design:
        self.collect(self.program.body, {})
        cycles = self.cycles(self.program.body, {}, 1)
        found = [replace(found, starts=self.starts.get(it, 0)) for it, found in self.found.items()]
        return Design(tuple(found), cycles)

    # -- pipelined loops ---------------------------------------------------------------------------------

    def collect(self, block: Block, ranges: Ranges) -> None:
        for node in block:
            if isinstance(node, Loop):
                inside = {**ranges, node.iter: _ends(node, ranges)}
                if node.marks.pipeline is not None:
                    self.found[node.iter] = self.pipeline(node, inside)
                else:
                    self.collect(node.body, inside)
            else:
                for inner in blocks_of(node):
                    self.collect(inner, ranges)

    def pipeline(self, loop: Loop, ranges: Ranges) -> Pipeline:
        assert not loop.marks.unroll, "split and pipeline the outer loop instead"
        operators: dict[str, set[int]] = {}
        ids: dict[object, int] = {}
        for expr, values in _copies(loop.body, ranges, {}):
            _identity(expr, values, ids, operators)
        node = next(n for n in self.state.loops() if isinstance(n, LoopNode) and n.key == loop.iter.key)
        chains = [found.interval for found in recurrences(self.state, node, HARDWARE)]
        return Pipeline(
            loop.iter.name,
            0,
            {op: len(found) for op, found in operators.items()},
            loop.marks.pipeline or 1,
            max(chains, default=1),
            self.ports.get(full_name(self.state, node), 1),
            self.depth(loop.body, ranges, {}),
        )

    def depth(self, block: Block, ranges: Ranges, ready: dict[str, int]) -> int:
        """Stages of one iteration: a statement waits for the statements whose results it reads."""
        last = 0
        for node in block:
            if isinstance(node, Store):
                needed = [load.array.key for e in expressions_of(node) for load in _loads(e)]
                start = max((ready.get(key, 0) for key in needed), default=0)
                end = start + LOAD + _stages(node.value) + STORE
                ready[node.array.key] = last = max(end, last)
            elif isinstance(node, Loop):
                low, high = _ends(node, ranges)
                inside = {**ranges, node.iter: (low, high)}
                chained = high - low + 1 if any(_chains(n, node.iter) for n in node.body) else 1
                for _ in range(chained):
                    last = max(last, self.depth(node.body, inside, ready))
            else:
                for inner in blocks_of(node):
                    last = max(last, self.depth(inner, ranges, ready))
        return last

    # -- cycles ------------------------------------------------------------------------------------------

    def cycles(self, block: Block, values: Mapping[Iter, int], times: int) -> int:
        """The cycles of a block that runs so many times, each time."""
        return sum(self.of(node, values, times) for node in block)

    def of(self, node: Node, values: Mapping[Iter, int], times: int) -> int:
        if isinstance(node, Store):
            return LOAD + _stages(node.value) + STORE
        if isinstance(node, If):
            return max(self.cycles(node.then, values, times), self.cycles(node.orelse, values, times))
        if not isinstance(node, Loop):
            return 0
        trips = range(value_at(node.start, values), value_at(node.stop, values), node.step)
        nest = perfect_nest(node)
        if not trips:
            return 0
        if nest is not None:
            count = prod(len(range(value_at(n.start, {}), value_at(n.stop, {}), n.step)) for n in nest[1:])
            it, count = nest[-1].iter, count * len(trips)
            self.starts[it] = self.starts.get(it, 0) + count * times
            return ENTRY + self.found[it].interval * (count - 1) + max(self.found[it].depth - 1, 1)
        if node.marks.unroll == 0:
            return self.cycles(node.body, {**values, node.iter: trips[0]}, times)
        if not _varies(node.body, node.iter):
            return len(trips) * self.cycles(node.body, values, times * len(trips)) + 1
        return sum(self.cycles(node.body, {**values, node.iter: value}, times) for value in trips) + 1


def perfect_nest(loop: Loop) -> list[Loop] | None:
    """The perfect nest from a loop down to a pipelined one, the inner ones with constant bounds."""
    nest = [loop]
    while nest[-1].marks.pipeline is None:
        inner = nest[-1].body
        if len(inner) != 1 or not isinstance(inner[0], Loop):
            return None
        nest.append(inner[0])
        if not (isinstance(inner[0].start, Const) and isinstance(inner[0].stop, Const)):
            return None
    return nest


def _varies(block: Block, it: Iter) -> bool:
    """Whether a bound of a loop in a block depends on an iterator."""
    for node in block:
        if isinstance(node, Loop) and it in (_iters(node.start) | _iters(node.stop)):
            return True
        if any(_varies(inner, it) for inner in blocks_of(node)):
            return True
    return False


def _iters(expr: Expr) -> set[Iter]:
    found = {expr.iter} if isinstance(expr, IterRef) else set()
    return found.union(*(_iters(part) for part in parts_of(expr)))


def _loads(expr: Expr) -> Iterator[Load]:
    if isinstance(expr, Load):
        yield expr
    for part in parts_of(expr):
        yield from _loads(part)


def _chains(node: Node, it: Iter) -> bool:
    """Whether a statement adds to the same element in every iteration."""
    if isinstance(node, Loop):
        return any(_chains(inner, it) for inner in node.body)
    if not isinstance(node, Store) or any(it in _iters(e) for e in node.indices):
        return False
    return any(load.array == node.array for load in _loads(node.value))


def _stages(expr: Expr) -> int:
    below = max((_stages(part) for part in parts_of(expr)), default=0)
    if isinstance(expr, Load):
        return 0
    if isinstance(expr, Binary) and isinstance(expr.type, Float):
        return below + STAGES.get(expr.op, 1)
    if isinstance(expr, Intrinsic):
        return below + STAGES.get(expr.name, STAGES["/"])
    return below


def _ends(loop: Loop, ranges: Ranges) -> tuple[int, int]:
    first, last = range_of(loop.start, ranges), range_of(loop.stop, ranges)
    assert first is not None and last is not None, "bounds that depend on data"
    return (first[0], last[1] - 1) if loop.step > 0 else (last[0] + 1, first[1])


_COMPUTE: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "min": min,
    "max": max,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def value_at(expr: Expr, values: Mapping[Iter, int]) -> int:
    """A bound of a loop at a point."""
    parts = [value_at(part, values) for part in parts_of(expr)]
    match expr:
        case Const(value=value):
            return int(value)
        case IterRef(iter=it):
            return values[it]
        case Unary(op="-"):
            return -parts[0]
        case Binary(op=op) | Compare(op=op):
            return _COMPUTE[op](*parts)
        case Logical(op=op):
            return all(parts) if op == "and" else any(parts)
        case Select():
            return parts[1] if parts[0] else parts[2]
        case _:
            raise ValueError(f"a bound that depends on data: {expr}")


def _copies(
    block: Block, ranges: Ranges, values: Mapping[Iter, int]
) -> Iterator[tuple[Expr, Mapping[Iter, int]]]:
    """Every expression of an unrolled block, with the values of the iterators that are unrolled."""
    for node in block:
        if isinstance(node, Store):
            yield node.value, values
        elif isinstance(node, Loop):
            low, high = _ends(node, ranges)
            inside = {**ranges, node.iter: (low, high)}
            for value in range(low, high + 1, abs(node.step)):
                yield from _copies(node.body, inside, {**values, node.iter: value})
        else:
            for inner in blocks_of(node):
                yield from _copies(inner, ranges, values)


def _place(expr: Expr, values: Mapping[Iter, int]) -> object:
    """A subscript with the iterators that are unrolled replaced."""
    form = linear(expr)
    if form is None:
        return expr
    least, rest = form.constant, []
    for atom, coefficient in form.terms:
        if isinstance(atom, IterRef) and atom.iter in values:
            least += coefficient * values[atom.iter]
        elif isinstance(atom, IterRef):
            rest.append((atom, coefficient))
        else:
            return linear(substitute(expr, {it: constant(value) for it, value in values.items()})) or expr
    return least, *rest


def _identity(
    expr: Expr, values: Mapping[Iter, int], ids: dict[object, int], operators: dict[str, set[int]]
) -> int:
    """A number that two expressions share when they compute the same; notes operators on the way."""
    key: tuple[object, ...]
    if isinstance(expr, Load):
        key = (expr.array, *(_place(e, values) for e in expr.indices))
    else:
        inner = (_identity(part, values, ids, operators) for part in parts_of(expr))
        name = expr.op if isinstance(expr, Binary | Unary) else getattr(expr, "name", None)
        own = (expr.value,) if isinstance(expr, Const) else (expr,) if isinstance(expr, IterRef) else ()
        key = (type(expr).__name__, name, *own, *inner)
    found = ids.setdefault(key, len(ids))
    if isinstance(expr, Binary) and isinstance(expr.type, Float):
        operators.setdefault(expr.op, set()).add(found)
    return found
