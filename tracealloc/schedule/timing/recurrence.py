"""Recurrences of a pipelined loop: chains of values from one iteration to a later one, and the initiation
interval that they force: ceil(latency around the cycle / distance).

A pipelined loop that is all there is in the loop around it, with a constant number of iterations, is
flattened with that one: its pipeline does not drain in between, so chains through the outer loop count too.

Latencies are those of the hardware (`Operators`), a value that goes through a memory takes some more. Loops
inside a pipelined loop are unrolled, so a sum over them is a chain of additions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil

import islpy as isl

from tracealloc.poly.codegen.contraction import storage_of
from tracealloc.poly.dataflow.flow import Flow, flow_of
from tracealloc.poly.dependence.dependence import Dependence, dependences_of, time_map
from tracealloc.poly.dependence.legality import Instance, carries, distance_map, element_text
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
from tracealloc.poly.model.tree import LoopNode, Tree, loops_above, statements_of, upwards
from tracealloc.schedule.core.chains import chain_above, loop_values, runs_once, same_trips
from tracealloc.schedule.core.state import State
from tracealloc.schedule.hls.pipelined import flattened
from tracealloc.trace.ir.dtype import DType, Float
from tracealloc.trace.ir.expr import Binary, Cast, Compare, Expr, Intrinsic, Load, children
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.layout import effective_banks
from tracealloc.trace.ir.program import Array, Store

__all__ = ["Recurrence", "recurrences"]

_MOST_STATEMENTS = 12  # of a tangle of statements whose cycles are all looked at


@dataclass(frozen=True)
class Recurrence:
    """A cycle of statements through a loop. `latency` is in cycles, `distance` in iterations.

    `source` writes what `sink` reads in a later iteration, through `access`. `copies` iterations start at
    a time where the loop is unrolled.
    """

    latency: int
    distance: int
    met: _Met
    met_at: int
    access: Access
    dtype: DType
    copies: int = 1

    @cached_property
    def source(self) -> Instance:
        """The instance that writes."""
        return self.met.at(self.met_at)[0]

    @cached_property
    def sink(self) -> Instance:
        """The instance that reads."""
        return self.met.at(self.met_at)[1]

    @property
    def interval(self) -> int:
        """The least initiation interval that it allows."""
        return ceil(self.latency * self.copies / self.distance)

    def text(self) -> str:
        """The two iterations, the lines, the latency and the distance."""
        element, read = self._element()
        return (
            f"iteration {self.source.iteration} writes {element} ({self.source.where}), which iteration "
            f"{self.sink.iteration} reads as {read} ({self.sink.where}): "
            f"{self.latency} cycles of {self.dtype!r} arithmetic at distance {self.distance}"
            + (f", {self.copies} iterations at a time" if self.copies > 1 else "")
        )

    def _element(self) -> tuple[str, str]:
        """The element that is written and read, and the read as the user wrote it."""
        space = self.access.space
        for write in (a for a in self.source.statement.writes if a.space == space and a.exact):
            for read in (a for a in self.sink.statement.reads if a.space == space and a.exact):
                both = self.source.touched(write).intersect(self.sink.touched(read))
                if not both.is_empty():
                    return element_text(read.array, both), read.text
        return self.access.array.name, self.access.text


@dataclass(frozen=True)
class _Met:
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
class _Edge:
    """Values that go from one statement to another: least distance, latency in the reader."""

    distance: int
    latency: int
    met: _Met
    access: Access


def recurrences(state: State, loop: LoopNode, hardware: Hardware, alone: bool = False) -> list[Recurrence]:
    """The recurrences of floating-point arithmetic that a pipelined loop carries, worst first.

    Those through the loops that it is flattened with are among them, unless it is looked at `alone`.
    """
    names = statements_of(loop)
    nest = (loop,) if alone else flattened_nest(state, loop, hardware)
    suspects = _suspects(state, names)
    if not any(carries(state.model, suspects, state.tree, each.key) for each in nest):
        return []
    import networkx as nx  # slow to import, and most loops carry nothing

    near, far = _edges(state, nest, names, hardware)
    found = [_closed(state, loop, [edge]) for (a, b), edge in far.items() if a == b]
    graph = nx.DiGraph([*near, *far])
    for tangle in nx.strongly_connected_components(graph):
        if 1 < len(tangle) <= _MOST_STATEMENTS:
            for cycle in nx.simple_cycles(graph.subgraph(tangle), length_bound=4):
                steps = list(pairwise([*cycle, cycle[0]]))
                edges = [near.get(step) or far[step] for step in steps]
                if len(cycle) > 1 and any(edge.distance for edge in edges):
                    found.append(_closed(state, loop, edges))
                elif len(cycle) > 1:
                    found += [
                        _closed(state, loop, [*edges[:k], far[step], *edges[k + 1 :]])
                        for k, step in enumerate(steps)
                        if step in far
                    ]
    return sorted((r for r in found if r is not None), key=lambda r: -r.interval)


def _suspects(state: State, names: frozenset[str]) -> list[Dependence]:
    """The dependences between some statements that floating-point numbers may go along."""
    known: dict[frozenset[str], list[Dependence]] = state.model.memo.setdefault("suspects", {})
    if names not in known:
        known[names] = [d for d in dependences_of(state.model, names) if _brings_floats(state, d)]
    return known[names]


def _brings_floats(state: State, dependence: Dependence) -> bool:
    """Whether a floating-point number may go along a dependence: it is written, and read later.

    An update reads what it writes, which dependences do not say again.
    """
    before, after = dependence.before, dependence.after
    if not (isinstance(before.array.dtype, Float) and before.write):
        return False
    reads = state.model.statement(dependence.sink).reads
    return not after.write or any(read.space == after.space for read in reads)


_Edges = dict[tuple[str, str], _Edge]


def _flow(state: State, outer: LoopNode) -> Flow:
    """Where floating-point values go inside a nest, in the state's order; found once for all its loops."""
    known: dict[str, tuple[Tree, Flow]] = state.model.memo.setdefault("float flow", {})
    found = known.get(outer.key)
    if found is None or found[0] is not state.tree:
        names = statements_of(outer)
        written = (access.array for name in names for access in state.model.statement(name).writes)
        arrays = frozenset(array for array in written if isinstance(array.dtype, Float))
        found = known[outer.key] = (state.tree, flow_of(state.model, state.tree, arrays, names))
    return found[1]


