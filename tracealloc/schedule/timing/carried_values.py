"""Where values go from statement to statement in a pipelined nest: within an iteration, and to a later one.

Only what may be on a cycle is asked of isl: arrays that statements of one tangle of dependences hand on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, reduce
from math import ceil

import islpy as isl

from tracealloc.poly.dataflow.flow import Flow, flow_of
from tracealloc.poly.dependence.dependence import Dependence, dependences_of, same_sum, time_map
from tracealloc.poly.dependence.legality import Instance, distance_map
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.isl.named import (
    at_distance,
    fix_to_zero,
    is_zero_at,
    least_at,
    point_values,
    renamed_input,
    with_tuple,
)
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.model.model import Access, Statement
from tracealloc.poly.model.tree import LoopNode, Tree, leaves, loops_above, statements_of, upwards
from tracealloc.schedule.core.chains import chain_above, loop_values, runs_once, same_trips
from tracealloc.schedule.core.state import State
from tracealloc.schedule.hls.pipelined import flattened
from tracealloc.schedule.timing.latency import BEGINNING, Arrays, Clocked, Instant, Walk, latest
from tracealloc.schedule.timing.operations import StateArrays
from tracealloc.trace.ir.expr import Load
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.operators import Operator
from tracealloc.trace.ir.program import Array

__all__ = [
    "Handed",
    "Met",
    "carried_dependences",
    "copied",
    "flattened_nest",
    "handed_on",
    "trips_of",
]

_FOLLOWED = 32  # repetitions of a statement that are followed; more go on at the same pace


@dataclass(frozen=True)
class Met:
    """The instances between which values go: asked for only where a message shows two of them."""

    source: Statement
    sink: Statement
    pairs: isl.Map
    count: isl.Map
    times: tuple[isl.Map, isl.Map]

    def at(self, distance: int) -> tuple[Instance, Instance]:
        """The least pair at a distance."""
        moved = self.pairs.apply_domain(self.times[0]).apply_range(self.times[1])
        here = at_distance(moved, self.count, distance)
        here = here.apply_domain(self.times[0].reverse()).apply_range(self.times[1].reverse())
        values = point_values(self.pairs.intersect(here).wrap()) or []
        split = len(self.source.dims)
        return Instance(self.source, tuple(values[:split])), Instance(self.sink, tuple(values[split:]))


@dataclass(frozen=True)
class Handed:
    """Values that go from one statement to another, `distance` iterations later, through a read of it."""

    met: Met
    access: Access
    distance: int
    reader: Reader

    @property
    def source(self) -> str:
        """The statement that writes."""
        return self.met.source.name

    @property
    def sink(self) -> str:
        """The statement that reads."""
        return self.met.sink.name

    def after(self, at: Instant) -> Instant | None:
        """When the reader's result is there, if the iteration begins or the value is there at `at`."""
        return self.reader.after(at, fresh=self.distance == 0)

    @cached_property
    def cycles(self) -> float:
        """The latency in cycles, for itself."""
        budget = self.reader.clocked.table.budget
        at = self.after(BEGINNING)
        return 0.0 if at is None else at.stage + at.ns / budget


@dataclass(frozen=True)
class Reader:
    """A statement that reads an array; it runs `times` on its own result."""

    clocked: Clocked
    statement: Statement
    access: Access
    arrays: Arrays
    times: int

    def after(self, at: Instant, fresh: bool) -> Instant | None:
        """When the result is there; `fresh`: the value need not be loaded."""
        once = self._once(at, fresh)
        if once is None or self.times == 1:
            return once
        followed = min(self.times, _FOLLOWED)
        found: Instant | None = once
        for _ in range(followed - 1):
            found = None if found is None else self._once(found, True)
        if found is None or followed == self.times:
            return found
        pace = (found.stage - once.stage) / (followed - 1)
        return Instant(found.stage + ceil(pace * (self.times - followed)), found.ns)

    @cached_property
    def _known(self) -> dict[tuple[float, bool], Instant | None]:
        return {}

    def _once(self, at: Instant, fresh: bool) -> Instant | None:
        """The same for one run, which takes as long in whichever stage it begins."""
        if (at.ns, fresh) not in self._known:
            self._known[at.ns, fresh] = self._slowest(Instant(0, at.ns), fresh)
        found = self._known[at.ns, fresh]
        return None if found is None else Instant(found.stage + at.stage, found.ns)

    def _slowest(self, at: Instant, fresh: bool) -> Instant | None:
        part = self.access.part
        exact = self._path(at, fresh, part) if isinstance(part, Load) else None
        return self._path(at, fresh, None) if exact is None else exact

    def _path(self, at: Instant, fresh: bool, part: Load | None) -> Instant | None:
        """From a load (None: any of the array) to the end of the statement."""
        array = self.access.array
        start = at if fresh else self.clocked.after(at, self._load())

        def begins(load: Load, actual: Array) -> Instant | None:
            return start if (load == part if part is not None else actual == array) else None

        walk = Walk(self.clocked, begins, self.arrays)
        guard = latest([walk.of(cond) for cond in self.statement.guards])
        return walk.node(self.statement.node, guard)

    def _load(self) -> tuple[Operator, ...]:
        array = self.access.array
        return self.clocked.access("load", self.arrays.memory(array), array.dtype.bits)


def carried_dependences(state: State, names: frozenset[str]) -> list[Dependence]:
    """The dependences along which values may go around: between statements of a tangle, through arrays."""
    known: dict[frozenset[str], list[Dependence]] = state.model.memo.setdefault("carried", {})
    if names not in known:
        found = [each for each in dependences_of(state.model, names) if _brings_values(state, each)]
        own = [each for each in found if each.source == each.sink]
        if len(own) < len(found):
            import networkx as nx  # slow to import, and most loops carry nothing

            graph = nx.DiGraph([(each.source, each.sink) for each in found])
            tangles = nx.strongly_connected_components(graph)
            number = {name: k for k, tangle in enumerate(tangles) for name in tangle}
            found = [each for each in found if number[each.source] == number[each.sink]]
        known[names] = found
    return known[names]


def _brings_values(state: State, dependence: Dependence) -> bool:
    """Whether a value may go along a dependence: it is written, and read later.

    An update reads what it writes, which dependences do not say again.
    """
    before, after = dependence.before, dependence.after
    if not before.write or before.array.kind in ("stream", "kept"):
        return False
    reads = state.model.statement(dependence.sink).reads
    return not after.write or any(read.space == after.space and not read.update for read in reads)


def _flow(state: State, outer: LoopNode, arrays: frozenset[Array]) -> Flow:
    """Where values go inside a nest, in the state's order; found once for all its loops."""
    known: dict[tuple[str, frozenset[Array]], tuple[Tree, Flow]]
    known = state.model.memo.setdefault("carried flow", {})
    found = known.get((outer.key, arrays))
    if found is None or found[0] is not state.tree:
        flow = flow_of(state.model, state.tree, arrays, statements_of(outer))
        found = known[outer.key, arrays] = (state.tree, flow)
    return found[1]