def _edges(
    state: State, nest: tuple[LoopNode, ...], names: frozenset[str], hardware: Hardware
) -> tuple[_Edges, _Edges]:
    """Where values go within an iteration of a flattened nest, and to a later one."""
    chain = chain_above(state, nest[-1].key)
    flow = _flow(state, chain[0])
    count = distance_map(len(chain) - len(nest), [_trips(state, each) for each in nest])
    near: _Edges = {}
    far: _Edges = {}
    for piece in pieces(flow.sources):
        reads = piece.range().unwrap()
        ends = (str(piece.domain().get_tuple_name()), str(reads.domain().get_tuple_name()))
        if not names.issuperset(ends):
            continue
        source, sink = (state.model.statement(name) for name in ends)
        space = str(reads.range().get_tuple_name())
        access = next(a for a in sink.reads if a.space == space)
        latency = _latency(state, sink, access.array, hardware)
        if latency is None:
            continue
        pairs = piece.range_factor_domain()
        times = (time_map(source, chain), time_map(sink, chain))
        plain = renamed_input(with_tuple(pairs, "A"), "A")
        first, second = (renamed_input(each, "A") for each in times)
        for found, least in zip((near, far), _distances(plain, first, second, count), strict=True):
            if least is None or (found is near and least > 0):
                continue
            old = found.get(ends)
            if old is None or old.distance > least or old.latency < latency:
                met = _Met(source, sink, pairs, count, times)
                found[ends] = _Edge(least, latency, met, access)
    return near, far


@remembered(1 << 12)
def _distances(pairs: isl.Map, first: isl.Map, second: isl.Map, count: isl.Map) -> tuple[int | None, ...]:
    """The least distance from 0 on between instances at some times, and the least from 1 on."""
    moved = pairs.apply_domain(first).apply_range(second)
    steps = moved.deltas().apply(count)
    return least_at(steps, 0, 0), least_at(steps, 0, 1)


def _trips(state: State, loop: LoopNode) -> tuple[int, int]:
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


def _closed(state: State, loop: LoopNode, edges: list[_Edge]) -> Recurrence | None:
    """The recurrence of a cycle of edges (None where no floating-point number is computed)."""
    far = next(edge for edge in edges if edge.distance)
    dtype = far.access.array.dtype
    latency = sum(edge.latency * _chained(state, loop, edge.met.sink) for edge in edges)
    if not isinstance(dtype, Float) or latency < 2:
        return None
    distance = sum(edge.distance for edge in edges)
    copies = loop.marks.copies or 1
    return Recurrence(latency, distance, far.met, far.distance, far.access, dtype, copies)


def _chained(state: State, loop: LoopNode, statement: Statement) -> int:
    """How often a statement runs one after the other within one iteration, adding to its own result."""
    above = loops_above(state.tree, statement.name)
    depth = next(k for k, other in enumerate(above) if other.key == loop.key)
    if depth + 1 == len(above):
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


def _latency(state: State, statement: Statement, array: Array, hardware: Hardware) -> int | None:
    """The cycles from a read of an array to the result of a statement (None: the result is not reached)."""
    if not isinstance(statement.node, Store):
        return None
    stages = _stages(statement.node.value, array, hardware)
    if stages is None:
        return None
    return stages + (0 if _in_registers(state, array) else hardware.memory_latency)


def _in_registers(state: State, array: Array) -> bool:
    storage = storage_of(state.model, state.tree, array)
    banks = effective_banks(state.layout(array), storage.array.shape)
    return all(bank.kind == "complete" for bank in banks)


def _stages(expr: Expr, array: Array, hardware: Hardware) -> int | None:
    """The stages on the longest way from a load of an array to the value of an expression."""
    if isinstance(expr, Load) and expr.array == array:
        return 0
    each = (_stages(child, array, hardware) for child in children(expr))
    inner = [found for found in each if found is not None]
    return max(inner) + _stage(expr, hardware) if inner else None


def _stage(expr: Expr, hardware: Hardware) -> int:
    match expr:
        case Binary(op=op, type=Float() as dtype):
            return hardware.stages(op, dtype.bits)
        case Compare(left=left) if isinstance(left.dtype, Float):
            return hardware.stages("compare", left.dtype.bits)
        case Cast(operand=operand, type=Float() as dtype) if operand.dtype != dtype:
            return hardware.stages("cast", dtype.bits)
        case Intrinsic(name=name, type=Float() as dtype):
            return hardware.stages(name, dtype.bits, function=True)
        case _:
            return 0