def handed_on(
    state: State, loop: LoopNode, nest: tuple[LoopNode, ...], hardware: Hardware
) -> Iterator[Handed]:
    """The values that statements of a pipelined nest hand on, in an iteration and to the nearest other."""
    names = statements_of(loop)
    chain = chain_above(state, loop.key)
    order = {name: number for number, name in enumerate(leaves(loop.body))}
    arrays = frozenset(each.before.array for each in carried_dependences(state, names))
    count = distance_map(len(chain) - len(nest), [trips_of(state, each) for each in nest])
    kept = frozenset[Array]()
    if hardware.promotes and len(nest) == 1:
        kept = frozenset(array for array in arrays if _is_one_element(state, names, chain[:-1], array))
    repeated = cache(lambda name: _repeated(state, loop, state.model.statement(name)))
    clocked, arrays_of = Clocked(hardware.operators, tight=True), StateArrays(state, hardware, kept)
    for piece in pieces(_flow(state, chain[0], arrays).sources):
        reads = piece.range().unwrap()
        ends = (str(piece.domain().get_tuple_name()), str(reads.domain().get_tuple_name()))
        if not names.issuperset(ends):
            continue
        source, sink = (state.model.statement(name) for name in ends)
        space = str(reads.range().get_tuple_name())
        times = (time_map(source, chain), time_map(sink, chain))
        for access in sink.reads:
            if access.space != space or access.update:
                continue
            pairs = piece.intersect_range(access.relation.wrap()).range_factor_domain()
            if pairs.is_empty():
                continue
            plain = renamed_input(with_tuple(pairs, "A"), "A")
            first, second = (renamed_input(each, "A") for each in times)
            now, later = _distances(plain, first, second, count)
            reader = Reader(clocked, sink, access, arrays_of, repeated(sink.name))
            if reader.after(BEGINNING, True) is None:
                continue
            met = Met(source, sink, pairs, count, times)
            if now == 0 and order[ends[0]] < order[ends[1]]:
                yield Handed(met, access, 0, reader)
            if later is not None:
                yield Handed(met, access, later, reader)


def _is_one_element(state: State, names: frozenset[str], outer: tuple[LoopNode, ...], array: Array) -> bool:
    """Whether statements use one element of an array in each iteration of the loops around a loop."""
    used: list[isl.Map] = []
    for name in sorted(names):
        statement = state.model.statement(name)
        times = time_map(statement, outer)
        used += [a.relation.apply_domain(times) for a in statement.accesses if a.array == array]
    if len({str(each.range().get_tuple_name()) for each in used}) > 1:
        return False  # fields of a record, each in its own space
    return reduce(isl.Map.union, used).is_single_valued()


@remembered(1 << 12)
def _distances(pairs: isl.Map, first: isl.Map, second: isl.Map, count: isl.Map) -> tuple[int | None, ...]:
    """The least distance from 0 on between instances at some times, and the least from 1 on."""
    moved = pairs.apply_domain(first).apply_range(second)
    steps = moved.deltas().apply(count)
    return least_at(steps, 0, 0), least_at(steps, 0, 1)


def trips_of(state: State, loop: LoopNode) -> tuple[int, int]:
    """How often a loop of a flattened nest runs, and its step."""
    if runs_once(state, loop):
        return 1, loop.step
    low, high = loop_values(state.model, loop) or (0, 0)
    return (high - low) // loop.step + 1, loop.step


def flattened_nest(state: State, loop: LoopNode, hardware: Hardware) -> tuple[LoopNode, ...]:
    """The perfect nest, outermost first, that becomes one loop when its innermost loop is pipelined."""
    chain = chain_above(state, loop.key)
    return tuple(
        flattened(
            hardware,
            chain,
            lambda outer, inner: outer.body is inner,
            lambda k: same_trips(state, chain[k]),
        )
    )


def _repeated(state: State, loop: LoopNode, statement: Statement) -> int:
    """How often a statement runs one after the other within one iteration, on its own result.

    Sums of integers are added up in a tree first: one addition waits for the iteration before.
    """
    above = loops_above(state.tree, statement.name)
    depth = next(k for k, other in enumerate(above) if other.key == loop.key)
    # (A call may only read.)
    if depth + 1 == len(above) or not statement.writes or same_sum(statement, statement) == "integer":
        return 1
    write = statement.writes[0]
    same = write.relation.apply_range(write.relation.reverse())
    chain = upwards(above)
    times = time_map(statement, chain)
    deltas = fix_to_zero(same.apply_domain(times).apply_range(times).deltas(), depth + 1)
    count = 1
    for position in range(depth + 1, len(above)):
        if not is_zero_at(deltas, position):
            low, high = loop_values(state.model, above[position]) or (0, 0)
            count *= (high - low) // above[position].step + 1
    return count


def copied(handed: Handed, copies: int) -> Handed:
    """The same values where so many iterations start at a time, one after the other."""
    statement = handed.reader.statement
    if copies == 1 or same_sum(statement, statement) == "integer":
        return handed
    return replace(handed, reader=replace(handed.reader, times=handed.reader.times * copies))
